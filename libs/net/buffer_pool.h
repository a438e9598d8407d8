// Buffers of a loop, by size class, used while bytes are there and given back at once: no allocation storm, and no
// memory held for idle connections. Each has simdjson's padding behind its capacity. One thread only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdlib>
#include <utility>
#include <vector>

namespace maestro::net {

inline constexpr std::size_t buffer_padding_bytes = 64;

class BufferPool;

// Bytes of a pool; goes back when it dies. Movable, never shared.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer taken(std::move(other));
    swap(taken);
    return *this;
  }
  ~Buffer() { reset(); }

  char* data() { return data_; }
  const char* data() const { return data_; }
  std::size_t capacity() const { return capacity_; }
  explicit operator bool() const { return data_ != nullptr; }
  void reset();

 private:
  friend class BufferPool;
  void swap(Buffer& other) {
    std::swap(pool_, other.pool_);
    std::swap(data_, other.data_);
    std::swap(capacity_, other.capacity_);
  }
  BufferPool* pool_ = nullptr;
  char* data_ = nullptr;
  std::size_t capacity_ = 0;
};

class BufferPool {
 public:
  static constexpr std::array<std::size_t, 4> class_bytes{4 * 1024, 16 * 1024, 64 * 1024, 256 * 1024};
  // Kept for reuse in each class.
  static constexpr std::array<std::size_t, 4> kept_max{1024, 256, 128, 32};

  BufferPool() = default;
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool();

  // At least `bytes`.
  Buffer take(std::size_t bytes);

 private:
  friend class Buffer;
  void give_back(char* data, std::size_t capacity);
  std::array<std::vector<char*>, 4> free_;
};

}  // namespace maestro::net
