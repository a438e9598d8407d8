#include "bench/socket.h"

#include <cerrno>
#include <cstring>
#include <ctime>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace maestro::bench {

namespace {

constexpr int ready_events_max = 1024;
constexpr int backlog = 4096;

Error system_failure(std::string what) {
  return Error{ErrorKind::internal, std::move(what) + ": " + std::strerror(errno)};
}

sockaddr_in loopback_address(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void send_without_delay(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

std::int64_t now_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

void Descriptor::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Result<Descriptor> listen_on_loopback(std::uint16_t port) {
  Descriptor listener{socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  const int on = 1;
  setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const auto address = loopback_address(port);
  if (bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener.get(), backlog) != 0)
    return system_failure("cannot listen on 127.0.0.1:" + std::to_string(port));
  return listener;
}

Result<std::uint16_t> port_of(const Descriptor& listener) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return system_failure("cannot read the port of the listener");
  return ntohs(address.sin_port);
}

Result<Descriptor> connect_to_loopback(std::uint16_t port) {
  Descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const auto address = loopback_address(port);
  if (!socket || connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return system_failure("cannot connect to 127.0.0.1:" + std::to_string(port));
  send_without_delay(socket.get());
  return socket;
}

Descriptor accept_from(const Descriptor& listener) {
  Descriptor socket{accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
  if (socket) send_without_delay(socket.get());
  return socket;
}

IoResult receive(const Descriptor& socket, std::span<char> into) {
  const auto received = recv(socket.get(), into.data(), into.size(), MSG_DONTWAIT);
  if (received > 0) return {IoEnd::progress, static_cast<std::size_t>(received)};
  if (received < 0 && (errno == EAGAIN || errno == EINTR)) return {IoEnd::would_block, 0};
  return {IoEnd::closed, 0};
}

IoResult send(const Descriptor& socket, std::string_view bytes) {
  const auto sent = ::send(socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) return {IoEnd::progress, static_cast<std::size_t>(sent)};
  if (errno == EAGAIN || errno == EINTR) return {IoEnd::would_block, 0};
  return {IoEnd::closed, 0};
}

bool Outbox::send_or_keep(const Descriptor& socket, std::string_view bytes) {
  if (empty()) {
    const auto result = send(socket, bytes);
    if (result.end == IoEnd::closed) return false;
    bytes.remove_prefix(result.bytes);
  }
  if (!bytes.empty()) bytes_.append(bytes);
  return true;
}

bool Outbox::flush(const Descriptor& socket) {
  const auto result = send(socket, std::string_view{bytes_}.substr(sent_));
  if (result.end == IoEnd::closed) return false;
  sent_ += result.bytes;
  if (empty()) {
    bytes_.clear();
    sent_ = 0;
  }
  return true;
}

Poller::Poller() : epoll_(epoll_create1(EPOLL_CLOEXEC)), ready_(ready_events_max) {}

void Poller::add(const Descriptor& socket, std::uint64_t key, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = key;
  epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket.get(), &event);
}

void Poller::change(const Descriptor& socket, std::uint64_t key, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = key;
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, socket.get(), &event);
}

std::span<const epoll_event> Poller::wait(int timeout_ms) {
  const auto count = epoll_wait(epoll_.get(), ready_.data(), ready_events_max, timeout_ms);
  return {ready_.data(), count > 0 ? static_cast<std::size_t>(count) : 0};
}

}  // namespace maestro::bench
