// The load generator's three modes and what they share. Each is one thread, bounded in count and in time, and ends in
// one line of JSON on standard output. A mode that holds something open says so before, in a line {"open":N}.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace maestro::bench {

struct LoadOptions {
  std::uint16_t port = 0;
  std::string path = "/v1/chat/completions";
  std::string key;  // sent as Authorization: Bearer
  std::string body;
  unsigned connections = 1;    // or streams
  double seconds = 2;          // of load, or of holding
  std::uint64_t requests = 0;  // 0: as many as the time allows
  unsigned chunks = 200;
  unsigned gap_ms = 100;
  unsigned size_bytes = 200;
  unsigned ramp_ms = 1000;
  double time_limit_seconds = 180;  // then what is not done counts as an error
};

// Connections that each send the next request when they have the reply.
Result<std::string> run_requests(const LoadOptions& options);
// Streams that start within the ramp; each must deliver its events and end well.
Result<std::string> run_streams(const LoadOptions& options);
// Connections that make one request each and are then held.
Result<std::string> run_idle(const LoadOptions& options);

std::string request_bytes(const LoadOptions& options, std::string_view more_headers);
void say_open(unsigned count);

}  // namespace maestro::bench
