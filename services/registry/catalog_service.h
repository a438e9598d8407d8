// maestro.registry.v1.CatalogService: for gateways, by their peer identity.
#pragma once

#include <string>

#include "maestro/registry/v1/catalog.grpc.pb.h"
#include "registry/registry.h"
#include "rpc/loop.h"
#include "rpc/peer.h"

namespace maestro::registry {

class CatalogService final : public v1::CatalogService::CallbackService {
 public:
  // `registry` outlives every call.
  CatalogService(const rpc::Executor& executor, Registry& registry, rpc::PlaintextPeers plaintext_peers)
      : executor_(executor), registry_(registry), plaintext_peers_(plaintext_peers) {}

  grpc::ServerWriteReactor<v1::WatchCatalogResponse>* WatchCatalog(grpc::CallbackServerContext* context,
                                                                   const v1::WatchCatalogRequest* request) override;
  grpc::ServerUnaryReactor* AcknowledgeCatalog(grpc::CallbackServerContext* context,
                                               const v1::AcknowledgeCatalogRequest* request,
                                               v1::AcknowledgeCatalogResponse* response) override;
  grpc::ServerUnaryReactor* ReportHealth(grpc::CallbackServerContext* context, const v1::ReportHealthRequest* request,
                                         v1::ReportHealthResponse* response) override;

 private:
  rpc::Executor executor_;
  Registry& registry_;
  rpc::PlaintextPeers plaintext_peers_;
};

}  // namespace maestro::registry
