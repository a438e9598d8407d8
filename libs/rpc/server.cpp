#include "rpc/server.h"

#include <chrono>
#include <cstdint>
#include <thread>
#include <utility>

#include <boost/asio/this_coro.hpp>
#include <grpc/support/log.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "log/log.h"
#include "rpc/listener.h"

namespace maestro::rpc {
namespace {

// gRPC's own lines go where ours go.
void write_grpc_line(gpr_log_func_args* line) {
  if (line->severity == GPR_LOG_SEVERITY_ERROR) {
    log::error("grpc", {{"text", line->message}});
  } else {
    log::debug("grpc", {{"text", line->message}});
  }
}

// gRPC's settings that are the process's, not a server's.
void prepare_process() {
  static const bool prepared = [] {
    gpr_set_log_function(write_grpc_line);
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    return true;
  }();
  (void)prepared;
}

template <class Duration>
int milliseconds(Duration time) {
  return static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

void set_limits(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(static_cast<int>(limits::request_body_bytes_max));
  builder.SetMaxSendMessageSize(static_cast<int>(limits::snapshot_bytes_max));
  // A second server on the same port is an error to be told, not a colleague to share with.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, milliseconds(limits::rpc_ping_interval));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, milliseconds(limits::rpc_ping_answer_time_max));
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             milliseconds(limits::rpc_ping_interval) / 2);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, milliseconds(limits::rpc_connection_time_max));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, milliseconds(limits::rpc_connection_grace_time_max));
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 2);
}

Result<std::vector<Listener>> prepare_listeners(const std::vector<std::string>& addresses) {
  std::vector<Listener> listeners;
  for (const auto& address : addresses) {
    auto listener = parse_listener(address);
    if (!listener) return listener.error();
    if (listener->is_unix())
      if (auto cleared = clear_socket_path(*listener); !cleared) return cleared.error();
    listeners.push_back(std::move(*listener));
  }
  return listeners;
}

Result<void> judge_listeners(const std::vector<Listener>& listeners, PlaintextPeers plaintext_peers) {
  if (plaintext_peers == PlaintextPeers::asked_for) return {};
  for (const auto& listener : listeners) {
    if (listener.is_loopback()) continue;
    return Error(ErrorKind::invalid_request,
                 "Refusing to listen on " + listener.address() +
                     ": peers from other machines would come without an identity. Listen on a Unix socket or the "
                     "loopback, or pass --insecure-plaintext-peers where the network is trusted.");
  }
  return {};
}

struct Built {
  std::unique_ptr<grpc::Server> server;
  std::vector<std::string> addresses;
};

Result<Built> build(std::vector<Listener> listeners, const std::vector<grpc::Service*>& services) {
  grpc::ServerBuilder builder;
  set_limits(builder);
  std::vector<int> ports(listeners.size(), 0);
  for (std::size_t i = 0; i < listeners.size(); ++i)
    builder.AddListeningPort(listeners[i].address(), grpc::InsecureServerCredentials(), &ports[i]);
  for (auto* service : services) builder.RegisterService(service);
  Built built;
  const mode_t before = ::umask(0177);  // a socket lets in its owner only
  built.server = builder.BuildAndStart();
  ::umask(before);
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    if (!built.server || ports[i] == 0) {
      const std::string which = listeners.size() == 1 ? listeners[i].address() : "one of the given addresses";
      return Error(ErrorKind::invalid_request, "Cannot listen on " + which +
                                                   ". Check that the port is free, that the host is one of this "
                                                   "machine, and that the directory exists and is yours.");
    }
    if (!listeners[i].is_unix()) listeners[i].port = static_cast<std::uint16_t>(ports[i]);
    built.addresses.push_back(listeners[i].address());
  }
  return built;
}

}  // namespace

Result<std::unique_ptr<Server>> Server::start(ServerOptions options) {
  if (options.listen.empty() && options.public_listen.empty())
    return Error(ErrorKind::invalid_request,
                 "No address to listen on. Pass --listen unix:/path or --listen host:port.");
  prepare_process();
  auto peers = prepare_listeners(options.listen);
  if (!peers) return peers.error();
  auto others = prepare_listeners(options.public_listen);
  if (!others) return others.error();
  if (auto judged = judge_listeners(*peers, options.plaintext_peers); !judged) return judged.error();

  std::unique_ptr<Server> server(new Server);
  if (!peers->empty()) {
    auto all = options.public_services;
    all.insert(all.end(), options.peer_services.begin(), options.peer_services.end());
    auto built = build(std::move(*peers), all);
    if (!built) return built.error();
    server->servers_.push_back(std::move(built->server));
    server->addresses_ = std::move(built->addresses);
  }
  if (!others->empty()) {
    auto built = build(std::move(*others), options.public_services);
    if (!built) return built.error();
    server->servers_.push_back(std::move(built->server));
    server->public_addresses_ = std::move(built->addresses);
  }
  return server;
}

Server::~Server() {
  if (drained_) return;
  for (auto& server : servers_) server->Shutdown(std::chrono::system_clock::now());
}

void Server::say_serving(bool serving) {
  for (auto& server : servers_)
    if (auto* health = server->GetHealthCheckService()) health->SetServingStatus(serving);
}

// Shutdown blocks until the calls have ended, and they end on the loop: so another thread waits for it.
Awaitable<void> Server::drain(Deadline deadline) {
  if (std::exchange(drained_, true)) co_return;
  struct Ending {
    explicit Ending(const Executor& executor) : work(executor), signal(executor) {}
    WorkGuard work;
    Signal signal;
    bool done = false;
  };
  auto ending = std::make_shared<Ending>(co_await asio::this_coro::executor);
  for (auto& server : servers_)
    if (auto* health = server->GetHealthCheckService()) health->Shutdown();
  const std::jthread waiter([this, ending, until = deadline.wall()]() mutable {
    for (auto& server : servers_) server->Shutdown(until);
    for (auto& server : servers_) server->Wait();
    const Executor loop = ending->work.get_executor();
    asio::post(loop, [ending = std::move(ending)] {
      ending->done = true;
      ending->signal.notify();
    });
  });
  while (!ending->done) co_await ending->signal.wait();
}

}  // namespace maestro::rpc
