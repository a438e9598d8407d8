#include "net/client_stream.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <boost/asio/buffer.hpp>
#include <openssl/evp.h>

#include "base/limits.h"

namespace maestro::net {
namespace {

// Small while a stream trickles, larger when a read filled it.
constexpr std::size_t first_buffer_bytes = BufferPool::class_bytes[0];
constexpr std::size_t buffer_bytes_max = BufferPool::class_bytes[2];

std::string base64(std::string_view text) {
  std::string out(4 * ((text.size() + 2) / 3), '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(text.data()),
                  static_cast<int>(text.size()));
  return out;
}

}  // namespace

ClientStream::ClientStream(Loop& loop, Origin origin)
    : loop_(loop),
      origin_(std::move(origin)),
      socket_(loop.executor()),
      expiry_(loop.wheel(), &ClientStream::expire, this) {}

ClientStream::~ClientStream() = default;

void ClientStream::expire(void* self) {
  auto& stream = *static_cast<ClientStream*>(self);
  stream.expired_ = true;
  boost::system::error_code ignored;
  stream.socket_.cancel(ignored);
  stream.resolving_.cancel();
}

void ClientStream::abort() {
  aborted_ = true;
  broken_ = true;
  boost::system::error_code ignored;
  socket_.cancel(ignored);
  resolving_.cancel();
}

void ClientStream::set_expiry(Deadline deadline) {
  expired_ = false;
  expiry_.set(deadline.at);
}

Error ClientStream::failure_of(const boost::system::error_code& failure, std::string_view doing) {
  expiry_.clear();
  if (aborted_) return Error{ErrorKind::client_left, "The client closed the connection."};
  if (expired_) {
    return Error{ErrorKind::attempt_timed_out,
                 origin_.host + " did not answer in time while " + std::string(doing) + "."};
  }
  broken_ = true;
  return Error{ErrorKind::provider_failed, "The connection to " + origin_.host + " failed while " + std::string(doing) +
                                               ": " + failure.message() + "."};
}

Awaitable<Result<void>> ClientStream::connect(Resolver& resolver, TlsContext& tls, const Proxy* proxy,
                                              Deadline deadline) {
  const auto& host = proxy != nullptr ? proxy->host : origin_.host;
  const auto port = proxy != nullptr ? proxy->port : origin_.port;
  auto connected = co_await connect_socket(resolver, host, port, deadline);
  if (!connected) co_return connected.error();
  if (proxy != nullptr) {
    if (proxy->kind == Proxy::Kind::socks5) {
      connected = co_await pass_socks_proxy(*proxy, deadline);
    } else if (origin_.tls()) {
      connected = co_await pass_http_proxy(*proxy, deadline);
    } else {
      target_prefix_ = "http://" + origin_.host_header();
      if (!proxy->user.empty())
        proxy_authorization_ = "Basic " + base64(proxy->user + ":" + std::string(proxy->password.reveal()));
    }
    if (!connected) co_return connected.error();
  }
  if (origin_.tls()) co_return co_await shake_hands(tls, deadline);
  co_return success();
}

Awaitable<Result<void>> ClientStream::connect_socket(Resolver& resolver, const std::string& host, std::uint16_t port,
                                                     Deadline deadline) {
  set_expiry(deadline);
  auto addresses = co_await resolver.resolve(host, resolving_);
  if (aborted_ || expired_) co_return failure_of({}, "looking up the address");
  if (!addresses) {
    expiry_.clear();
    co_return addresses.error();
  }
  boost::system::error_code failure = asio::error::host_not_found;
  for (const auto& address : *addresses) {
    boost::system::error_code ignored;
    socket_.close(ignored);
    const auto [problem] = co_await socket_.async_connect({address, port}, as_result);
    failure = problem;
    if (!failure || aborted_ || expired_) break;
  }
  if (failure) co_return failure_of(failure, "connecting");
  expiry_.clear();
  boost::system::error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  co_return success();
}

Awaitable<Result<void>> ClientStream::pass_http_proxy(const Proxy& proxy, Deadline deadline) {
  const auto authority = (origin_.host.find(':') == std::string::npos ? origin_.host : "[" + origin_.host + "]") + ":" +
                         std::to_string(origin_.port);
  std::string request = "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n";
  if (!proxy.user.empty())
    request += "Proxy-Authorization: Basic " + base64(proxy.user + ":" + std::string(proxy.password.reveal())) + "\r\n";
  request += "\r\n";
  auto sent = co_await send(Gather{request}, deadline);
  if (!sent) co_return sent.error();
  auto head = co_await read_head(RequestMethod::head, deadline);  // a reply to CONNECT has no body either
  if (!head) co_return head.error();
  if ((*head)->status / 100 != 2) {
    broken_ = true;
    co_return Error{ErrorKind::provider_failed, "The proxy " + proxy.host + " refused to connect to " + authority +
                                                    ": it answered " + std::to_string((*head)->status) + "."};
  }
  head_read_ = false;
  saw_bytes_ = false;
  co_return success();
}

// RFC 1928 and 1929. The proxy looks up the name.
Awaitable<Result<void>> ClientStream::pass_socks_proxy(const Proxy& proxy, Deadline deadline) {
  const auto refuse = [&](std::string_view why) {
    broken_ = true;
    return Error{ErrorKind::provider_failed, "The SOCKS proxy " + proxy.host + " " + std::string(why) + "."};
  };
  if (origin_.host.size() > 255 || proxy.user.size() > 255 || proxy.password.reveal().size() > 255)
    co_return refuse("cannot be told so long a name");
  const bool has_user = !proxy.user.empty();
  const std::string greeting = has_user ? std::string("\x05\x02\x00\x02", 4) : std::string("\x05\x01\x00", 3);
  auto sent = co_await send(Gather{greeting}, deadline);
  if (!sent) co_return sent.error();
  auto chosen = co_await read_exactly(2, deadline);
  if (!chosen) co_return chosen.error();
  if ((*chosen)[0] != 5) co_return refuse("does not speak SOCKS 5");
  if ((*chosen)[1] == 2 && has_user) {
    const auto password = proxy.password.reveal();
    std::string login{"\x01"};
    login += static_cast<char>(proxy.user.size());
    login += proxy.user;
    login += static_cast<char>(password.size());
    login += password;
    if (sent = co_await send(Gather{login}, deadline); !sent) co_return sent.error();
    auto verdict = co_await read_exactly(2, deadline);
    if (!verdict) co_return verdict.error();
    if ((*verdict)[1] != 0) co_return refuse("refused the user and password");
  } else if ((*chosen)[1] != 0) {
    co_return refuse("wants an authentication that is not spoken here");
  }
  std::string request{"\x05\x01\x00\x03", 4};
  request += static_cast<char>(origin_.host.size());
  request += origin_.host;
  request += static_cast<char>(origin_.port >> 8);
  request += static_cast<char>(origin_.port & 0xff);
  if (sent = co_await send(Gather{request}, deadline); !sent) co_return sent.error();
  auto reply = co_await read_exactly(5, deadline);
  if (!reply) co_return reply.error();
  if ((*reply)[1] != 0)
    co_return refuse("could not connect to " + origin_.host + " (code " + std::to_string((*reply)[1]) + ")");
  const auto type = (*reply)[3];
  const std::size_t address_bytes = type == 1 ? 4 : type == 4 ? 16 : 1u + static_cast<unsigned char>((*reply)[4]);
  auto rest = co_await read_exactly(address_bytes - 1 + 2, deadline);
  if (!rest) co_return rest.error();
  saw_bytes_ = false;
  co_return success();
}

Awaitable<Result<std::string>> ClientStream::read_exactly(std::size_t size, Deadline deadline) {
  while (end_ - begin_ < size) {
    auto read = co_await read_raw(deadline);
    if (!read) co_return read.error();
  }
  std::string bytes(in_.data() + begin_, size);
  begin_ += size;
  co_return bytes;
}

Awaitable<Result<void>> ClientStream::shake_hands(TlsContext& tls, Deadline deadline) {
  auto session = tls.start(socket_.native_handle(), origin_.host, origin_.port);
  if (!session) co_return session.error();
  tls_ = std::move(*session);
  for (;;) {
    const auto step = tls_->handshake();
    if (!step.problem.empty() || step.ended) {
      broken_ = true;
      co_return Error{ErrorKind::provider_failed,
                      "TLS to " + origin_.host +
                          " failed: " + (step.problem.empty() ? "the connection was closed" : step.problem) + "."};
    }
    if (step.wants == TlsWants::nothing) co_return success();
    auto ready = co_await wait_for(step.wants == TlsWants::read ? Need::read : Need::write, deadline);
    if (!ready) co_return ready.error();
  }
}

Awaitable<Result<void>> ClientStream::wait_for(Need need, Deadline deadline) {
  set_expiry(deadline);
  const auto [failure] =
      co_await socket_.async_wait(need == Need::read ? Socket::wait_read : Socket::wait_write, as_result);
  if (failure || aborted_)
    co_return failure_of(failure, need == Need::read ? "waiting for its reply" : "sending the request");
  expiry_.clear();
  co_return success();
}

Awaitable<Result<void>> ClientStream::send(Gather bytes, Deadline deadline) {
  if (aborted_) co_return failure_of({}, "sending the request");
  if (!tls_) {
    for (;;) {
      switch (bytes.send_now(socket_.native_handle())) {
        case Gather::Outcome::sent:
          co_return success();
        case Gather::Outcome::failed:
          co_return failure_of({errno, boost::system::system_category()}, "sending the request");
        case Gather::Outcome::blocked:
          break;
      }
      auto ready = co_await wait_for(Need::write, deadline);
      if (!ready) co_return ready.error();
    }
  }
  // One record for a head and a small body, instead of two.
  std::string joined;
  constexpr std::size_t record_bytes = 16 * 1024;
  while (!bytes.empty() || !joined.empty()) {
    while (joined.size() < record_bytes && !bytes.empty()) {
      const auto part = bytes.front().substr(0, record_bytes - joined.size());
      joined += part;
      bytes.drop(part.size());
    }
    const auto step = tls_->write(joined.data(), joined.size());
    if (!step.problem.empty() || step.ended) co_return failure_of(asio::error::connection_reset, "sending the request");
    if (step.wants == TlsWants::nothing) {
      joined.erase(0, step.bytes);
      continue;
    }
    auto ready = co_await wait_for(step.wants == TlsWants::read ? Need::read : Need::write, deadline);
    if (!ready) co_return ready.error();
  }
  co_return success();
}

bool ClientStream::make_room() {
  if (begin_ == end_) begin_ = end_ = 0;
  if (!in_) {
    in_ = loop_.buffers().take(first_buffer_bytes);
    return true;
  }
  if (last_read_was_full_ && begin_ == end_ && in_.capacity() < buffer_bytes_max) {
    in_ = loop_.buffers().take(in_.capacity() * 4);
    return true;
  }
  if (end_ < in_.capacity()) return true;
  if (begin_ > 0) {
    std::memmove(in_.data(), in_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    return true;
  }
  if (in_.capacity() >= buffer_bytes_max) return false;
  auto larger = loop_.buffers().take(in_.capacity() * 4);
  std::memcpy(larger.data(), in_.data(), end_);
  in_ = std::move(larger);
  return true;
}

Result<void> ClientStream::before_read(Deadline deadline) {
  if (!make_room()) {
    broken_ = true;
    return Error{ErrorKind::provider_failed, "The reply head of " + origin_.host + " is larger than the limit."};
  }
  if (!tls_) set_expiry(deadline);
  return {};
}

Result<void> ClientStream::after_read(const boost::system::error_code& failure, std::size_t size, std::size_t room) {
  if (failure || aborted_) return failure_of(failure, "waiting for its reply");
  expiry_.clear();
  end_ += size;
  saw_bytes_ = true;
  last_read_was_full_ = size == room;
  return {};
}

Awaitable<Result<void>> ClientStream::read_raw(Deadline deadline) {
  if (auto ready = before_read(deadline); !ready) co_return ready;
  if (tls_) co_return co_await read_tls(deadline);
  const auto room = in_.capacity() - end_;
  const auto [failure, size] = co_await socket_.async_read_some(asio::buffer(in_.data() + end_, room), as_result);
  co_return after_read(failure, size, room);
}

Awaitable<Result<void>> ClientStream::read_tls(Deadline deadline) {
  for (;;) {
    if (aborted_) co_return failure_of({}, "waiting for its reply");
    const auto room = in_.capacity() - end_;
    const auto step = tls_->read(in_.data() + end_, room);
    if (step.ended) co_return failure_of(asio::error::eof, "waiting for its reply");
    if (!step.problem.empty()) {
      broken_ = true;
      co_return Error{ErrorKind::provider_failed,
                      "The connection to " + origin_.host + " failed: " + step.problem + "."};
    }
    if (step.wants == TlsWants::nothing) {
      end_ += step.bytes;
      saw_bytes_ = true;
      last_read_was_full_ = step.bytes == room;
      co_return success();
    }
    auto ready = co_await wait_for(step.wants == TlsWants::read ? Need::read : Need::write, deadline);
    if (!ready) co_return ready.error();
  }
}

Awaitable<Result<const http::ReplyHead*>> ClientStream::read_head(RequestMethod method, Deadline deadline) {
  for (;;) {
    const std::string_view bytes{in_.data() + begin_, end_ - begin_};
    if (const auto size = bytes.empty() ? 0 : head_size(bytes, searched_); size > 0) {
      searched_ = 0;
      auto parsed = size > limits::head_bytes_max
                        ? Result<void>(Error{ErrorKind::provider_failed, "its reply head is larger than the limit."})
                        : parse_reply_head(bytes.substr(0, size), method, head_);
      if (!parsed) {
        broken_ = true;
        auto error = parsed.error();
        error.message = "The reply of " + origin_.host + " makes no sense: " + error.message;
        co_return error;
      }
      begin_ += size;
      if (head_.status >= 100 && head_.status < 200) {
        if (head_.status == 101) {
          broken_ = true;
          co_return Error{ErrorKind::provider_failed, origin_.host + " switched to a protocol that nobody asked for."};
        }
        continue;
      }
      keep_alive_ = head_.keep_alive;
      body_.start(head_.framing, head_.content_length);
      head_read_ = true;
      co_return &head_;
    }
    // Waits here and not in a coroutine of its own: this is the way of every request.
    auto read = before_read(deadline);
    if (read && tls_) {
      read = co_await read_tls(deadline);
    } else if (read) {
      const auto room = in_.capacity() - end_;
      const auto [failure, size] = co_await socket_.async_read_some(asio::buffer(in_.data() + end_, room), as_result);
      read = after_read(failure, size, room);
    }
    if (!read) co_return read.error();
  }
}

// The payload that lies in the buffer, if there is any.
Result<std::string_view> ClientStream::next_piece() {
  if (body_.ended() || begin_ == end_) return std::string_view{};
  char* const start = in_.data() + begin_;
  auto piece = body_.read(start, end_ - begin_);
  if (!piece) {
    broken_ = true;
    auto error = piece.error();
    error.kind = ErrorKind::provider_failed;
    error.message = "The reply of " + origin_.host + " makes no sense: " + error.message;
    return error;
  }
  begin_ += piece->consumed;
  return std::string_view{start, piece->produced};
}

Result<std::string_view> ClientStream::read_buffered() { return next_piece(); }

Awaitable<Result<std::string_view>> ClientStream::read_some(Deadline deadline) {
  for (;;) {
    auto piece = next_piece();
    if (!piece || !piece->empty() || body_.ended()) co_return piece;
    auto read = before_read(deadline);
    if (read && tls_) {
      read = co_await read_tls(deadline);
    } else if (read) {
      const auto room = in_.capacity() - end_;
      const auto [failure, size] = co_await socket_.async_read_some(asio::buffer(in_.data() + end_, room), as_result);
      read = after_read(failure, size, room);
    }
    if (read) continue;
    auto error = read.error();
    if (error.kind != ErrorKind::provider_failed) co_return error;
    // The connection ended: right for a body that ends so.
    if (head_.framing == http::Framing::until_close && !aborted_ && body_.end_of_connection()) {
      co_return std::string_view{};
    }
    error.message = origin_.host + " closed the connection before its reply was complete.";
    co_return error;
  }
}

void ClientStream::finish_exchange() {
  ++exchanges_;
  head_read_ = false;
  saw_bytes_ = false;
  last_read_was_full_ = false;
  searched_ = 0;
  in_.reset();
  begin_ = end_ = 0;
  expiry_.clear();
}

}  // namespace maestro::net
