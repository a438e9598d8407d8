// What a model name means, by the very rules of the gateways: libs/route decides, and here its answer becomes the
// contract's. Pure.
#pragma once

#include <memory>
#include <string_view>

#include "base/result.h"
#include "maestro/registry/v1/catalog.pb.h"
#include "maestro/registry/v1/registry_service.pb.h"
#include "route/catalog.h"

namespace maestro::registry {

// Models stay at their index. invalid_request: the catalog does not hold together.
Result<std::shared_ptr<const route::Catalog>> to_route(const v1::Catalog& catalog);

// `routed` is to_route(catalog).
v1::Resolution resolve_model(const v1::Catalog& catalog, const route::Catalog& routed, std::string_view name);

}  // namespace maestro::registry
