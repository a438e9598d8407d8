// The gRPC server of a process: listeners, health, reflection, limits, keep-alive, drain.
//
// Two kinds of listeners. `listen` is for peers and serves all services; without an identity it must be a Unix socket
// (made with mode 0600) or, for services that then judge their peers, the loopback. `public_listen` serves the public
// services only, for a proxy that ends TLS; all others are UNIMPLEMENTED there, and every call carries a client key.
//
// Built and drained on the loop's thread; gRPC has threads of its own. The services and the loop outlive the server.
// Drain before destroying: the loop must run while the last calls end.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "base/deadline.h"
#include "base/result.h"
#include "rpc/loop.h"
#include "rpc/peer.h"

namespace maestro::rpc {

struct ServerOptions {
  std::vector<std::string> listen{};  // see listener.h
  std::vector<std::string> public_listen{};
  std::vector<grpc::Service*> peer_services{};
  std::vector<grpc::Service*> public_services{};  // also on `listen`
  PlaintextPeers plaintext_peers = PlaintextPeers::refused;
};

class Server final {
 public:
  static Result<std::unique_ptr<Server>> start(ServerOptions options);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  // As listened on, with the ports that were given: "unix:/run/auth.sock", "127.0.0.1:40123".
  const std::vector<std::string>& addresses() const { return addresses_; }
  const std::vector<std::string>& public_addresses() const { return public_addresses_; }

  // grpc.health.v1, for the whole server. SERVING from the start.
  void say_serving(bool serving);

  // Takes no more calls, waits until those under way have ended, cuts off what has not at the deadline. End the
  // broadcasts first.
  Awaitable<void> drain(Deadline deadline);

 private:
  Server() = default;

  std::vector<std::unique_ptr<grpc::Server>> servers_;
  std::vector<std::string> addresses_;
  std::vector<std::string> public_addresses_;
  bool drained_ = false;
};

}  // namespace maestro::rpc
