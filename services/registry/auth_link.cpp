#include "registry/auth_link.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <random>
#include <utility>

#include <boost/asio/co_spawn.hpp>

#include "base/limits.h"
#include "log/log.h"
#include "rpc/call.h"
#include "rpc/channel.h"
#include "rpc/stream.h"

namespace maestro::registry {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::uint32_t reader_format = 1;

// Grows from one failure to the next, with a fifth more or less so that replicas do not ask in step.
class Pause final {
 public:
  Clock::time_point next() {
    std::uniform_real_distribution<double> spread(0.8, 1.2);
    const auto time = std::chrono::duration_cast<Clock::duration>(length_ * spread(random_));
    length_ = std::min<Clock::duration>(length_ * 2, limits::watch_retry_time_max);
    return Clock::now() + time;
  }
  void reset() { length_ = limits::watch_retry_time_min; }

 private:
  Clock::duration length_ = limits::watch_retry_time_min;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace

struct AuthLink::State {
  State(const rpc::Executor& executor, std::shared_ptr<grpc::Channel> channel, std::string instance_id)
      : executor(executor),
        to_auth(std::move(channel)),
        stub(auth::v1::LeaseService::NewStub(to_auth)),
        instance_id(std::move(instance_id)),
        credentials_wake(executor),
        keys_wake(executor),
        declare_wake(executor) {}

  static void report_escape(std::exception_ptr escaped) {
    if (escaped) log::error("auth_link_died", {{"why", "an exception escaped; restart the registry"}});
  }

  rpc::Awaitable<void> pause(rpc::Signal& wake, Pause& length) {
    const Clock::time_point end = length.next();
    while (!stopped && Clock::now() < end) co_await wake.wait_until(end);
    rpc::connect_now(*to_auth);
  }

  // True: auth knows what is declared now, or refuses it for good.
  rpc::Awaitable<bool> declare_now() {
    const std::uint64_t version = declaration_version;
    auth::v1::DeclareProvidersRequest request;
    request.mutable_catalog_revision()->set_epoch(declaration.epoch);
    request.mutable_catalog_revision()->set_number(declaration.number);
    for (const auth::v1::ProviderAuth& provider : declaration.providers) *request.add_providers() = provider;
    auto start = [&](auto* context, auto* response, auto done) {
      stub->async()->DeclareProviders(context, &request, response, std::move(done));
    };
    auto declared =
        co_await rpc::call<auth::v1::DeclareProvidersResponse>("auth", Deadline::in(limits::rpc_read_time_max), start);
    if (declared) {
      declared_version = std::max(declared_version, version);
      co_return true;
    }
    const ErrorKind kind = declared.error().kind;
    if (kind == ErrorKind::unavailable || kind == ErrorKind::deadline_passed) co_return false;
    log::warning("providers_not_declared", {{"why", declared.error().message}});
    declared_version = std::max(declared_version, version);
    co_return true;
  }

  rpc::Awaitable<void> acknowledge(auth::v1::AcknowledgeSnapshotRequest request, Result<void> applied) {
    request.set_instance_id(instance_id);
    if (!applied) request.set_problem(applied.error().message);
    auto start = [&](auto* context, auto* response, auto done) {
      stub->async()->AcknowledgeSnapshot(context, &request, response, std::move(done));
    };
    auto done = co_await rpc::call<auth::v1::AcknowledgeSnapshotResponse>(
        "auth", Deadline::in(limits::acknowledge_time_max), start);
    if (!done) log::debug("acknowledgement_lost", {{"why", done.error().message}});
  }

  void say_away(const Error& error) {
    if (std::exchange(away, true)) return;
    log::warning("auth_away", {{"why", error.message}, {"effect", "what was known stays in use"}});
  }
  void say_back() {
    if (std::exchange(away, false)) log::info("auth_back", {});
  }

  static rpc::Awaitable<void> watch_credentials(std::shared_ptr<State> self) {
    Pause length;
    while (!self->stopped) {
      if (!co_await self->declare_now()) {
        self->say_away(Error(ErrorKind::unavailable, "auth does not answer"));
        co_await self->pause(self->credentials_wake, length);
        continue;
      }
      auth::v1::WatchCredentialsRequest request;
      request.set_instance_id(self->instance_id);
      auto start = [&](auto* context, auto* reactor) {
        self->stub->async()->WatchCredentials(context, &request, reactor);
      };
      auto watch = std::make_shared<rpc::Stream<auth::v1::WatchCredentialsResponse>>(self->executor, "auth", start);
      self->credentials_watch = watch;
      while (auto response = co_await watch->next()) {
        if (self->stopped) co_return;
        length.reset();
        self->say_back();
        auto applied = self->listener.credentials(response->credentials());
        auth::v1::AcknowledgeSnapshotRequest acknowledgement;
        *acknowledgement.mutable_credentials() = response->credentials().revision();
        co_await self->acknowledge(std::move(acknowledgement), std::move(applied));
      }
      if (self->stopped) co_return;
      if (const auto outcome = watch->outcome(); !outcome) self->say_away(outcome.error());
      co_await self->pause(self->credentials_wake, length);
    }
  }

