// One thread's event loop with what its connections share: the wheel of expiries and the pool of buffers. Everything
// that hangs on a loop is touched by the thread in run() only; others post.
#pragma once

#include <optional>
#include <utility>

#include <boost/asio/post.hpp>

#include "net/buffer_pool.h"
#include "net/executor.h"
#include "net/wheel.h"

namespace maestro::net {

class Loop {
 public:
  // UNSAFE_IO leaves out the locks of sockets and keeps those of posts: UNSAFE would lose posts of other threads.
  Loop() : context_(std::in_place, BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO), wheel_(context_->get_executor()) {}
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  // Coroutines that still wait here die with the context, and leave the wheel and the pool as they go.
  ~Loop() {
    wheel_.close();
    context_.reset();
  }

  asio::io_context& context() { return *context_; }
  Executor executor() { return context_->get_executor(); }
  Wheel& wheel() { return wheel_; }
  BufferPool& buffers() { return buffers_; }

  // By any thread.
  template <class Function>
  void post(Function&& function) {
    asio::post(*context_, std::forward<Function>(function));
  }

 private:
  BufferPool buffers_;
  std::optional<asio::io_context> context_;
  Wheel wheel_;
};

}  // namespace maestro::net
