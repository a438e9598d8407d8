// A server of the real contract on a Unix socket in a directory of its own, for the tests of this room: the loop runs
// in a thread, the test's coroutines on a loop of their own.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "maestro/auth/v1/auth_service.grpc.pb.h"
#include "maestro/auth/v1/lease_service.grpc.pb.h"
#include "rpc/answer.h"
#include "rpc/broadcast.h"
#include "rpc/call.h"
#include "rpc/channel.h"
#include "rpc/server.h"
#include "rpc/stream.h"

namespace maestro::rpc {

class TempDirectory final {
 public:
  TempDirectory() {
    std::string name = "/tmp/maestro_rpc_XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~TempDirectory() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

// GetStatus is what the test makes of it.
class AuthWords final : public auth::v1::AuthService::CallbackService {
 public:
  explicit AuthWords(Executor executor) : executor(executor) {}

  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context, const auth::v1::GetStatusRequest*,
                                      auth::v1::GetStatusResponse* response) override {
    if (coroutine) return answer(context, executor, Package::auth, CoroutineWork([this] { return coroutine(); }));
    return answer(context, executor, Package::auth, Work([this, response] { return function(*response); }));
  }

  Executor executor;
  std::function<Result<void>(auth::v1::GetStatusResponse&)> function;
  std::function<Awaitable<Result<void>>()> coroutine;
};

class LeaseWords final : public auth::v1::LeaseService::CallbackService {
 public:
  explicit LeaseWords(Executor executor) : broadcast(executor, Package::auth, 3) {}

  grpc::ServerWriteReactor<auth::v1::WatchKeysResponse>* WatchKeys(grpc::CallbackServerContext* context,
                                                                   const auth::v1::WatchKeysRequest* request) override {
    Broadcast<auth::v1::WatchKeysResponse>::First first;
    if (request->reader_format() == 99) {
      first = [](const auth::v1::WatchKeysResponse&) -> Result<auth::v1::WatchKeysResponse> {
        return Error(ErrorKind::invalid_request, "Format 99 is not served.");
      };
    }
    return broadcast.watch(context, request->instance_id(), std::move(first));
  }

  Broadcast<auth::v1::WatchKeysResponse> broadcast;
};

class RpcTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ServerOptions options;
    options.listen = {"unix:" + (directory / "s.sock"), "127.0.0.1:0"};
    options.public_listen = {"127.0.0.1:0"};
    options.peer_services = {&lease_words};
    options.public_services = {&auth_words};
    auto started = Server::start(std::move(options));
    ASSERT_TRUE(started) << started.error().message;
    server = std::move(*started);
    serving = std::thread([this] { server_loop.run(); });
    channel = *make_channel(server->addresses().at(0));
    auth_stub = auth::v1::AuthService::NewStub(channel);
    lease_stub = auth::v1::LeaseService::NewStub(channel);
  }
  void TearDown() override {
    if (!server) return;
    std::promise<void> drained;
    asio::co_spawn(server_loop, drain(), [&](std::exception_ptr) { drained.set_value(); });
    drained.get_future().wait();
    server.reset();
    work.reset();
    serving.join();
  }
  Awaitable<void> drain() {
    lease_words.broadcast.drain();
    co_await server->drain(Deadline::in(std::chrono::seconds(5)));
  }

  // On the server's loop, and waits for it.
  template <class Function>
  auto on_server(Function function) -> decltype(function()) {
    std::promise<decltype(function())> done;
    asio::post(server_loop, [&] {
      if constexpr (std::is_void_v<decltype(function())>) {
        function();
        done.set_value();
      } else {
        done.set_value(function());
      }
    });
    return done.get_future().get();
  }
  // Asks again and again, until it is so.
  template <class Claim>
  bool soon(Claim claim) {
    const auto deadline = Deadline::in(std::chrono::seconds(10));
    while (!on_server(claim)) {
      if (deadline.passed()) return false;
      std::this_thread::yield();
    }
    return true;
  }
  void run(Awaitable<void> work_of_client) {
    std::exception_ptr problem;
    asio::co_spawn(client_loop, std::move(work_of_client), [&](std::exception_ptr exception) { problem = exception; });
    client_loop.restart();
    client_loop.run();
    if (problem) std::rethrow_exception(problem);
  }
  Awaitable<Result<auth::v1::GetStatusResponse>> get_status(Deadline deadline) {
    const auth::v1::GetStatusRequest request;
    auto start = [&](auto* context, auto* response, auto done) {
      auth_stub->async()->GetStatus(context, &request, response, std::move(done));
    };
    co_return co_await call<auth::v1::GetStatusResponse>("auth", deadline, start);
  }
  Stream<auth::v1::WatchKeysResponse> watch_keys(const std::string& instance_id, std::uint32_t reader_format = 1) {
    auth::v1::WatchKeysRequest request;
    request.set_instance_id(instance_id);
    request.set_reader_format(reader_format);
    auto start = [&](auto* context, auto* reactor) { lease_stub->async()->WatchKeys(context, &request, reactor); };
    return Stream<auth::v1::WatchKeysResponse>(client_loop.get_executor(), "auth", start);
  }

  TempDirectory directory;
  asio::io_context server_loop{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO};
  asio::io_context client_loop{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO};
  WorkGuard work{server_loop.get_executor()};
  AuthWords auth_words{server_loop.get_executor()};
  LeaseWords lease_words{server_loop.get_executor()};
  std::unique_ptr<Server> server;
  std::thread serving;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<auth::v1::AuthService::Stub> auth_stub;
  std::unique_ptr<auth::v1::LeaseService::Stub> lease_stub;
};

inline auth::v1::WatchKeysResponse keys_numbered(std::uint64_t number) {
  auth::v1::WatchKeysResponse response;
  response.mutable_revision()->set_number(number);
  return response;
}

}  // namespace maestro::rpc
