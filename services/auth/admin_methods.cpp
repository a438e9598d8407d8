#include "auth/admin_methods.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <set>
#include <utility>

#include <unistd.h>

#include "auth/contract.h"
#include "base/limits.h"
#include "base/version.h"
#include "log/log.h"

namespace maestro::auth {
namespace {

using std::chrono::duration_cast;
using std::chrono::seconds;

grpc::Status to_status(const Refusal& refusal) {
  return rpc::to_status(refusal.error, rpc::Package::auth, refusal.mark);
}

template <class Request>
std::optional<std::uint64_t> expected_generation(const Request& request) {
  if (!request.has_expected_generation()) return std::nullopt;
  return request.expected_generation();
}

std::int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t all = 0;
  std::int64_t resident = 0;
  statm >> all >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

Deadline wait_deadline(const v1::GetStatusRequest& request) {
  if (!request.has_wait_max()) return Deadline::in(Deadline::Clock::duration::zero());
  const auto whole =
      std::clamp<std::int64_t>(request.wait_max().seconds(), 0, seconds(limits::status_wait_time_max).count());
  const auto part = std::chrono::nanoseconds(std::clamp(request.wait_max().nanos(), 0, 999'999'999));
  return Deadline::in(std::min<std::chrono::nanoseconds>(seconds(whole) + part, limits::status_wait_time_max));
}

}  // namespace

AdminMethods::AdminMethods(const rpc::Executor& executor, Vault& vault, LeaseMethods& leases)
    : executor_(executor), vault_(vault), leases_(leases) {}

grpc::ServerUnaryReactor* AdminMethods::for_admin(Context* context, rpc::StatusWork work) {
  auto judged_work = [this, context, work = std::move(work)]() -> grpc::Status {
    if (auto judged = vault_.judge(rpc::presented_keys(*context), Scope::admin); !judged)
      return rpc::to_status(judged.error(), rpc::Package::auth);
    return work();
  };
  return rpc::answer(context, executor_, rpc::Package::auth, rpc::StatusWork(std::move(judged_work)));
}

grpc::ServerUnaryReactor* AdminMethods::not_offered(Context* context, const char* sentence) {
  return for_admin(context, [sentence] {
    return rpc::to_status(Error(ErrorKind::method_not_allowed, sentence), rpc::Package::auth);
  });
}

grpc::ServerUnaryReactor* AdminMethods::StoreApiKey(Context* context, const v1::StoreApiKeyRequest* request,
                                                    v1::StoreApiKeyResponse* response) {
  return for_admin(context, [this, request, response] { return store_api_key(*request, *response); });
}

grpc::Status AdminMethods::store_api_key(const v1::StoreApiKeyRequest& request, v1::StoreApiKeyResponse& response) {
  if (!request.skip_verification()) {
    rpc::Mark mark;
    mark.reason = "CANNOT_VERIFY";
    mark.precondition = true;
    return rpc::to_status(Error(ErrorKind::conflict,
                                "This server does not try keys at the provider. Store it without "
                                "a trial: skip_verification."),
                          rpc::Package::auth, mark);
  }
  const Secret key(request.api_key().value());
  if (auto refusal = vault_.store_key(request.provider_id(), request.credential_id(), key, request.origin(),
                                      expected_generation(request)))
    return to_status(*refusal);
  const auto credential_id = request.credential_id().empty() ? key_id(0) : request.credential_id();
  const auto* stored = vault_.find(request.provider_id(), credential_id);
  // A variable hides what is stored.
  if (!stored) stored = vault_.first_leased(request.provider_id());
  if (stored) *response.mutable_credential() = status_message(*stored);
  *response.mutable_credentials_revision() = to_message(vault_.ledger().credentials_revision());
  log::info("credential_stored", {{"provider", request.provider_id()}, {"credential", credential_id}});
  return grpc::Status::OK;
}

grpc::ServerUnaryReactor* AdminMethods::DeleteCredential(Context* context, const v1::DeleteCredentialRequest* request,
                                                         v1::DeleteCredentialResponse* response) {
  return for_admin(context, [this, request, response] { return delete_credential(*request, *response); });
}

grpc::Status AdminMethods::delete_credential(const v1::DeleteCredentialRequest& request,
                                             v1::DeleteCredentialResponse& response) {
  if (auto refusal = vault_.remove(request.provider_id(), request.credential_id(), expected_generation(request)))
    return to_status(*refusal);
  *response.mutable_credentials_revision() = to_message(vault_.ledger().credentials_revision());
  log::info("credential_deleted", {{"provider", request.provider_id()}, {"credential", request.credential_id()}});
  return grpc::Status::OK;
}

grpc::ServerUnaryReactor* AdminMethods::ListCredentials(Context* context, const v1::ListCredentialsRequest*,
                                                        v1::ListCredentialsResponse* response) {
  return for_admin(context, [this, response] {
    for (const auto& credential : vault_.credentials()) *response->add_credentials() = status_message(credential);
    *response->mutable_credentials_revision() = to_message(vault_.ledger().credentials_revision());
    return grpc::Status::OK;
  });
}

grpc::ServerUnaryReactor* AdminMethods::ListLoginOptions(Context* context, const v1::ListLoginOptionsRequest*,
                                                         v1::ListLoginOptionsResponse* response) {
  return for_admin(context, [this, response] {
    for (const bool builtin : {true, false}) {
      for (const auto& provider : vault_.providers()) {
        if (provider.builtin == builtin && provider.style != AuthStyle::none)
          *response->add_providers() = to_message(provider);
      }
    }
    return grpc::Status::OK;
  });
}

grpc::ServerUnaryReactor* AdminMethods::ListKeys(Context* context, const v1::ListKeysRequest*,
                                                 v1::ListKeysResponse* response) {
  return for_admin(context, [this, response] {
    *response->add_keys() = server_key_message(vault_.ledger());
    *response->mutable_keys_revision() = to_message(vault_.ledger().keys_revision());
    return grpc::Status::OK;
  });
}

grpc::ServerUnaryReactor* AdminMethods::GetStatus(Context* context, const v1::GetStatusRequest* request,
                                                  v1::GetStatusResponse* response) {
  return rpc::answer(context, executor_, rpc::Package::auth, rpc::CoroutineWork([this, context, request, response] {
                       return get_status(context, request, response);
                     }));
}

rpc::Awaitable<Result<void>> AdminMethods::get_status(Context* context, const v1::GetStatusRequest* request,
                                                      v1::GetStatusResponse* response) {
  if (auto judged = vault_.judge(rpc::presented_keys(*context), Scope::admin); !judged) co_return judged.error();
  const auto& ledger = vault_.ledger();
  const auto keys_wanted =
      request->has_keys_revision() ? from_message(request->keys_revision()) : ledger.keys_revision();
  const auto credentials_wanted = request->has_credentials_revision() ? from_message(request->credentials_revision())
                                                                      : ledger.credentials_revision();
  const auto deadline = wait_deadline(*request);
  std::set<std::string> behind;
  while (true) {
    const auto late_keys = leases_.key_holders().behind(leases_.keys().instances(), keys_wanted);
    const auto late_credentials =
        leases_.credential_holders().behind(leases_.credentials().instances(), credentials_wanted);
    behind.clear();
    behind.insert(late_keys.begin(), late_keys.end());
    behind.insert(late_credentials.begin(), late_credentials.end());
    if (behind.empty() || deadline.passed()) break;
    // Also looks again by itself: one that leaves is waited for no longer.
    co_await leases_.waiters().wait_until(deadline.but_at_most(limits::status_look_interval).at);
  }
  auto instances = leases_.keys().instances();
  const auto others = leases_.credentials().instances();
  std::set<std::string> all(instances.begin(), instances.end());
  all.insert(others.begin(), others.end());
  response->set_version(std::string(version));
  const auto started = duration_cast<seconds>(started_.time_since_epoch());
  response->mutable_start_time()->set_seconds(started.count());
  response->set_ready(true);
  response->set_memory_bytes(resident_bytes());
  *response->mutable_keys_revision() = to_message(ledger.keys_revision());
  *response->mutable_credentials_revision() = to_message(ledger.credentials_revision());
  response->set_instance_count(static_cast<std::uint32_t>(all.size()));
  for (const auto& instance_id : behind) response->add_behind(instance_id);
  const auto of_keys = leases_.key_holders().acknowledged_after();
  const auto of_credentials = leases_.credential_holders().acknowledged_after();
  if (of_keys || of_credentials) {
    const auto longest =
        std::max(of_keys.value_or(std::chrono::nanoseconds(0)), of_credentials.value_or(std::chrono::nanoseconds(0)));
    response->mutable_acknowledged_after()->set_seconds(duration_cast<seconds>(longest).count());
    response->mutable_acknowledged_after()->set_nanos(static_cast<std::int32_t>((longest % seconds(1)).count()));
  }
  co_return success();
}

grpc::ServerUnaryReactor* AdminMethods::StartDeviceLogin(Context* context, const v1::StartDeviceLoginRequest*,
                                                         v1::StartDeviceLoginResponse*) {
  return not_offered(context, "This version has no login by device. Store an API key of another provider.");
}

grpc::ServerUnaryReactor* AdminMethods::GetDeviceLogin(Context* context, const v1::GetDeviceLoginRequest*,
                                                       v1::GetDeviceLoginResponse*) {
  return not_offered(context, "This version has no login by device.");
}

grpc::ServerUnaryReactor* AdminMethods::CancelDeviceLogin(Context* context, const v1::CancelDeviceLoginRequest*,
                                                          v1::CancelDeviceLoginResponse*) {
  return not_offered(context, "This version has no login by device.");
}

grpc::ServerUnaryReactor* AdminMethods::CreateKey(Context* context, const v1::CreateKeyRequest*,
                                                  v1::CreateKeyResponse*) {
  return not_offered(context,
                     "This version has one client key, the server key. Share that one, or run a second server.");
}

grpc::ServerUnaryReactor* AdminMethods::RevokeKey(Context* context, const v1::RevokeKeyRequest*,
                                                  v1::RevokeKeyResponse*) {
  return not_offered(context,
                     "This version has one client key, the server key. To replace it, change "
                     "contexts.local.api_key in contexts.json: it takes effect at once.");
}

}  // namespace maestro::auth
