// maestro.auth.v1.AuthService: what people and their tools ask. Every call carries a client key with the admin scope,
// judged here whoever forwards it.
#pragma once

#include <functional>

#include "auth/lease_methods.h"
#include "auth/vault.h"
#include "maestro/auth/v1/auth_service.grpc.pb.h"
#include "rpc/answer.h"

namespace maestro::auth {

class AdminMethods final : public v1::AuthService::CallbackService {
 public:
  using Context = grpc::CallbackServerContext;

  AdminMethods(const rpc::Executor& executor, Vault& vault, LeaseMethods& leases);

  grpc::ServerUnaryReactor* StoreApiKey(Context* context, const v1::StoreApiKeyRequest* request,
                                        v1::StoreApiKeyResponse* response) override;
  grpc::ServerUnaryReactor* DeleteCredential(Context* context, const v1::DeleteCredentialRequest* request,
                                             v1::DeleteCredentialResponse* response) override;
  grpc::ServerUnaryReactor* ListCredentials(Context* context, const v1::ListCredentialsRequest* request,
                                            v1::ListCredentialsResponse* response) override;
  grpc::ServerUnaryReactor* ListLoginOptions(Context* context, const v1::ListLoginOptionsRequest* request,
                                             v1::ListLoginOptionsResponse* response) override;
  grpc::ServerUnaryReactor* ListKeys(Context* context, const v1::ListKeysRequest* request,
                                     v1::ListKeysResponse* response) override;
  grpc::ServerUnaryReactor* GetStatus(Context* context, const v1::GetStatusRequest* request,
                                      v1::GetStatusResponse* response) override;

  grpc::ServerUnaryReactor* StartDeviceLogin(Context* context, const v1::StartDeviceLoginRequest* request,
                                             v1::StartDeviceLoginResponse* response) override;
  grpc::ServerUnaryReactor* GetDeviceLogin(Context* context, const v1::GetDeviceLoginRequest* request,
                                           v1::GetDeviceLoginResponse* response) override;
  grpc::ServerUnaryReactor* CancelDeviceLogin(Context* context, const v1::CancelDeviceLoginRequest* request,
                                              v1::CancelDeviceLoginResponse* response) override;
  grpc::ServerUnaryReactor* CreateKey(Context* context, const v1::CreateKeyRequest* request,
                                      v1::CreateKeyResponse* response) override;
  grpc::ServerUnaryReactor* RevokeKey(Context* context, const v1::RevokeKeyRequest* request,
                                      v1::RevokeKeyResponse* response) override;

 private:
  // The work on the loop, once the caller's key is judged.
  grpc::ServerUnaryReactor* for_admin(Context* context, rpc::StatusWork work);
  grpc::ServerUnaryReactor* not_offered(Context* context, const char* sentence);

  grpc::Status store_api_key(const v1::StoreApiKeyRequest& request, v1::StoreApiKeyResponse& response);
  grpc::Status delete_credential(const v1::DeleteCredentialRequest& request, v1::DeleteCredentialResponse& response);
  rpc::Awaitable<Result<void>> get_status(Context* context, const v1::GetStatusRequest* request,
                                          v1::GetStatusResponse* response);

  rpc::Executor executor_;
  Vault& vault_;
  LeaseMethods& leases_;
  std::chrono::system_clock::time_point started_ = std::chrono::system_clock::now();
};

}  // namespace maestro::auth
