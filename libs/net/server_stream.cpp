#include "net/server_stream.h"

#include <algorithm>
#include <cstring>
#include <string>

#include <boost/asio/buffer.hpp>
#include <sys/socket.h>

namespace maestro::net {
namespace {

constexpr std::size_t first_buffer_bytes = BufferPool::class_bytes[0];
constexpr std::size_t chunk_room_bytes = 2048;

Error left() { return Error{ErrorKind::client_left, "The client closed the connection."}; }

std::string mebibytes(std::size_t bytes) {
  if (bytes % (1024 * 1024) == 0) return std::to_string(bytes / (1024 * 1024)) + " MiB";
  return std::to_string(bytes) + " bytes";
}

Error body_too_large(std::size_t bytes_max) {
  return Error{ErrorKind::too_large, "The request body is larger than the limit of " + mebibytes(bytes_max) + "."};
}

Error budget_used_up() {
  Error error{ErrorKind::unavailable, "The server is holding too many request bodies at once; try again in a moment."};
  error.retry_after = limits::try_again_time;
  return error;
}

}  // namespace

// Outlives the stream while a wait is pending: the handler sees that the stream is gone.
struct ServerStream::PeerWatch {
  ServerStream* stream;
};

Body::Body(Body&& other) noexcept { *this = std::move(other); }

Body& Body::operator=(Body&& other) noexcept {
  if (this == &other) return *this;
  release();
  buffer_ = std::move(other.buffer_);
  data_ = std::exchange(other.data_, "");
  size_ = std::exchange(other.size_, 0);
  budget_ = std::exchange(other.budget_, nullptr);
  budgeted_ = std::exchange(other.budgeted_, 0);
  return *this;
}

void Body::release() {
  if (budget_ != nullptr) budget_->give_back(budgeted_);
  budget_ = nullptr;
  budgeted_ = 0;
  buffer_.reset();
  data_ = "";
  size_ = 0;
}

ServerStream::ServerStream(Loop& loop, Socket socket, const ServerLimits& stream_limits)
    : loop_(loop),
      socket_(std::move(socket)),
      limits_(stream_limits),
      expiry_(loop.wheel(), &ServerStream::expire, this),
      peer_timer_(loop.wheel(), &ServerStream::arm_peer_watch, this) {
  boost::system::error_code ignored;  // a socket that cannot be set is about to fail anyway
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

ServerStream::~ServerStream() {
  if (watch_) watch_->stream = nullptr;
}

void ServerStream::expire(void* self) {
  auto& stream = *static_cast<ServerStream*>(self);
  if (stream.waiting_ == Wait::none) return;
  stream.expired_ = true;
  boost::system::error_code ignored;
  stream.socket_.cancel(ignored);
}

void ServerStream::drain() {
  draining_ = true;
  if (waiting_ == Wait::idle && begin_ == end_) {
    boost::system::error_code ignored;
    socket_.cancel(ignored);
  }
}

void ServerStream::abort() {
  draining_ = true;
  peer_left_ = true;
  boost::system::error_code ignored;
  socket_.close(ignored);
  if (on_peer_left_ != nullptr) on_peer_left_(on_peer_left_self_);
}

// Room behind end_ for the next read: by moving what is there to the front, then by a larger buffer.
bool ServerStream::make_room() {
  if (!in_) in_ = loop_.buffers().take(first_buffer_bytes);
  if (end_ < in_.capacity()) return true;
  if (begin_ > 0) {
    std::memmove(in_.data(), in_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    return true;
  }
  if (in_.capacity() >= limits_.head_bytes_max) return false;
  auto larger = loop_.buffers().take(in_.capacity() * 4);
  std::memcpy(larger.data(), in_.data(), end_);
  in_ = std::move(larger);
  return true;
}

void ServerStream::before_read(Wait wait, Wheel::Clock::duration time_max) {
  waiting_ = wait;
  expired_ = false;
  expiry_.set(Wheel::Clock::now() + time_max);
}

Result<std::size_t> ServerStream::after_read(Wait wait, const boost::system::error_code& failure, std::size_t size) {
  waiting_ = Wait::none;
  expiry_.clear();
  if (failure) {
    if (expired_ && wait != Wait::idle)
      return Error{ErrorKind::client_too_slow, wait == Wait::head
                                                   ? "The request head did not arrive in time."
                                                   : "The request body stopped arriving before it was complete."};
    return left();
  }
  end_ += size;
  return size;
}

Awaitable<Result<std::size_t>> ServerStream::read_more(Wait wait, Wheel::Clock::duration time_max) {
  before_read(wait, time_max);
  const auto [failure, size] =
      co_await socket_.async_read_some(asio::buffer(in_.data() + end_, in_.capacity() - end_), as_result);
  co_return after_read(wait, failure, size);
}

Awaitable<Result<const http::RequestHead*>> ServerStream::read_head() {
  std::size_t searched = 0;
  Deadline head_deadline;
  for (;;) {
    // Empty lines before a request are skipped (RFC 9112 section 2.2).
    while (end_ - begin_ >= 2 && searched == 0 && in_.data()[begin_] == '\r' && in_.data()[begin_ + 1] == '\n')
      begin_ += 2;
    const std::string_view bytes{in_.data() + begin_, end_ - begin_};
    if (!bytes.empty()) {
      const auto size = head_size(bytes, searched);
      if (size > limits_.head_bytes_max || (size == 0 && bytes.size() >= limits_.head_bytes_max))
        co_return Error{ErrorKind::too_large, "The request head is larger than the limit of " +
                                                  std::to_string(limits_.head_bytes_max) + " bytes."};
      if (size > 0) {
        head_bytes_ = size;
        auto parsed = parse_request_head(bytes.substr(0, size), head_);
        if (!parsed) co_return parsed.error();
        if (head_.framing == http::Framing::chunked && in_.capacity() - begin_ - size < chunk_room_bytes) {
          // A chunked body is read behind its head, whose views must not move any more: find room now.
          auto larger = loop_.buffers().take(end_ - begin_ + BufferPool::class_bytes[1]);
          std::memcpy(larger.data(), in_.data() + begin_, end_ - begin_);
          in_ = std::move(larger);
          end_ -= begin_;
          begin_ = 0;
          if (parsed = parse_request_head({in_.data(), size}, head_); !parsed) co_return parsed.error();
        }
        body_.start(head_.framing, head_.content_length);
        co_return &head_;
      }
    }
    if (!make_room())
      co_return Error{ErrorKind::too_large, "The request head is larger than the limit of " +
                                                std::to_string(limits_.head_bytes_max) + " bytes."};
    // Waits here and not in a coroutine of its own: this is the way of every request.
    const auto wait = bytes.empty() ? Wait::idle : Wait::head;
    if (wait == Wait::idle && draining_) co_return left();
    if (wait == Wait::head && head_deadline.at == Deadline::Clock::time_point::max())
      head_deadline = Deadline::in(limits_.head_time_max);
    before_read(wait, wait == Wait::idle ? limits_.keep_alive_time_max : head_deadline.at - Deadline::Clock::now());
    const auto [failure, size] =
        co_await socket_.async_read_some(asio::buffer(in_.data() + end_, in_.capacity() - end_), as_result);
    auto read = after_read(wait, failure, size);
    if (!read) co_return read.error();
  }
}

std::optional<Body> ServerStream::body_now(ByteBudget& budget) {
  if (body_.ended()) return Body{};
  const auto size = static_cast<std::size_t>(head_.content_length);
  const bool here = head_.framing == http::Framing::length && head_.content_length <= limits_.body_bytes_max &&
                    end_ - begin_ - head_bytes_ >= size;
  if (!here || !budget.take(size)) return {};
  Body body;
  body.budget_ = &budget;
  body.budgeted_ = size;
  body.size_ = size;
  body.data_ = in_.data() + begin_ + head_bytes_;
  head_bytes_ += size;
  body_.start(http::Framing::none, 0);
  return body;
}

Awaitable<Result<Body>> ServerStream::read_body(ByteBudget& budget) {
  if (auto body = body_now(budget)) co_return std::move(*body);
  if (head_.framing == http::Framing::length && head_.content_length > limits_.body_bytes_max)
    co_return body_too_large(limits_.body_bytes_max);
  if (head_.expects_continue && end_ == begin_ + head_bytes_) {
    auto sent = co_await write(Gather{"HTTP/1.1 100 Continue\r\n\r\n"});
    if (!sent) co_return sent.error();
  }
  if (head_.framing == http::Framing::chunked) co_return co_await read_chunked_body(budget);
  co_return co_await read_sized_body(budget);
}

Awaitable<Result<Body>> ServerStream::read_sized_body(ByteBudget& budget) {
  const auto size = static_cast<std::size_t>(head_.content_length);
  Body body;
  if (!budget.take(size)) co_return budget_used_up();
  body.budget_ = &budget;
  body.budgeted_ = size;
  body.size_ = size;
  const auto start = begin_ + head_bytes_;
  const auto there = std::min(size, end_ - start);
  body.buffer_ = loop_.buffers().take(size);
  std::memcpy(body.buffer_.data(), in_.data() + start, there);
  end_ = start;  // all behind the head belongs to the body
  std::size_t have = there;
  while (have < size) {
    waiting_ = Wait::body;
    expired_ = false;
    expiry_.set(Wheel::Clock::now() + limits_.body_idle_time_max);
    const auto [failure, read] =
        co_await socket_.async_read_some(asio::buffer(body.buffer_.data() + have, size - have), as_result);
    waiting_ = Wait::none;
    expiry_.clear();
    if (failure) {
      if (expired_)
        co_return Error{ErrorKind::client_too_slow, "The request body stopped arriving before it was complete."};
      co_return left();
    }
    have += read;
  }
  body_.start(http::Framing::none, 0);
  body.data_ = body.buffer_.data();
  co_return body;
}

Awaitable<Result<Body>> ServerStream::read_chunked_body(ByteBudget& budget) {
  Body body;
  body.budget_ = &budget;
  body.buffer_ = loop_.buffers().take(first_buffer_bytes);
  // The raw bytes lie behind the head in in_; whatever comes after the body is the next request.
  std::size_t at = begin_ + head_bytes_;
  for (;;) {
    auto piece = body_.read(in_.data() + at, end_ - at);
    if (!piece) co_return piece.error();
    if (piece->produced > 0) {
      if (body.size_ + piece->produced > limits_.body_bytes_max) co_return body_too_large(limits_.body_bytes_max);
      if (!budget.take(piece->produced)) co_return budget_used_up();
      body.budgeted_ += piece->produced;
      if (body.size_ + piece->produced > body.buffer_.capacity()) {
        auto larger = loop_.buffers().take(std::max(body.size_ + piece->produced, 2 * body.buffer_.capacity()));
        std::memcpy(larger.data(), body.buffer_.data(), body.size_);
        body.buffer_ = std::move(larger);
      }
      std::memcpy(body.buffer_.data() + body.size_, in_.data() + at, piece->produced);
      body.size_ += piece->produced;
    }
    at += piece->consumed;
    // The head's views must stay: what was consumed behind it is overwritten from the right.
    const auto rest = end_ - at;
    const auto start = begin_ + head_bytes_;
    std::memmove(in_.data() + start, in_.data() + at, rest);
    at = start;
    end_ = start + rest;
    if (body_.ended()) break;
    auto read = co_await read_more(Wait::body, limits_.body_idle_time_max);
    if (!read) co_return read.error();
  }
  body.data_ = body.buffer_.data();
  co_return body;
}

Awaitable<> ServerStream::drain_body() {
  std::size_t drained = 0;
  boost::system::error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  begin_ = end_ = 0;
  if (!in_) in_ = loop_.buffers().take(first_buffer_bytes);
  const auto deadline = Deadline::in(std::chrono::seconds(limits::refused_body_drain_time_max));
  while (drained < limits::refused_body_drain_bytes_max && !deadline.passed()) {
    end_ = 0;
    auto read = co_await read_more(Wait::body, deadline.at - Deadline::Clock::now());
    if (!read) co_return;
    drained += *read;
  }
}

void ServerStream::finish_request() {
  begin_ += head_bytes_;
  head_bytes_ = 0;
  if (begin_ == end_) {
    begin_ = end_ = 0;
    if (in_.capacity() > first_buffer_bytes) in_.reset();
  }
  unwatch_peer();
}

Awaitable<Result<void>> ServerStream::write_rest(Gather& bytes) {
  for (;;) {
    switch (bytes.send_now(socket_.native_handle())) {
      case Gather::Outcome::sent:
        co_return success();
      case Gather::Outcome::failed:
        co_return left();
      case Gather::Outcome::blocked:
        break;
    }
    waiting_ = Wait::write;
    expired_ = false;
    expiry_.set(Wheel::Clock::now() + limits_.write_time_max);
    const auto [failure] = co_await socket_.async_wait(Socket::wait_write, as_result);
    waiting_ = Wait::none;
    expiry_.clear();
    if (failure || peer_left_) co_return left();
  }
}

Awaitable<Result<void>> ServerStream::write(Gather bytes) { co_return co_await write_rest(bytes); }

void ServerStream::watch_peer(void (*left_callback)(void*), void* self) {
  on_peer_left_ = left_callback;
  on_peer_left_self_ = self;
  if (!watch_armed_) peer_timer_.set(Wheel::Clock::now() + limits::peer_watch_delay);
}

void ServerStream::unwatch_peer() {
  on_peer_left_ = nullptr;
  on_peer_left_self_ = nullptr;
  peer_timer_.clear();
}

void ServerStream::arm_peer_watch(void* self) {
  auto& stream = *static_cast<ServerStream*>(self);
  if (stream.watch_armed_ || stream.begin_ + stream.head_bytes_ < stream.end_) return;  // a pipelined request waits
  if (!stream.watch_) stream.watch_ = std::make_shared<PeerWatch>(PeerWatch{&stream});
  stream.watch_armed_ = true;
  stream.socket_.async_wait(Socket::wait_read, [watch = stream.watch_](boost::system::error_code failure) {
    if (watch->stream == nullptr) return;
    auto& watched = *watch->stream;
    watched.watch_armed_ = false;
    if (failure) {  // another wait on this socket expired and cancelled us too
      if (watched.on_peer_left_ != nullptr) watched.peer_timer_.set(Wheel::Clock::now() + limits::peer_watch_delay);
      return;
    }
    char byte = 0;
    const auto size = ::recv(watched.socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (size > 0 || (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))) return;
    watched.peer_left_ = true;
    if (watched.on_peer_left_ != nullptr) watched.on_peer_left_(watched.on_peer_left_self_);
  });
}

}  // namespace maestro::net
