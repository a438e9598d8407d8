// ListModels: the models of a catalog in the order of the public lists, filtered, page by page.
#pragma once

#include "base/result.h"
#include "maestro/registry/v1/registry_service.pb.h"
#include "route/catalog.h"

namespace maestro::registry {

// invalid_request: the page token is of another catalog, or none of ours.
Result<v1::ListModelsResponse> list_models(const v1::Catalog& catalog, const route::Catalog& routed,
                                           const v1::ListModelsRequest& request);

}  // namespace maestro::registry
