#include "net/buffer_pool.h"

#include <new>

namespace maestro::net {

void Buffer::reset() {
  if (data_ != nullptr) pool_->give_back(data_, capacity_);
  data_ = nullptr;
  capacity_ = 0;
}

BufferPool::~BufferPool() {
  for (auto& buffers : free_)
    for (auto* buffer : buffers) std::free(buffer);
}

Buffer BufferPool::take(std::size_t bytes) {
  Buffer buffer;
  buffer.pool_ = this;
  for (std::size_t i = 0; i < class_bytes.size(); ++i) {
    if (bytes > class_bytes[i]) continue;
    buffer.capacity_ = class_bytes[i];
    if (!free_[i].empty()) {
      buffer.data_ = free_[i].back();
      free_[i].pop_back();
      return buffer;
    }
    break;
  }
  if (buffer.capacity_ == 0) buffer.capacity_ = bytes;
  buffer.data_ = static_cast<char*>(std::malloc(buffer.capacity_ + buffer_padding_bytes));
  if (buffer.data_ == nullptr) throw std::bad_alloc();
  return buffer;
}

void BufferPool::give_back(char* data, std::size_t capacity) {
  for (std::size_t i = 0; i < class_bytes.size(); ++i) {
    if (capacity == class_bytes[i] && free_[i].size() < kept_max[i]) {
      free_[i].push_back(data);
      return;
    }
  }
  std::free(data);
}

}  // namespace maestro::net
