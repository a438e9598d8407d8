#include "auth/lease_methods.h"

#include <algorithm>
#include <utility>

#include "auth/contract.h"
#include "base/limits.h"
#include "log/log.h"

namespace maestro::auth {
namespace {

constexpr std::size_t logged_problem_bytes_max = 512;

grpc::Status no_credential(const Credential* credential, const std::string& provider_id) {
  Error error(ErrorKind::provider_refused, provider_id + ": ");
  error.provider_status = 401;
  rpc::Mark mark;
  mark.reason = credential && !credential->credential_id.empty() ? "LOGIN_REQUIRED" : "NO_CREDENTIAL";
  mark.precondition = true;
  error.message += credential && !credential->problem.empty()
                       ? credential->problem
                       : "no credential: run router-maestro auth login " + provider_id;
  return rpc::to_status(error, rpc::Package::auth, mark);
}

grpc::Status status_of(const Error& error) { return rpc::to_status(error, rpc::Package::auth); }

}  // namespace

LeaseMethods::LeaseMethods(const rpc::Executor& executor, Vault& vault, Declarations& declarations,
                           rpc::PlaintextPeers plaintext_peers)
    : executor_(executor),
      vault_(vault),
      declarations_(declarations),
      plaintext_peers_(plaintext_peers),
      keys_(executor, rpc::Package::auth),
      credentials_(executor, rpc::Package::auth) {}

void LeaseMethods::publish_keys() {
  v1::WatchKeysResponse response;
  *response.mutable_keys() = key_set(vault_.ledger());
  *response.mutable_revision() = response.keys().revision();
  key_holders_.pushed(vault_.ledger().keys_revision());
  keys_.publish(std::move(response));
}

void LeaseMethods::publish_credentials() {
  v1::WatchCredentialsResponse response;
  *response.mutable_credentials() = credential_set(vault_);
  credential_holders_.pushed(vault_.ledger().credentials_revision());
  credentials_.publish(std::move(response));
}

void LeaseMethods::drain() {
  keys_.drain();
  credentials_.drain();
}

grpc::ServerWriteReactor<v1::WatchKeysResponse>* LeaseMethods::WatchKeys(Context* context,
                                                                         const v1::WatchKeysRequest* request) {
  if (auto judged = rpc::judge_peer(*context, plaintext_peers_); !judged)
    return rpc::refuse_watch<v1::WatchKeysResponse>(rpc::Package::auth, judged.error());
  auto first = [known = from_message(request->known_revision())](
                   const v1::WatchKeysResponse& present) -> Result<v1::WatchKeysResponse> {
    v1::WatchKeysResponse response = present;
    if (from_message(present.revision()) == known) response.clear_keys();
    return response;
  };
  return keys_.watch(context, request->instance_id(), std::move(first));
}

grpc::ServerWriteReactor<v1::WatchCredentialsResponse>* LeaseMethods::WatchCredentials(
    Context* context, const v1::WatchCredentialsRequest* request) {
  if (auto judged = rpc::judge_peer(*context, plaintext_peers_); !judged)
    return rpc::refuse_watch<v1::WatchCredentialsResponse>(rpc::Package::auth, judged.error());
  return credentials_.watch(context, request->instance_id());
}

grpc::ServerUnaryReactor* LeaseMethods::for_peer(Context* context, rpc::StatusWork work) {
  if (auto judged = rpc::judge_peer(*context, plaintext_peers_); !judged)
    return rpc::refuse(context, rpc::Package::auth, judged.error());
  return rpc::answer(context, executor_, rpc::Package::auth, std::move(work));
}

grpc::ServerUnaryReactor* LeaseMethods::AcknowledgeSnapshot(Context* context,
                                                            const v1::AcknowledgeSnapshotRequest* request,
                                                            v1::AcknowledgeSnapshotResponse*) {
  return for_peer(context, [this, request] { return acknowledge(*request); });
}

grpc::Status LeaseMethods::acknowledge(const v1::AcknowledgeSnapshotRequest& request) {
  if (request.instance_id().empty())
    return status_of(Error(ErrorKind::invalid_request, "Say which instance acknowledges."));
  const bool of_keys = request.has_keys();
  if (!of_keys && !request.has_credentials())
    return status_of(Error(ErrorKind::invalid_request, "Say which snapshot is acknowledged."));
  const auto watching = of_keys ? keys_.instances() : credentials_.instances();
  auto& holders = of_keys ? key_holders_ : credential_holders_;
  holders.keep_only(watching);
  // One that does not watch is not asked for its state, and must not fill our memory.
  if (!std::binary_search(watching.begin(), watching.end(), request.instance_id())) return grpc::Status::OK;
  holders.acknowledged(request.instance_id(), from_message(of_keys ? request.keys() : request.credentials()));
  waiters_.wake();
  if (!request.problem().empty()) {
    log::warning("snapshot_refused", {{"instance", request.instance_id()},
                                      {"snapshot", of_keys ? "keys" : "credentials"},
                                      {"why", request.problem().substr(0, logged_problem_bytes_max)}});
  }
  return grpc::Status::OK;
}

grpc::ServerUnaryReactor* LeaseMethods::GetCredential(Context* context, const v1::GetCredentialRequest* request,
                                                      v1::GetCredentialResponse* response) {
  return for_peer(context, [this, request, response] { return get_credential(*request, *response); });
}

grpc::Status LeaseMethods::get_credential(const v1::GetCredentialRequest& request,
                                          v1::GetCredentialResponse& response) {
  const auto& provider_id = request.provider_id();
  const auto* declared = vault_.find_provider(provider_id);
  if (!request.has_trial()) {
    if (!declared)
      return status_of(Error(ErrorKind::not_found, "No provider '" + provider_id +
                                                       "' is declared. Add it to "
                                                       "providers.json."));
    const auto* credential = vault_.first_leased(provider_id);
    if (!credential || !credential->lease) return no_credential(credential, provider_id);
    *response.mutable_lease() = lease_message(*credential);
    return grpc::Status::OK;
  }
  auto provider = from_message(request.trial(), "trial");
  if (!provider) return status_of(provider.error());
  const auto& builtin = builtin_providers();
  const bool is_builtin = provider->builtin || (declared && declared->builtin) ||
                          (!declared && std::any_of(builtin.begin(), builtin.end(),
                                                    [&](const Provider& one) { return one.id == provider->id; }));
  if (is_builtin && provider->id != "gemini")
    return status_of(Error(ErrorKind::forbidden, "A built-in provider is not tried: it is what it is."));
  if (provider->id != provider_id)
    return status_of(Error(ErrorKind::invalid_request, "provider_id and trial.provider_id name two providers."));
  provider->builtin = false;
  const auto credentials = vault_.trial(*provider);
  for (const auto& credential : credentials) {
    if (!credential.lease) continue;
    *response.mutable_lease() = lease_message(credential);
    return grpc::Status::OK;
  }
  return no_credential(&credentials.front(), provider_id);
}

grpc::ServerUnaryReactor* LeaseMethods::ReportRejected(Context* context, const v1::ReportRejectedRequest* request,
                                                       v1::ReportRejectedResponse* response) {
  return for_peer(context, [this, request, response] { return report_rejected(*request, *response); });
}

grpc::Status LeaseMethods::report_rejected(const v1::ReportRejectedRequest& request,
                                           v1::ReportRejectedResponse& response) {
  if (request.http_status() != 401 && request.http_status() != 403)
    return status_of(Error(ErrorKind::invalid_request, "Only 401 and 403 reject a credential."));
  if (!vault_.find_provider(request.provider_id()))
    return status_of(Error(ErrorKind::not_found, "No provider '" + request.provider_id() + "' is declared."));
  const auto* reported = vault_.find(request.provider_id(), request.credential_id());
  if (reported && reported->lease && reported->generation > request.generation()) {
    *response.mutable_lease() = lease_message(*reported);
    return grpc::Status::OK;
  }
  if (reported)
    vault_.note_rejected(request.provider_id(), request.credential_id(), request.generation(), request.http_status());
  // Another key of the provider, or what has taken the place of one that is gone.
  const auto* other = vault_.first_leased(request.provider_id());
  if (other && other->lease && other->state == CredentialState::active &&
      other->credential_id != request.credential_id()) {
    *response.mutable_lease() = lease_message(*other);
    return grpc::Status::OK;
  }
  const auto* now = vault_.find(request.provider_id(), request.credential_id());
  if (!now) return no_credential(other, request.provider_id());
  Error error(ErrorKind::provider_refused, request.provider_id() + ": " + now->problem);
  error.provider_status = request.http_status();
  rpc::Mark mark;
  mark.reason = "KEY_REFUSED";
  mark.current_generation = now->generation;
  mark.precondition = true;
  return rpc::to_status(error, rpc::Package::auth, mark);
}

grpc::ServerUnaryReactor* LeaseMethods::LeaseQuota(Context* context, const v1::LeaseQuotaRequest* request,
                                                   v1::LeaseQuotaResponse* response) {
  return for_peer(context, [this, request, response] { return lease_quota(*request, *response); });
}

// The server key has no limits: it is given what it asks for, and what was used is owed by nobody.
grpc::Status LeaseMethods::lease_quota(const v1::LeaseQuotaRequest& request, v1::LeaseQuotaResponse& response) {
  response.set_gateway_count(static_cast<std::uint32_t>(std::max<std::size_t>(1, keys_.instances().size())));
  for (const auto& use : request.uses()) {
    if (use.key_id() != "server") continue;
    auto* grant = response.add_grants();
    grant->set_key_id(use.key_id());
    grant->set_requests(std::max<std::int64_t>(0, use.requests_wanted()));
    grant->set_tokens(std::max<std::int64_t>(0, use.tokens_wanted()));
    grant->mutable_valid_for()->set_seconds(std::chrono::seconds(limits::quota_grant_time_max).count());
  }
  return grpc::Status::OK;
}

grpc::ServerUnaryReactor* LeaseMethods::DeclareProviders(Context* context, const v1::DeclareProvidersRequest* request,
                                                         v1::DeclareProvidersResponse*) {
  return for_peer(context, [this, request] { return declare(*request); });
}

grpc::Status LeaseMethods::declare(const v1::DeclareProvidersRequest& request) {
  if (auto accepted = declarations_.accept(request); !accepted) return status_of(accepted.error());
  vault_.declare(declarations_.providers());
  return grpc::Status::OK;
}

}  // namespace maestro::auth
