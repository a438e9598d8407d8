// Where a server listens: "unix:/absolute/path", "host:port" or "[v6]:port". Port 0 takes a free one. A path is
// refused when it is a link, no socket, or a socket that somebody still listens on; a stale one is removed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace maestro::rpc {

struct Listener {
  std::string path{};  // of a Unix socket; else empty
  std::string host{};
  std::uint16_t port = 0;

  bool is_unix() const { return !path.empty(); }
  // Reached from this machine only. "localhost" and the loopback addresses; any other name is not.
  bool is_loopback() const;
  std::string address() const;
};

Result<Listener> parse_listener(std::string_view address);

// Makes way for a socket at the listener's path; see above.
Result<void> clear_socket_path(const Listener& listener);

}  // namespace maestro::rpc
