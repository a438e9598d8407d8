// The expiry of everything that waits on a loop: a coarse timer wheel, one tick in limits::wheel_tick, instead of a
// timer for each operation. Setting a time is a store; an entry that turns out not to be due when its slot comes is
// linked again. Times are kept to the tick: an entry fires at most two ticks late and never early.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include "base/limits.h"
#include "net/executor.h"

namespace maestro::net {

class Wheel {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr auto tick = limits::wheel_tick;

  explicit Wheel(Executor executor);
  Wheel(const Wheel&) = delete;
  Wheel& operator=(const Wheel&) = delete;

  // Owned by whom it belongs to; unlinks itself. `expire` runs on the loop, may destroy the entry, and is called once
  // for each time that was set.
  class Entry {
   public:
    Entry(Wheel& wheel, void (*expire)(void*), void* self) : wheel_(&wheel), expire_(expire), self_(self) {}
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry() { unlink(); }

    void set(Clock::time_point at);
    void clear() { at_ = Clock::time_point::max(); }
    bool is_set() const { return at_ != Clock::time_point::max(); }

   private:
    friend class Wheel;
    void unlink();

    Wheel* wheel_;
    void (*expire_)(void*);
    void* self_;
    Clock::time_point at_ = Clock::time_point::max();
    std::int64_t linked_tick_ = 0;
    Entry* previous_ = nullptr;
    Entry* next_ = nullptr;
  };

  std::size_t entries() const { return entries_; }

  // Nothing fires any more; entries may still come and go. The end of a loop.
  void close();

 private:
  static constexpr std::size_t slots = 512;
  static constexpr std::int64_t not_armed = std::numeric_limits<std::int64_t>::max();

  std::int64_t tick_of(Clock::time_point at) const;
  void link(Entry& entry);
  void arm(std::int64_t tick);
  void arm_next();
  void advance();

  std::optional<Timer> timer_;  // nothing: closed
  Clock::time_point origin_ = Clock::now();
  std::int64_t now_tick_ = 0;
  std::int64_t armed_tick_ = not_armed;  // the timer sleeps until the next slot that holds somebody
  std::size_t entries_ = 0;
  bool advancing_ = false;
  std::array<Entry*, slots> slots_{};
};

}  // namespace maestro::net
