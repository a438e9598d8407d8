// A registry in one process with the tests: real gRPC over Unix sockets, a fake auth, and a small HTTP server that
// gives model lists. Everything runs on one loop, which the test turns until what it waits for has come.
#pragma once

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>
#include <sodium.h>

#include "maestro/auth/v1/lease_service.grpc.pb.h"
#include "net/client_pool.h"
#include "registry/catalog_service.h"
#include "registry/net_fetcher.h"
#include "registry/registry.h"
#include "registry/registry_service.h"
#include "rpc/answer.h"
#include "rpc/broadcast.h"
#include "rpc/call.h"
#include "rpc/channel.h"
#include "rpc/server.h"
#include "rpc/stream.h"

namespace maestro::registry {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

// Auth as the registry sees it. Leases come only for providers that were declared.
class FakeAuth final : public auth::v1::LeaseService::CallbackService {
 public:
  explicit FakeAuth(const rpc::Executor& executor)
      : executor_(executor), keys(executor, rpc::Package::auth), credentials(executor, rpc::Package::auth) {
    auth::v1::WatchKeysResponse first;
    first.mutable_revision()->set_epoch("k");
    first.mutable_revision()->set_number(1);
    auth::v1::KeySet& set = *first.mutable_keys();
    *set.mutable_revision() = first.revision();
    set.set_salt(std::string(32, 's'));
    add(set, "sk-rm-admin", auth::v1::SCOPE_ADMIN);
    add(set, "sk-rm-plain", auth::v1::SCOPE_INFERENCE);
    keys.publish(std::move(first));
  }

  grpc::ServerWriteReactor<auth::v1::WatchKeysResponse>* WatchKeys(grpc::CallbackServerContext* context,
                                                                   const auth::v1::WatchKeysRequest* request) override {
    return keys.watch(context, request->instance_id());
  }
  grpc::ServerWriteReactor<auth::v1::WatchCredentialsResponse>* WatchCredentials(
      grpc::CallbackServerContext* context, const auth::v1::WatchCredentialsRequest* request) override {
    return credentials.watch(context, request->instance_id());
  }
  grpc::ServerUnaryReactor* AcknowledgeSnapshot(grpc::CallbackServerContext* context,
                                                const auth::v1::AcknowledgeSnapshotRequest*,
                                                auth::v1::AcknowledgeSnapshotResponse*) override {
    return rpc::answer(context, executor_, rpc::Package::auth, rpc::Work([] { return success(); }));
  }
  grpc::ServerUnaryReactor* DeclareProviders(grpc::CallbackServerContext* context,
                                             const auth::v1::DeclareProvidersRequest* request,
                                             auth::v1::DeclareProvidersResponse*) override {
    return rpc::answer(context, executor_, rpc::Package::auth, rpc::Work([this, request] {
                         declared.push_back(*request);
                         lease_declared();
                         return success();
                       }));
  }
  grpc::ServerUnaryReactor* GetCredential(grpc::CallbackServerContext* context,
                                          const auth::v1::GetCredentialRequest* request,
                                          auth::v1::GetCredentialResponse* response) override {
    return rpc::answer(context, executor_, rpc::Package::auth, rpc::StatusWork([this, request, response] {
                         if (has_credential.contains(request->provider_id())) {
                           response->mutable_lease()->set_provider_id(request->provider_id());
                           return grpc::Status::OK;
                         }
                         rpc::Mark mark;
                         mark.precondition = true;
                         return rpc::to_status(Error(ErrorKind::invalid_request, "There is no key for it."),
                                               rpc::Package::auth, mark);
                       }));
  }

  // Leases for those that have a credential, as far as they are declared.
  void lease_declared() {
    auth::v1::WatchCredentialsResponse response;
    auth::v1::CredentialSet& set = *response.mutable_credentials();
    set.mutable_revision()->set_epoch("c");
    set.mutable_revision()->set_number(++number_);
    if (!declared.empty()) {
      for (const auth::v1::ProviderAuth& provider : declared.back().providers()) {
        if (!has_credential.contains(provider.provider_id())) continue;
        set.add_leases()->set_provider_id(provider.provider_id());
      }
    }
    credentials.publish(std::move(response));
  }

  std::vector<auth::v1::DeclareProvidersRequest> declared;
  std::set<std::string> has_credential;

 private:
  static void add(auth::v1::KeySet& set, const std::string& text, auth::v1::Scope scope) {
    std::string hash(32, '\0');
    crypto_generichash(reinterpret_cast<unsigned char*>(hash.data()), hash.size(),
                       reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                       reinterpret_cast<const unsigned char*>(set.salt().data()), set.salt().size());
    auth::v1::KeyVerifier& verifier = *set.add_verifiers();
    verifier.set_hash(hash);
    verifier.mutable_key()->add_scopes(scope);
  }

  rpc::Executor executor_;
  std::uint64_t number_ = 0;

