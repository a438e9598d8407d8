// A point in time until which something may wait, made once and passed down. Never a duration again.
#pragma once

#include <algorithm>
#include <chrono>

namespace maestro {

struct Deadline {
  using Clock = std::chrono::steady_clock;
  Clock::time_point at = Clock::time_point::max();

  static Deadline in(Clock::duration time) { return Deadline{Clock::now() + time}; }
  static Deadline never() { return Deadline{}; }

  Deadline but_at_most(Clock::duration time) const { return Deadline{std::min(at, Clock::now() + time)}; }
  bool passed() const { return Clock::now() >= at; }

  // For grpc::ClientContext::set_deadline only: other clocks jump.
  std::chrono::system_clock::time_point wall() const {
    if (at == Clock::time_point::max()) return std::chrono::system_clock::time_point::max();
    return std::chrono::system_clock::now() +
           std::chrono::duration_cast<std::chrono::system_clock::duration>(at - Clock::now());
  }
};

}  // namespace maestro
