// maestro.auth.v1.LeaseService: what peers get. Callers prove themselves by the Unix socket, see rpc/peer.h.
#pragma once

#include <string>

#include "auth/declarations.h"
#include "auth/holders.h"
#include "auth/vault.h"
#include "maestro/auth/v1/lease_service.grpc.pb.h"
#include "rpc/answer.h"
#include "rpc/broadcast.h"
#include "rpc/peer.h"

namespace maestro::auth {

class LeaseMethods final : public v1::LeaseService::CallbackService {
 public:
  using Context = grpc::CallbackServerContext;

  // All of them outlive the server that serves this.
  LeaseMethods(const rpc::Executor& executor, Vault& vault, Declarations& declarations,
               rpc::PlaintextPeers plaintext_peers);

  void publish_keys();
  void publish_credentials();
  void drain();

  // For the status: who watches, who holds what.
  rpc::Broadcast<v1::WatchKeysResponse>& keys() { return keys_; }
  rpc::Broadcast<v1::WatchCredentialsResponse>& credentials() { return credentials_; }
  Holders& key_holders() { return key_holders_; }
  Holders& credential_holders() { return credential_holders_; }
  Waiters& waiters() { return waiters_; }

  grpc::ServerWriteReactor<v1::WatchKeysResponse>* WatchKeys(Context* context,
                                                             const v1::WatchKeysRequest* request) override;
  grpc::ServerWriteReactor<v1::WatchCredentialsResponse>* WatchCredentials(
      Context* context, const v1::WatchCredentialsRequest* request) override;
  grpc::ServerUnaryReactor* AcknowledgeSnapshot(Context* context, const v1::AcknowledgeSnapshotRequest* request,
                                                v1::AcknowledgeSnapshotResponse* response) override;
  grpc::ServerUnaryReactor* GetCredential(Context* context, const v1::GetCredentialRequest* request,
                                          v1::GetCredentialResponse* response) override;
  grpc::ServerUnaryReactor* ReportRejected(Context* context, const v1::ReportRejectedRequest* request,
                                           v1::ReportRejectedResponse* response) override;
  grpc::ServerUnaryReactor* LeaseQuota(Context* context, const v1::LeaseQuotaRequest* request,
                                       v1::LeaseQuotaResponse* response) override;
  grpc::ServerUnaryReactor* DeclareProviders(Context* context, const v1::DeclareProvidersRequest* request,
                                             v1::DeclareProvidersResponse* response) override;

 private:
  // The work on the loop, once the peer is believed.
  grpc::ServerUnaryReactor* for_peer(Context* context, rpc::StatusWork work);

  grpc::Status acknowledge(const v1::AcknowledgeSnapshotRequest& request);
  grpc::Status get_credential(const v1::GetCredentialRequest& request, v1::GetCredentialResponse& response);
  grpc::Status report_rejected(const v1::ReportRejectedRequest& request, v1::ReportRejectedResponse& response);
  grpc::Status lease_quota(const v1::LeaseQuotaRequest& request, v1::LeaseQuotaResponse& response);
  grpc::Status declare(const v1::DeclareProvidersRequest& request);

  rpc::Executor executor_;
  Vault& vault_;
  Declarations& declarations_;
  rpc::PlaintextPeers plaintext_peers_;
  rpc::Broadcast<v1::WatchKeysResponse> keys_;
  rpc::Broadcast<v1::WatchCredentialsResponse> credentials_;
  Holders key_holders_;
  Holders credential_holders_;
  Waiters waiters_;
};

}  // namespace maestro::auth