 public:
  rpc::Broadcast<auth::v1::WatchKeysResponse> keys;
  rpc::Broadcast<auth::v1::WatchCredentialsResponse> credentials;
};

// Answers every request with one body.
class FakeProvider final {
 public:
  explicit FakeProvider(net::Loop& loop) : acceptor_(loop.context()) {
    const boost::asio::ip::tcp::endpoint any(boost::asio::ip::address_v4::loopback(), 0);
    acceptor_.open(any.protocol());
    acceptor_.bind(any);
    acceptor_.listen();
    boost::asio::co_spawn(loop.executor(), accept(this), [](std::exception_ptr) {});
  }

  std::string base_url() const {
    return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + "/v1";
  }
  void close() { acceptor_.close(); }

  std::string body = R"({"object": "list", "data": [{"id": "tiny", "object": "model"}]})";
  std::vector<std::string> heads;

 private:
  using Acceptor = boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, net::Executor>;

  static net::Awaitable<void> accept(FakeProvider* self) {
    for (;;) {
      auto [error, socket] = co_await self->acceptor_.async_accept(net::as_result);
      if (error) co_return;
      co_await answer(self, net::Socket(std::move(socket)));
    }
  }
  static net::Awaitable<void> answer(FakeProvider* self, net::Socket socket) {
    std::string head;
    char piece[4096];
    while (head.find("\r\n\r\n") == std::string::npos) {
      auto [error, count] = co_await socket.async_read_some(boost::asio::buffer(piece), net::as_result);
      if (error) co_return;
      head.append(piece, count);
    }
    self->heads.push_back(head);
    const std::string reply =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " +
        std::to_string(self->body.size()) + "\r\n\r\n" + self->body;
    auto [error, count] = co_await boost::asio::async_write(socket, boost::asio::buffer(reply), net::as_result);
    static_cast<void>(error);
    static_cast<void>(count);
  }

  Acceptor acceptor_;
};

class RegistryHouse : public testing::Test {
 protected:
  RegistryHouse();
  ~RegistryHouse() override;

  // Starts the registry, and auth before it unless it is to be away.
  void start_auth();
  void stop_auth();
  void start_registry();
  void stop_registry();
  // A gateway that puts what it is pushed into `catalogs_`.
  void watch_catalog(const std::string& instance_id, std::optional<v1::Revision> known = std::nullopt);

  template <class Condition>
  bool until(Condition condition, std::chrono::milliseconds time_max = 10s) {
    const auto end = std::chrono::steady_clock::now() + time_max;
    while (!condition() && std::chrono::steady_clock::now() < end) {
      loop_.context().restart();
      loop_.context().run_one_until(end);
    }
    return condition();
  }
  template <class Value>
  Value run(rpc::Awaitable<Value> work) {
    std::optional<Value> result;
    boost::asio::co_spawn(loop_.executor(), std::move(work),
                          [&](std::exception_ptr, Value value) { result.emplace(std::move(value)); });
    EXPECT_TRUE(until([&] { return result.has_value(); }));
    return std::move(*result);
  }
  // A unary call of the registry with a client key.
  template <class Response, class Start>
  rpc::Answer<Response> ask(Start start, std::string key = "sk-rm-admin") {
    return run(asked<Response>(std::move(start), std::move(key)));
  }

  // Only what is complete is seen by the registry: as editors do, and in place.
  void write(const char* name, std::string_view bytes) { std::ofstream(config_dir() / name) << bytes; }
  fs::path config_dir() const { return directory_ / "config"; }
  std::string ids() const {
    std::string text;
    if (catalogs_.empty()) return text;
    for (const v1::Model& model : catalogs_.back().catalog().models()) {
      text += model.provider_id() + '/' + model.id() + ' ';
    }
    return text;
  }

  net::Loop loop_;
  fs::path directory_;
  net::ProxySettings proxies_;
  std::unique_ptr<net::ClientPool> pool_;
  std::unique_ptr<FakeAuth> auth_;
  std::unique_ptr<rpc::Server> auth_server_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<AuthLink> link_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<CatalogService> catalog_service_;
  std::unique_ptr<RegistryService> registry_service_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<v1::CatalogService::Stub> catalog_stub_;
  std::unique_ptr<v1::RegistryService::Stub> stub_;
  std::vector<v1::WatchCatalogResponse> catalogs_;
  std::vector<std::weak_ptr<rpc::Stream<v1::WatchCatalogResponse>>> watches_;
  std::optional<ErrorKind> watch_end_;
  Demo demo_ = Demo::off;

 private:
  template <class Response, class Start>
  static rpc::Awaitable<rpc::Answer<Response>> asked(Start start, std::string key) {
    auto prepare = [&](grpc::ClientContext& context) {
      if (!key.empty()) context.AddMetadata("authorization", "Bearer " + key);
    };
    co_return co_await rpc::ask<Response>(Deadline::in(20s), start, prepare);
  }
  rpc::Awaitable<void> watch(std::string instance_id, std::optional<v1::Revision> known);
  void drain(std::unique_ptr<rpc::Server>& server);
};

}  // namespace maestro::registry
