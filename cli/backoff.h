// How long a child that died waits for its next start: 100 ms, doubled for each death in a row, at most 10 s. A child
// that lived for half a minute is well again and starts from the shortest wait.
#pragma once

#include <algorithm>
#include <chrono>

#include "base/limits.h"

namespace maestro::cli {

class Backoff final {
 public:
  using Duration = std::chrono::steady_clock::duration;

  // The wait after a life of this length.
  Duration after(Duration life) {
    if (life >= limits::child_steady_time_min) next_ = limits::child_restart_time_min;
    const Duration wait = next_;
    next_ = std::min<Duration>(next_ * 2, limits::child_restart_time_max);
    return wait;
  }

 private:
  Duration next_ = limits::child_restart_time_min;
};

}  // namespace maestro::cli
