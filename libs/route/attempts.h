// Which target comes next, and what the client is told when none is left. Counts attempts; knows no clock.
#pragma once

#include <optional>
#include <span>

#include "base/error.h"
#include "route/plan.h"

namespace maestro::route {

class Attempts {
 public:
  explicit Attempts(std::span<const Target> targets) : targets_(targets) {}

  // nullptr: no more. The first call gives the first target.
  const Target* next() {
    if (stopped_ || at_ == targets_.size()) return nullptr;
    return &targets_[at_++];
  }
  // The target that next() gave has failed.
  void failed(Error error) {
    stopped_ = !another_may_do_better(error.kind);
    last_ = std::move(error);
  }
  // The last failure: nearest to what the client could mend (data-plane.md 4.4, later).
  Error verdict() && { return last_ ? std::move(*last_) : Error{ErrorKind::unavailable, "No target could be tried."}; }
  std::size_t count() const { return at_; }

 private:
  std::span<const Target> targets_;
  std::size_t at_ = 0;
  bool stopped_ = false;
  std::optional<Error> last_;
};

}  // namespace maestro::route
