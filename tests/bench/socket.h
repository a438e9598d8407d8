// Sockets of the benchmark: non-blocking TCP on the loopback and one epoll set. Plain system calls, so that what is
// measured is the proxy between the two programs and not them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/epoll.h>

#include "base/result.h"

namespace maestro::bench {

// Nanoseconds of the monotonic clock, which all processes of a machine share.
std::int64_t now_ns();

// Owns a file descriptor.
class Descriptor final {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Descriptor() { close(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void close();

 private:
  int fd_ = -1;
};

// Port 0 takes a free one; port_of() says which.
Result<Descriptor> listen_on_loopback(std::uint16_t port);
Result<std::uint16_t> port_of(const Descriptor& listener);
Result<Descriptor> connect_to_loopback(std::uint16_t port);
Descriptor accept_from(const Descriptor& listener);  // empty: nobody waits

enum class IoEnd : std::uint8_t { progress, would_block, closed };

struct IoResult {
  IoEnd end = IoEnd::progress;
  std::size_t bytes = 0;
};

IoResult receive(const Descriptor& socket, std::span<char> into);
IoResult send(const Descriptor& socket, std::string_view bytes);

// What has been accepted for sending but not yet taken by the kernel. Bounded by its users: one request or reply.
class Outbox final {
 public:
  // Sends at once what the kernel takes and keeps the rest. False: the peer is gone.
  bool send_or_keep(const Descriptor& socket, std::string_view bytes);
  bool flush(const Descriptor& socket);
  bool empty() const { return sent_ == bytes_.size(); }
  std::size_t size() const { return bytes_.size() - sent_; }

 private:
  std::string bytes_;
  std::size_t sent_ = 0;
};

// An epoll set, level-triggered. The key comes back with each readiness.
class Poller final {
 public:
  Poller();
  void add(const Descriptor& socket, std::uint64_t key, std::uint32_t events = EPOLLIN);
  void change(const Descriptor& socket, std::uint64_t key, std::uint32_t events);
  std::span<const epoll_event> wait(int timeout_ms);

 private:
  Descriptor epoll_;
  std::vector<epoll_event> ready_;
};

}  // namespace maestro::bench
