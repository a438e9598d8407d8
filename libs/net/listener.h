// Accepts connections of one address for one loop and serves each in a coroutine of its own. Several loops may listen
// on one port (SO_REUSEPORT): the kernel spreads connections by hash.
#pragma once

#include <functional>
#include <string>

#include <boost/asio/basic_socket_acceptor.hpp>

#include "net/server_stream.h"

namespace maestro::net {

class Listener {
 public:
  // `serve` runs for each connection on the loop; the stream dies when it returns. It must not throw.
  using Serve = std::function<Awaitable<>(ServerStream&)>;

  Listener(Loop& loop, const ServerLimits& stream_limits, Serve serve);

  // Binds; port 0 is the kernel's choice. unavailable with the reason. `address` is an IP address.
  Result<void> bind(const std::string& address, std::uint16_t port);
  std::uint16_t port() const { return port_; }
  void start();

  // No new connections; idle ones end, others after their exchange.
  void drain();
  // The end: every connection is closed, whatever it does. The loop then runs until their coroutines have ended, which
  // must be before this listener dies.
  void abort();
  std::size_t open_connections() const { return open_; }

 private:
  struct Connection;
  Awaitable<> accept_all();
  Awaitable<> serve_one(Socket socket);

  Loop& loop_;
  const ServerLimits& limits_;
  Serve serve_;
  asio::basic_socket_acceptor<asio::ip::tcp, Executor> acceptor_;
  std::uint16_t port_ = 0;
  std::size_t open_ = 0;
  bool draining_ = false;
  Connection* first_ = nullptr;
};

}  // namespace maestro::net
