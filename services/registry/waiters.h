// Coroutines of the loop that wait for one thing together: all go on when it may have happened, and look for
// themselves.
#pragma once

#include <chrono>
#include <vector>

#include "rpc/loop.h"

namespace maestro::registry {

// Outlives its waiters.
class Waiters final {
 public:
  explicit Waiters(const rpc::Executor& executor) : executor_(executor) {}
  Waiters(const Waiters&) = delete;
  Waiters& operator=(const Waiters&) = delete;

  rpc::Awaitable<void> wait_until(std::chrono::steady_clock::time_point at) {
    Place place(*this);
    co_await place.signal.wait_until(at);
  }
  void notify_all() {
    for (Place* place : places_) place->signal.notify();
  }

 private:
  struct Place {
    explicit Place(Waiters& of) : owner(of), signal(of.executor_) { owner.places_.push_back(this); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { std::erase(owner.places_, this); }
    Waiters& owner;
    rpc::Signal signal;
  };

  rpc::Executor executor_;
  std::vector<Place*> places_;
};

}  // namespace maestro::registry
