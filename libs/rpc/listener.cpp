#include "rpc/listener.h"

#include <cerrno>
#include <charconv>
#include <cstring>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace maestro::rpc {
namespace {

constexpr std::size_t path_bytes_max = sizeof(sockaddr_un::sun_path) - 1;

Error bad_address(std::string_view address, const std::string& why) {
  return {ErrorKind::invalid_request, "Cannot listen on '" + std::string(address) + "': " + why};
}

Error system_error(const Listener& listener, const std::string& what, int number) {
  return bad_address(listener.address(), what + ": " + std::strerror(number) + ".");
}

// True when somebody accepts connections there.
bool is_alive(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.c_str(), path.size() + 1);
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return true;
  const int outcome = ::connect(descriptor, reinterpret_cast<const sockaddr*>(&name), sizeof(name));
  const int number = errno;
  ::close(descriptor);
  return outcome == 0 || number == EAGAIN;
}

}  // namespace

bool Listener::is_loopback() const {
  if (is_unix() || host == "localhost") return true;
  in_addr four{};
  if (inet_pton(AF_INET, host.c_str(), &four) == 1) return (ntohl(four.s_addr) >> 24) == 127;
  in6_addr six{};
  return inet_pton(AF_INET6, host.c_str(), &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

std::string Listener::address() const {
  if (is_unix()) return "unix:" + path;
  const bool six = host.find(':') != std::string::npos;
  return (six ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<Listener> parse_listener(std::string_view address) {
  Listener listener;
  if (address.starts_with("unix:")) {
    listener.path = address.substr(5);
    if (listener.path.starts_with("//")) listener.path.erase(0, 2);  // unix:///path
    if (!listener.path.starts_with('/')) return bad_address(address, "give an absolute path, as unix:/run/x.sock.");
    if (listener.path.size() > path_bytes_max)
      return bad_address(address, "the path has " + std::to_string(listener.path.size()) + " bytes and " +
                                      std::to_string(path_bytes_max) + " are possible. Choose a shorter directory.");
    return listener;
  }
  const auto colon = address.rfind(':');
  if (colon == std::string_view::npos || colon == 0)
    return bad_address(address, "give host:port, [v6]:port or unix:/path.");
  auto host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return bad_address(address, "put brackets around an IPv6 address, as [::1]:50051.");
  }
  if (host.empty() || host.find('/') != std::string_view::npos)
    return bad_address(address, "give host:port, [v6]:port or unix:/path.");
  const auto digits = address.substr(colon + 1);
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), listener.port);
  if (problem != std::errc{} || end != digits.data() + digits.size())
    return bad_address(address, "the port is a number from 0 to 65535.");
  listener.host = host;
  return listener;
}

Result<void> clear_socket_path(const Listener& listener) {
  struct stat found{};
  if (::lstat(listener.path.c_str(), &found) != 0) {
    if (errno == ENOENT) return {};
    return system_error(listener, "the path cannot be looked at", errno);
  }
  if (S_ISLNK(found.st_mode))
    return bad_address(listener.address(), "the path is a symbolic link. Remove it, or choose another path.");
  if (!S_ISSOCK(found.st_mode))
    return bad_address(listener.address(),
                       "something that is no socket lies there. Remove it, or choose another path.");
  if (is_alive(listener.path))
    return bad_address(listener.address(), "another process listens there. Stop it, or choose another path.");
  if (::unlink(listener.path.c_str()) != 0 && errno != ENOENT)
    return system_error(listener, "the socket that an earlier process left cannot be removed", errno);
  return {};
}

}  // namespace maestro::rpc