  static rpc::Awaitable<void> watch_keys(std::shared_ptr<State> self) {
    Pause length;
    auth::v1::Revision known;
    while (!self->stopped) {
      auth::v1::WatchKeysRequest request;
      request.set_instance_id(self->instance_id);
      request.set_reader_format(reader_format);
      if (!known.epoch().empty()) *request.mutable_known_revision() = known;
      auto start = [&](auto* context, auto* reactor) { self->stub->async()->WatchKeys(context, &request, reactor); };
      auto watch = std::make_shared<rpc::Stream<auth::v1::WatchKeysResponse>>(self->executor, "auth", start);
      self->keys_watch = watch;
      while (auto response = co_await watch->next()) {
        if (self->stopped) co_return;
        length.reset();
        if (!response->has_keys()) continue;
        auto applied = self->listener.keys(response->keys());
        if (applied) {
          known = response->revision();
        } else {
          log::warning("keys_refused", {{"why", applied.error().message}});
        }
        auth::v1::AcknowledgeSnapshotRequest acknowledgement;
        *acknowledgement.mutable_keys() = response->revision();
        co_await self->acknowledge(std::move(acknowledgement), std::move(applied));
      }
      if (self->stopped) co_return;
      co_await self->pause(self->keys_wake, length);
    }
  }

  static rpc::Awaitable<void> declare_changes(std::shared_ptr<State> self) {
    Pause length;
    while (!self->stopped) {
      if (self->declared_version == self->declaration_version) {
        co_await self->declare_wake.wait();
        continue;
      }
      if (co_await self->declare_now()) {
        length.reset();
      } else {
        co_await self->pause(self->declare_wake, length);
      }
    }
  }

  rpc::Executor executor;
  std::shared_ptr<grpc::Channel> to_auth;
  std::unique_ptr<auth::v1::LeaseService::Stub> stub;
  std::string instance_id;
  Listener listener;
  Declaration declaration;
  std::uint64_t declaration_version = 1;
  std::uint64_t declared_version = 1;  // the first one is declared by watch_credentials
  std::weak_ptr<rpc::Stream<auth::v1::WatchCredentialsResponse>> credentials_watch;
  std::weak_ptr<rpc::Stream<auth::v1::WatchKeysResponse>> keys_watch;
  rpc::Signal credentials_wake;
  rpc::Signal keys_wake;
  rpc::Signal declare_wake;
  bool away = false;
  bool stopped = false;
};

AuthLink::AuthLink(const rpc::Executor& executor, std::shared_ptr<grpc::Channel> channel, std::string instance_id)
    : state_(std::make_shared<State>(executor, std::move(channel), std::move(instance_id))) {}

AuthLink::~AuthLink() { stop(); }

void AuthLink::start(Listener listener, Declaration first) {
  state_->listener = std::move(listener);
  state_->declaration = std::move(first);
  boost::asio::co_spawn(state_->executor, State::watch_credentials(state_), &State::report_escape);
  boost::asio::co_spawn(state_->executor, State::watch_keys(state_), &State::report_escape);
  boost::asio::co_spawn(state_->executor, State::declare_changes(state_), &State::report_escape);
}

void AuthLink::declare(Declaration declaration) {
  state_->declaration = std::move(declaration);
  ++state_->declaration_version;
  state_->declare_wake.notify();
}

void AuthLink::stop() {
  if (std::exchange(state_->stopped, true)) return;
  if (auto watch = state_->credentials_watch.lock()) watch->close();
  if (auto watch = state_->keys_watch.lock()) watch->close();
  state_->credentials_wake.notify();
  state_->keys_wake.notify();
  state_->declare_wake.notify();
}

rpc::Awaitable<Result<auth::v1::Lease>> AuthLink::trial_lease(auth::v1::ProviderAuth provider, Deadline deadline) {
  auto state = state_;
  auth::v1::GetCredentialRequest request;
  request.set_provider_id(provider.provider_id());
  *request.mutable_trial() = std::move(provider);
  auto start = [&](auto* context, auto* response, auto done) {
    state->stub->async()->GetCredential(context, &request, response, std::move(done));
  };
  auto reply = co_await rpc::call<auth::v1::GetCredentialResponse>("auth", deadline, start);
  if (!reply) co_return reply.error();
  co_return std::move(*reply->mutable_lease());
}

}  // namespace maestro::registry
