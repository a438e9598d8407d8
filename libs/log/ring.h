// A bounded ring of bytes between the one thread that fills it and the one that drains it. No lock: two indices, each
// written by one side. What does not fit is refused whole and counted by the caller.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace maestro::log {

class Ring {
 public:
  explicit Ring(std::size_t bytes) : bytes_(bytes), data_(std::make_unique<char[]>(bytes)) {}

  // By the filling thread only.
  bool push(std::string_view line) {
    const auto head = head_.load(std::memory_order_relaxed);
    const auto tail = tail_.load(std::memory_order_acquire);
    if (line.size() > bytes_ - (head - tail)) return false;
    const auto at = head % bytes_;
    const auto first = std::min(line.size(), bytes_ - at);
    std::memcpy(data_.get() + at, line.data(), first);
    std::memcpy(data_.get(), line.data() + first, line.size() - first);
    head_.store(head + line.size(), std::memory_order_release);
    return true;
  }

  // By the draining thread only: appends all that is there.
  void drain(std::string& out) {
    const auto tail = tail_.load(std::memory_order_relaxed);
    const auto head = head_.load(std::memory_order_acquire);
    const auto size = head - tail;
    if (size == 0) return;
    const auto at = tail % bytes_;
    const auto first = std::min(size, bytes_ - at);
    out.append(data_.get() + at, first);
    out.append(data_.get(), size - first);
    tail_.store(head, std::memory_order_release);
  }

 private:
  const std::size_t bytes_;
  const std::unique_ptr<char[]> data_;
  alignas(64) std::atomic<std::size_t> head_{0};
  alignas(64) std::atomic<std::size_t> tail_{0};
};

}  // namespace maestro::log
