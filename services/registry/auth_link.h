// The registry's side of its talk with auth: declares the providers, watches credentials and keys. When auth is away it
// asks again, after watch_retry_time_min doubling to watch_retry_time_max, and what was known stays.
//
// After each connection the providers are declared before credentials are watched, so that the first set has the leases
// of all of them. Runs on the loop; stop() ends its coroutines.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/channel.h>

#include "base/deadline.h"
#include "base/result.h"
#include "maestro/auth/v1/lease_service.grpc.pb.h"
#include "rpc/loop.h"

namespace maestro::registry {

struct Declaration {
  std::string epoch;  // of the catalog it belongs to
  std::uint64_t number = 0;
  std::vector<auth::v1::ProviderAuth> providers;
};

class AuthLink final {
 public:
  struct Listener {
    std::function<Result<void>(const auth::v1::CredentialSet&)> credentials;  // an error: refused, and why
    std::function<Result<void>(const auth::v1::KeySet&)> keys;
  };

  AuthLink(const rpc::Executor& executor, std::shared_ptr<grpc::Channel> channel, std::string instance_id);
  AuthLink(const AuthLink&) = delete;
  AuthLink& operator=(const AuthLink&) = delete;
  ~AuthLink();

  void start(Listener listener, Declaration first);
  void declare(Declaration declaration);
  void stop();

  // One lease for a provider that is not declared yet.
  rpc::Awaitable<Result<auth::v1::Lease>> trial_lease(auth::v1::ProviderAuth provider, Deadline deadline);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace maestro::registry
