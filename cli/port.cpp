#include "cli/port.h"

#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>

#include <netdb.h>
#include <sys/socket.h>

namespace maestro::cli {
namespace {

struct Freed {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, Freed>;

Error bind_error(int number, const std::string& host, int port) {
  const std::string where = "Port " + std::to_string(port) + " on " + host;
  switch (number) {
    case EADDRINUSE:
      return {ErrorKind::conflict, where + " is in use. Choose another with --port, or, if it is a server of yours, " +
                                       "stop it with `router-maestro server stop --port " + std::to_string(port) +
                                       "`."};
    case EACCES:
      return {ErrorKind::conflict, where + " needs more rights than you have. Choose one above 1023 with --port."};
    case EADDRNOTAVAIL:
      return {ErrorKind::invalid_request, host + " is no address of this machine. Choose another with --host."};
    default:
      return {ErrorKind::conflict, where + " cannot be used: " + std::generic_category().message(number)};
  }
}

// "localhost" means IPv4 first, as it does to most clients.
const addrinfo* preferred(const addrinfo* list) {
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_family == AF_INET) return entry;
  }
  return list;
}

}  // namespace

Result<HeldPort> hold_port(const std::string& host, int port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (failed != 0) {
    return Error(ErrorKind::invalid_request, "The host " + host + " is not known: " + ::gai_strerror(failed));
  }
  const Addresses addresses{found};
  const addrinfo* address = preferred(found);
  char numeric[NI_MAXHOST];
  if (::getnameinfo(address->ai_addr, address->ai_addrlen, numeric, sizeof numeric, nullptr, 0, NI_NUMERICHOST) != 0) {
    return Error(ErrorKind::invalid_request, "The host " + host + " has no address.");
  }
  HeldPort held;
  held.host = numeric;
  held.socket = Descriptor{::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const int one = 1;
  const bool bound = held.socket.open() &&
                     ::setsockopt(held.socket.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
                     ::bind(held.socket.get(), address->ai_addr, address->ai_addrlen) == 0;
  if (!bound) return bind_error(errno, held.host, port);
  // Sockets that only bound with SO_REUSEADDR may share; a listening one refuses all others.
  if (port != 0 && ::listen(held.socket.get(), 1) != 0) return bind_error(errno, held.host, port);
  return held;
}

}  // namespace maestro::cli
