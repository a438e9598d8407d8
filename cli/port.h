// Whether a server could listen here: the port is bound for real, without SO_REUSEPORT, since a second bind with it
// would succeed beside a server that already runs. The descriptor holds the port until it is closed.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/descriptor.h"

namespace maestro::cli {

struct HeldPort {
  Descriptor socket{};
  std::string host{};  // numeric
};

// conflict: in use. invalid_request: no such host or address of this machine.
Result<HeldPort> hold_port(const std::string& host, int port);

}  // namespace maestro::cli
