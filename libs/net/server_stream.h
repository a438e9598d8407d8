// One connection of a client, server side: heads and bodies in, replies out, one exchange after the other (pipelined
// requests wait in the buffer). Belongs to its loop's thread and to the session coroutine that holds it.
//
// Errors: client_left (closed, reset), client_too_slow (408), too_large (413, 431), invalid_request (400), unavailable
// (the body budget is used up: 503). After an error that left the request's end unknown the connection must close.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string_view>

#include "base/deadline.h"
#include "base/limits.h"
#include "base/result.h"
#include "http/head.h"
#include "net/framing.h"
#include "net/gather.h"
#include "net/loop.h"

namespace maestro::net {

// What a listener's connections may take. Set once, before serving.
struct ServerLimits {
  std::size_t head_bytes_max = limits::head_bytes_max;
  std::size_t body_bytes_max = limits::request_body_bytes_max;
  Wheel::Clock::duration head_time_max = limits::request_head_time_max;
  Wheel::Clock::duration body_idle_time_max = limits::request_body_idle_time_max;
  Wheel::Clock::duration keep_alive_time_max = limits::keep_alive_idle_time_max;
  Wheel::Clock::duration write_time_max = limits::client_write_time_max;
};

// Bytes of request bodies that a process holds, of all its workers together.
class ByteBudget {
 public:
  explicit ByteBudget(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  bool take(std::size_t bytes) {
    if (used_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= bytes_max_) return true;
    give_back(bytes);
    return false;
  }
  void give_back(std::size_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }
  std::size_t used() const { return used_.load(std::memory_order_relaxed); }

 private:
  const std::size_t bytes_max_;
  std::atomic<std::size_t> used_{0};
};

// A request's whole body, padded for simdjson, held until it dies.
class Body {
 public:
  Body() = default;
  Body(Body&& other) noexcept;
  Body& operator=(Body&& other) noexcept;
  ~Body() { release(); }
  std::string_view bytes() const { return {data_, size_}; }
  std::size_t capacity() const { return size_ + buffer_padding_bytes; }  // readable from bytes().data()
  void release();

 private:
  friend class ServerStream;
  Buffer buffer_;  // empty when the body lies in the connection's own buffer
  const char* data_ = "";
  std::size_t size_ = 0;
  ByteBudget* budget_ = nullptr;
  std::size_t budgeted_ = 0;
};

class ServerStream {
 public:
  ServerStream(Loop& loop, Socket socket, const ServerLimits& stream_limits);
  ServerStream(const ServerStream&) = delete;
  ServerStream& operator=(const ServerStream&) = delete;
  ~ServerStream();

  // Waits for the next request. The head's views are valid until finish_request(). client_left also when the
  // connection was idle for too long or the listener drains: nothing is owed then.
  Awaitable<Result<const http::RequestHead*>> read_head();
  // After read_head: the whole body. Sends "100 Continue" when the client waits for it.
  Awaitable<Result<Body>> read_body(ByteBudget& budget);
  // The body if it is all there already, without waiting; nothing: read_body() must be awaited.
  std::optional<Body> body_now(ByteBudget& budget);
  // Reads on, at most limits::refused_body_drain_bytes_max, so that a client still sending sees our refusal.
  Awaitable<> drain_body();
  // The exchange is over; the bytes of its request are let go.
  void finish_request();

  // Sends all of it. The fast path does not suspend; `rest` does.
  Gather::Outcome write_now(Gather& bytes) { return bytes.send_now(socket_.native_handle()); }
  Awaitable<Result<void>> write_rest(Gather& bytes);
  Awaitable<Result<void>> write(Gather bytes);

  // Calls `left` once if the client closes its side or resets while an exchange is under way. Armed after
  // limits::peer_watch_delay, so that short exchanges pay nothing. `self` must live until unwatch_peer().
  void watch_peer(void (*left)(void*), void* self);
  void unwatch_peer();
  bool peer_left() const { return peer_left_; }

  // Ends whatever waits, as if the client had left.
  void abort();
  // Idle connections end now, others after their exchange.
  void drain();
  bool draining() const { return draining_; }
  bool request_body_complete() const { return body_.ended(); }

 private:
  struct PeerWatch;
  enum class Wait : std::uint8_t { none, idle, head, body, write };

  void before_read(Wait wait, Wheel::Clock::duration time_max);
  Result<std::size_t> after_read(Wait wait, const boost::system::error_code& failure, std::size_t size);
  Awaitable<Result<std::size_t>> read_more(Wait wait, Wheel::Clock::duration time_max);
  Awaitable<Result<Body>> read_sized_body(ByteBudget& budget);
  Awaitable<Result<Body>> read_chunked_body(ByteBudget& budget);
  bool make_room();
  static void expire(void* self);
  static void arm_peer_watch(void* self);

  Loop& loop_;
  Socket socket_;
  const ServerLimits& limits_;
  Wheel::Entry expiry_;
  Wheel::Entry peer_timer_;
  Buffer in_;
  std::size_t begin_ = 0;  // of what is not consumed yet
  std::size_t end_ = 0;
  http::RequestHead head_;
  std::size_t head_bytes_ = 0;
  BodyReader body_;
  Wait waiting_ = Wait::none;
  bool expired_ = false;
  bool draining_ = false;
  bool peer_left_ = false;
  bool watch_armed_ = false;
  void (*on_peer_left_)(void*) = nullptr;
  void* on_peer_left_self_ = nullptr;
  std::shared_ptr<PeerWatch> watch_;
};

}  // namespace maestro::net
