#include "registry/registry_service.h"

#include <algorithm>
#include <fstream>
#include <utility>

#include <unistd.h>

#include "base/limits.h"
#include "base/version.h"
#include "registry/changes.h"
#include "registry/model_pages.h"
#include "registry/names.h"
#include "registry/priorities_file.h"
#include "rpc/answer.h"
#include "rpc/peer.h"

namespace maestro::registry {
namespace {

constexpr auto refresh_time_max = limits::model_list_time_max;

grpc::Status refused(const Error& error) { return rpc::to_status(error, rpc::Package::registry); }

Error no_catalog() {
  return Error(ErrorKind::unavailable,
               "There is no catalog yet: the registry has just started. Try again in a moment.");
}

std::int64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::int64_t total = 0;
  std::int64_t resident = 0;
  file >> total >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

std::chrono::nanoseconds time_from(const google::protobuf::Duration& duration) {
  return std::chrono::seconds(duration.seconds()) + std::chrono::nanoseconds(duration.nanos());
}

bool is_settled(const v1::InstanceState& state, const v1::Revision& asked, const v1::Revision& present) {
  return serves(state.applied_revision(), asked, present) ||
         (state.has_refused_revision() && serves(state.refused_revision(), asked, present));
}

// True: every gateway that watches has applied or refused what was asked for.
bool fill_instances(Registry& registry, const v1::Revision& asked, v1::GetStatusResponse& response) {
  const v1::Revision& present = registry.publisher().revision();
  response.clear_instances();
  bool settled = true;
  bool complete = true;
  for (v1::InstanceState& state : registry.instances().states(registry.publisher().broadcast().instances())) {
    settled = settled && is_settled(state, asked, present);
    complete = complete && serves(state.applied_revision(), asked, present);
    *response.add_instances() = std::move(state);
  }
  response.set_complete(complete);
  return settled;
}

rpc::Awaitable<grpc::Status> get_status(Registry& registry, std::chrono::system_clock::time_point start_time,
                                        const v1::GetStatusRequest& request, v1::GetStatusResponse& response) {
  const auto wait = std::clamp<std::chrono::nanoseconds>(time_from(request.wait_max()), std::chrono::nanoseconds(0),
                                                         limits::status_wait_time_max);
  const Deadline deadline = Deadline::in(wait);
  const v1::Revision asked = request.has_revision() ? request.revision() : registry.publisher().revision();
  while (!fill_instances(registry, asked, response) && !deadline.passed()) {
    co_await registry.instances().changed().wait_until(deadline.at);
  }
  response.set_version(std::string(version));
  const auto start = std::chrono::duration_cast<std::chrono::seconds>(start_time.time_since_epoch());
  response.mutable_start_time()->set_seconds(start.count());
  response.set_ready(registry.publisher().present() != nullptr);
  response.set_memory_bytes(resident_bytes());
  if (registry.publisher().present() != nullptr) *response.mutable_revision() = registry.publisher().revision();
  co_return grpc::Status::OK;
}

rpc::Awaitable<grpc::Status> refresh_models(Registry& registry, const v1::RefreshModelsRequest& request,
                                            v1::RefreshModelsResponse& response) {
  const v1::Catalog* catalog = registry.publisher().present();
  if (catalog == nullptr) co_return refused(no_catalog());
  const std::string id = request.provider_id();
  const bool is_known = id.empty() || std::any_of(catalog->providers().begin(), catalog->providers().end(),
                                                  [&](const v1::Provider& provider) { return provider.id() == id; });
  if (!is_known) co_return refused(Error(ErrorKind::not_found, "There is no provider of this name."));
  auto problems = co_await registry.lists().refresh(id, Deadline::in(refresh_time_max));
  for (auto& [provider, problem] : problems) (*response.mutable_problems())[provider] = std::move(problem);
  catalog = registry.publisher().present();
  *response.mutable_catalog_revision() = registry.publisher().revision();
  for (const v1::Model& model : catalog->models()) {
    if (id.empty() || model.provider_id() == id) response.set_model_count(response.model_count() + 1);
  }
  co_return grpc::Status::OK;
}

}  // namespace

Result<void> RegistryService::judge(const Context& context) const {
  return registry_.keys().judge(rpc::presented_keys(context), std::chrono::system_clock::now());
}

RegistryService::Reactor* RegistryService::answer(Context* context, std::function<grpc::Status()> work) {
  rpc::StatusWork judged = [this, context, work = std::move(work)] {
    if (auto admin = judge(*context); !admin) return refused(admin.error());
    return work();
  };
  return rpc::answer(context, executor_, rpc::Package::registry, std::move(judged));
}

RegistryService::Reactor* RegistryService::answer_later(Context* context,
                                                        std::function<rpc::Awaitable<grpc::Status>()> work) {
  rpc::StatusCoroutineWork judged = [this, context, work = std::move(work)]() -> rpc::Awaitable<grpc::Status> {
    if (auto admin = judge(*context); !admin) {
      const auto refuse = [](Error error) -> rpc::Awaitable<grpc::Status> { co_return refused(error); };
      return refuse(admin.error());
    }
    return work();
  };
  return rpc::answer(context, executor_, rpc::Package::registry, std::move(judged));
}

RegistryService::Reactor* RegistryService::ListProviders(Context* context, const v1::ListProvidersRequest*,
                                                         v1::ListProvidersResponse* response) {
  return answer(context, [this, response] {
    // What is wrong with the whole file stands first, as a view without a provider.
    if (!registry_.providers_problem().empty()) response->add_providers()->set_problem(registry_.providers_problem());
    for (const v1::ProviderView& view : registry_.views()) *response->add_providers() = view;
    response->set_revision(registry_.providers().revision);
    return grpc::Status::OK;
  });
}

RegistryService::Reactor* RegistryService::PutProvider(Context* context, const v1::PutProviderRequest* request,
                                                       v1::PutProviderResponse* response) {
  return answer_later(context, [this, request, response] { return put_provider(registry_, *request, *response); });
}

RegistryService::Reactor* RegistryService::DeleteProvider(Context* context, const v1::DeleteProviderRequest* request,
                                                          v1::DeleteProviderResponse* response) {
  return answer(context, [this, request, response] { return delete_provider(registry_, *request, *response); });
}

RegistryService::Reactor* RegistryService::ListModels(Context* context, const v1::ListModelsRequest* request,
                                                      v1::ListModelsResponse* response) {
  return answer(context, [this, request, response] {
    const v1::Catalog* catalog = registry_.publisher().present();
    if (catalog == nullptr) return refused(no_catalog());
    auto page = list_models(*catalog, *registry_.publisher().routed(), *request);
    if (!page) return refused(page.error());
    *response = std::move(*page);
    return grpc::Status::OK;
  });
}

RegistryService::Reactor* RegistryService::RefreshModels(Context* context, const v1::RefreshModelsRequest* request,
                                                         v1::RefreshModelsResponse* response) {
  return answer_later(context, [this, request, response] { return refresh_models(registry_, *request, *response); });
}

RegistryService::Reactor* RegistryService::ResolveModel(Context* context, const v1::ResolveModelRequest* request,
                                                        v1::ResolveModelResponse* response) {
  return answer(context, [this, request, response] {
    const v1::Catalog* catalog = registry_.publisher().present();
    if (catalog == nullptr) return refused(no_catalog());
    *response->mutable_resolution() = resolve_model(*catalog, *registry_.publisher().routed(), request->model());
    *response->mutable_catalog_revision() = catalog->revision();
    return grpc::Status::OK;
  });
}

RegistryService::Reactor* RegistryService::Explain(Context* context, const v1::ExplainRequest*, v1::ExplainResponse*) {
  return answer(context, [] {
    return refused(
        Error(ErrorKind::method_not_allowed,
              "This version does not explain plans. ResolveModel tells what a name means, ListProviders what "
              "each provider waits for."));
  });
}

RegistryService::Reactor* RegistryService::GetConfig(Context* context, const v1::GetConfigRequest*,
                                                     v1::GetConfigResponse* response) {
  return answer(context, [this, response] {
    *response->mutable_config() = registry_.config();
    response->set_revision(config_revision(registry_.config()));
    response->set_problem(registry_.config_problem());
    return grpc::Status::OK;
  });
}

RegistryService::Reactor* RegistryService::UpdateConfig(Context* context, const v1::UpdateConfigRequest* request,
                                                        v1::UpdateConfigResponse* response) {
  return answer(context, [this, request, response] { return update_config(registry_, *request, *response); });
}

RegistryService::Reactor* RegistryService::GetStatus(Context* context, const v1::GetStatusRequest* request,
                                                     v1::GetStatusResponse* response) {
  return answer_later(context,
                      [this, request, response] { return get_status(registry_, start_time_, *request, *response); });
}

}  // namespace maestro::registry
