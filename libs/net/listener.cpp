#include "net/listener.h"

#include <boost/asio/co_spawn.hpp>

#include "log/log.h"

namespace maestro::net {
namespace {

constexpr int backlog = 4096;
using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

void report_escape(std::exception_ptr escaped) {
  if (!escaped) return;
  try {
    std::rethrow_exception(escaped);
  } catch (const std::exception& bug) {
    log::error("connection_ended_by_exception", {{"what", bug.what()}});
  }
}

}  // namespace

// In a list of all, so that drain reaches those that are idle.
struct Listener::Connection {
  Connection(Listener& owner, Socket socket) : listener(owner), stream(owner.loop_, std::move(socket), owner.limits_) {
    next = listener.first_;
    if (next != nullptr) next->previous = this;
    listener.first_ = this;
    ++listener.open_;
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    (previous != nullptr ? previous->next : listener.first_) = next;
    if (next != nullptr) next->previous = previous;
    --listener.open_;
  }
  Listener& listener;
  ServerStream stream;
  Connection* previous = nullptr;
  Connection* next = nullptr;
};

Listener::Listener(Loop& loop, const ServerLimits& stream_limits, Serve serve)
    : loop_(loop), limits_(stream_limits), serve_(std::move(serve)), acceptor_(loop.executor()) {}

Result<void> Listener::bind(const std::string& address, std::uint16_t port) {
  boost::system::error_code failure;
  const auto parsed = asio::ip::make_address(address, failure);
  const auto refuse = [&](const char* what) {
    return Error{ErrorKind::unavailable,
                 std::string(what) + " " + address + ":" + std::to_string(port) + ": " + failure.message() + "."};
  };
  if (failure) return refuse("Not an IP address to listen on:");
  const asio::ip::tcp::endpoint endpoint{parsed, port};
  acceptor_.open(endpoint.protocol(), failure);
  if (!failure) acceptor_.set_option(asio::socket_base::reuse_address(true), failure);
  if (!failure) acceptor_.set_option(ReusePort(true), failure);
  if (!failure) acceptor_.bind(endpoint, failure);
  if (!failure) acceptor_.listen(backlog, failure);
  if (failure) return refuse("Cannot listen on");
  port_ = acceptor_.local_endpoint(failure).port();
  return {};
}

void Listener::start() { asio::co_spawn(loop_.executor(), accept_all(), report_escape); }

Awaitable<> Listener::accept_all() {
  for (;;) {
    Socket socket{loop_.executor()};
    const auto [failure] = co_await acceptor_.async_accept(socket, as_result);
    if (failure == asio::error::operation_aborted || !acceptor_.is_open()) co_return;
    if (failure) {
      // Out of descriptors or memory: wait for connections to end instead of spinning.
      log::warning("accept_failed", {{"why", failure.message()}});
      Timer pause{loop_.executor(), limits::accept_pause};
      co_await pause.async_wait(as_result);
      continue;
    }
    asio::co_spawn(loop_.executor(), serve_one(std::move(socket)), report_escape);
  }
}

Awaitable<> Listener::serve_one(Socket socket) {
  Connection connection{*this, std::move(socket)};
  if (draining_) co_return;
  co_await serve_(connection.stream);
}

void Listener::drain() {
  draining_ = true;
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  for (auto* connection = first_; connection != nullptr; connection = connection->next) connection->stream.drain();
}

void Listener::abort() {
  drain();
  for (auto* connection = first_; connection != nullptr; connection = connection->next) connection->stream.abort();
}

}  // namespace maestro::net
