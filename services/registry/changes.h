// The changes that admin calls make to providers.json and priorities.json. Each names the revision that it read; one
// that is refused leaves no trace.
#pragma once

#include <grpcpp/support/status.h>

#include "maestro/registry/v1/registry_service.pb.h"
#include "registry/registry.h"
#include "rpc/loop.h"

namespace maestro::registry {

// Request and response live until the coroutine has returned.
rpc::Awaitable<grpc::Status> put_provider(Registry& registry, const v1::PutProviderRequest& request,
                                          v1::PutProviderResponse& response);
grpc::Status delete_provider(Registry& registry, const v1::DeleteProviderRequest& request,
                             v1::DeleteProviderResponse& response);
grpc::Status update_config(Registry& registry, const v1::UpdateConfigRequest& request,
                           v1::UpdateConfigResponse& response);

}  // namespace maestro::registry
