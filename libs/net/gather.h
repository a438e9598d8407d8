// Bytes in several places that leave in one sendmsg. Views only: the owner keeps the bytes until they are sent.
#pragma once

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <sys/socket.h>
#include <sys/uio.h>

namespace maestro::net {

class Gather {
 public:
  static constexpr std::size_t parts_max = 8;

  Gather() = default;
  explicit Gather(std::string_view bytes) { add(bytes); }

  void add(std::string_view bytes) {
    if (bytes.empty()) return;
    parts_[size_++] = {const_cast<char*>(bytes.data()), bytes.size()};
  }

  bool empty() const { return first_ == size_; }

  enum class Outcome : std::uint8_t { sent, blocked, failed };

  // As much as the socket takes now, without waiting.
  Outcome send_now(int descriptor) {
    while (!empty()) {
      msghdr message{};
      message.msg_iov = &parts_[first_];
      message.msg_iovlen = size_ - first_;
      const auto sent = ::sendmsg(descriptor, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0) {
        if (errno == EINTR) continue;
        return errno == EAGAIN || errno == EWOULDBLOCK ? Outcome::blocked : Outcome::failed;
      }
      drop(static_cast<std::size_t>(sent));
    }
    return Outcome::sent;
  }

  std::string_view front() const { return {static_cast<const char*>(parts_[first_].iov_base), parts_[first_].iov_len}; }
  void drop(std::size_t bytes) {
    while (bytes > 0 && first_ < size_) {
      auto& part = parts_[first_];
      if (bytes < part.iov_len) {
        part.iov_base = static_cast<char*>(part.iov_base) + bytes;
        part.iov_len -= bytes;
        return;
      }
      bytes -= part.iov_len;
      ++first_;
    }
  }

 private:
  std::array<iovec, parts_max> parts_;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace maestro::net
