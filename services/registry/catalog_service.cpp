#include "registry/catalog_service.h"

#include <chrono>
#include <utility>

#include "base/limits.h"
#include "rpc/answer.h"

namespace maestro::registry {
namespace {

// A watch that ends before it began.
class RefusedWatch final : public grpc::ServerWriteReactor<v1::WatchCatalogResponse> {
 public:
  explicit RefusedWatch(const Error& error) { Finish(rpc::to_status(error, rpc::Package::registry)); }
  void OnDone() override { delete this; }
};

}  // namespace

grpc::ServerWriteReactor<v1::WatchCatalogResponse>* CatalogService::WatchCatalog(
    grpc::CallbackServerContext* context, const v1::WatchCatalogRequest* request) {
  if (auto judged = rpc::judge_peer(*context, plaintext_peers_); !judged) return new RefusedWatch(judged.error());
  if (!request->instance_id().empty()) {
    auto begin = [this, id = request->instance_id(), version = request->instance_version()] {
      registry_.instances().begin_watch(id, version);
    };
    boost::asio::post(executor_, std::move(begin));
  }
  Publisher::Broadcast::First first;
  if (request->has_known_revision()) {
    first = [known = request->known_revision()](const v1::WatchCatalogResponse& present) {
      if (!same_revision(known, present.revision())) return Result<v1::WatchCatalogResponse>(present);
      v1::WatchCatalogResponse unchanged;
      *unchanged.mutable_revision() = present.revision();
      return Result<v1::WatchCatalogResponse>(std::move(unchanged));
    };
  }
  return registry_.publisher().broadcast().watch(context, request->instance_id(), std::move(first));
}

grpc::ServerUnaryReactor* CatalogService::AcknowledgeCatalog(grpc::CallbackServerContext* context,
                                                             const v1::AcknowledgeCatalogRequest* request,
                                                             v1::AcknowledgeCatalogResponse*) {
  auto judged = rpc::judge_peer(*context, plaintext_peers_);
  if (!judged) return rpc::refuse(context, rpc::Package::registry, judged.error());
  rpc::Work work = [this, request] {
    registry_.instances().acknowledge(*request, registry_.publisher(), std::chrono::steady_clock::now());
    return success();
  };
  return rpc::answer(context, executor_, rpc::Package::registry, std::move(work));
}

grpc::ServerUnaryReactor* CatalogService::ReportHealth(grpc::CallbackServerContext* context,
                                                       const v1::ReportHealthRequest* request,
                                                       v1::ReportHealthResponse* response) {
  auto judged = rpc::judge_peer(*context, plaintext_peers_);
  if (!judged) return rpc::refuse(context, rpc::Package::registry, judged.error());
  rpc::Work work = [this, request, response] {
    response->mutable_report_interval()->set_seconds(std::chrono::seconds(limits::health_report_interval).count());
    return registry_.instances().report(*request, std::chrono::steady_clock::now());
  };
  return rpc::answer(context, executor_, rpc::Package::registry, std::move(work));
}

}  // namespace maestro::registry
