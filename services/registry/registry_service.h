// maestro.registry.v1.RegistryService: for people and programs, by a client key with the admin scope.
#pragma once

#include <chrono>
#include <functional>

#include "maestro/registry/v1/registry_service.grpc.pb.h"
#include "registry/registry.h"
#include "rpc/loop.h"

namespace maestro::registry {

class RegistryService final : public v1::RegistryService::CallbackService {
 public:
  // `registry` outlives every call.
  RegistryService(const rpc::Executor& executor, Registry& registry) : executor_(executor), registry_(registry) {}

  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;

  Reactor* ListProviders(Context*, const v1::ListProvidersRequest*, v1::ListProvidersResponse*) override;
  Reactor* PutProvider(Context*, const v1::PutProviderRequest*, v1::PutProviderResponse*) override;
  Reactor* DeleteProvider(Context*, const v1::DeleteProviderRequest*, v1::DeleteProviderResponse*) override;
  Reactor* ListModels(Context*, const v1::ListModelsRequest*, v1::ListModelsResponse*) override;
  Reactor* RefreshModels(Context*, const v1::RefreshModelsRequest*, v1::RefreshModelsResponse*) override;
  Reactor* ResolveModel(Context*, const v1::ResolveModelRequest*, v1::ResolveModelResponse*) override;
  Reactor* Explain(Context*, const v1::ExplainRequest*, v1::ExplainResponse*) override;
  Reactor* GetConfig(Context*, const v1::GetConfigRequest*, v1::GetConfigResponse*) override;
  Reactor* UpdateConfig(Context*, const v1::UpdateConfigRequest*, v1::UpdateConfigResponse*) override;
  Reactor* GetStatus(Context*, const v1::GetStatusRequest*, v1::GetStatusResponse*) override;

 private:
  // Each call's key is judged on the loop, before anything else.
  Reactor* answer(Context* context, std::function<grpc::Status()> work);
  Reactor* answer_later(Context* context, std::function<rpc::Awaitable<grpc::Status>()> work);
  Result<void> judge(const Context& context) const;

  rpc::Executor executor_;
  Registry& registry_;
  std::chrono::system_clock::time_point start_time_ = std::chrono::system_clock::now();
};

}  // namespace maestro::registry
