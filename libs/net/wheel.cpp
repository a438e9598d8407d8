#include "net/wheel.h"

#include <algorithm>

namespace maestro::net {

Wheel::Wheel(Executor executor) { timer_.emplace(executor); }

void Wheel::close() { timer_.reset(); }

std::int64_t Wheel::tick_of(Clock::time_point at) const {
  return std::chrono::ceil<std::chrono::milliseconds>(at - origin_) / tick + 1;
}

void Wheel::Entry::set(Clock::time_point at) {
  at_ = at;
  if (at == Clock::time_point::max()) return;
  // Linked no later than due: the slot comes first and links it on. So a time that only moves out costs nothing.
  if (previous_ != nullptr || next_ != nullptr ||
      wheel_->slots_[static_cast<std::size_t>(linked_tick_) % slots] == this) {
    if (linked_tick_ <= wheel_->tick_of(at)) return;
    unlink();
  }
  wheel_->link(*this);
}

void Wheel::Entry::unlink() {
  auto& slot = wheel_->slots_[static_cast<std::size_t>(linked_tick_) % slots];
  if (previous_ == nullptr && slot != this) return;  // not linked
  (previous_ != nullptr ? previous_->next_ : slot) = next_;
  if (next_ != nullptr) next_->previous_ = previous_;
  previous_ = next_ = nullptr;
  --wheel_->entries_;
}

void Wheel::link(Entry& entry) {
  // Nobody was there for a while: time went on without the wheel.
  if (entries_ == 0 && !advancing_) now_tick_ = std::max(now_tick_, tick_of(Clock::now()) - 2);
  const auto due = std::max(tick_of(entry.at_), now_tick_ + 1);
  entry.linked_tick_ = std::min(due, now_tick_ + static_cast<std::int64_t>(slots) - 1);
  auto& slot = slots_[static_cast<std::size_t>(entry.linked_tick_) % slots];
  entry.next_ = slot;
  entry.previous_ = nullptr;
  if (slot != nullptr) slot->previous_ = &entry;
  slot = &entry;
  ++entries_;
  if (timer_ && !advancing_ && entry.linked_tick_ < armed_tick_) arm(entry.linked_tick_);
}

void Wheel::arm(std::int64_t tick_at) {
  armed_tick_ = tick_at;
  timer_->expires_at(origin_ + tick_at * tick);  // a wait for a later tick ends with operation_aborted
  timer_->async_wait([this](boost::system::error_code failure) {
    if (failure) return;
    armed_tick_ = not_armed;
    advancing_ = true;
    advance();
    advancing_ = false;
    arm_next();
  });
}

void Wheel::arm_next() {
  if (entries_ == 0 || !timer_) return;
  for (std::int64_t at = now_tick_ + 1; at < now_tick_ + static_cast<std::int64_t>(slots); ++at) {
    if (slots_[static_cast<std::size_t>(at) % slots] == nullptr) continue;
    arm(at);
    return;
  }
}

void Wheel::advance() {
  const auto now = Clock::now();
  const auto last = std::chrono::floor<std::chrono::milliseconds>(now - origin_) / tick;
  while (now_tick_ < last) {
    ++now_tick_;
    auto& slot = slots_[static_cast<std::size_t>(now_tick_) % slots];
    // Callbacks may unlink, link and destroy entries of this very slot: take one at a time from the front.
    while (slot != nullptr) {
      Entry& entry = *slot;
      entry.unlink();
      if (!entry.is_set()) continue;
      if (entry.at_ > now) {
        link(entry);
        continue;
      }
      entry.clear();
      entry.expire_(entry.self_);
    }
  }
}

}  // namespace maestro::net
