// The loop that every RPC of a process is served on and resumed on: one io_context, one thread. gRPC's own threads
// never touch our state; all they do is post to the loop.
//
// Law: the loop outlives what was started on it. A call or a stream counts as work until gRPC has let go of it, so
// run() returns only when none is under way; let it return by itself instead of destroying a stopped loop.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#include <sanitizer/tsan_interface.h>
#define MAESTRO_RPC_TSAN 1
#endif
#endif

namespace maestro::rpc {

namespace asio = boost::asio;

using Executor = asio::io_context::executor_type;
template <class T>
using Awaitable = asio::awaitable<T, Executor>;
inline constexpr asio::use_awaitable_t<Executor> use_awaitable{};
using Timer = asio::steady_timer::rebind_executor<Executor>::other;
using WorkGuard = asio::executor_work_guard<Executor>;

// What a coroutine of the loop waits on until somebody on the loop says that something has happened. One waits at a
// time. A cancelled wait returns too; the waiter looks at its own state to tell the two apart.
class Signal final {
 public:
  explicit Signal(const Executor& executor) : timer_(executor, Timer::time_point::max()) {}

  Awaitable<void> wait() { co_await timer_.async_wait(asio::as_tuple(use_awaitable)); }
  Awaitable<void> wait_until(Timer::time_point at) {
    timer_.expires_at(at);
    co_await timer_.async_wait(asio::as_tuple(use_awaitable));
  }
  void notify() { timer_.cancel(); }

 private:
  Timer timer_;
};

// libgrpc is not instrumented, so ThreadSanitizer is told of the order that gRPC's queues give: `to_grpc` before each
// call into gRPC, `from_grpc` at the start of each of its callbacks.
inline void to_grpc([[maybe_unused]] const void* object) {
#ifdef MAESTRO_RPC_TSAN
  __tsan_release(const_cast<void*>(object));
#endif
}
inline void from_grpc([[maybe_unused]] const void* object) {
#ifdef MAESTRO_RPC_TSAN
  __tsan_acquire(const_cast<void*>(object));
#endif
}

}  // namespace maestro::rpc
