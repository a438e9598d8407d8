// Every setting of maestro-gateway, from flags and environment (ROUTER_MAESTRO_<FLAG>), checked once at start and const
// from then on.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/secret.h"
#include "log/log.h"
#include "net/server_stream.h"

namespace maestro::gateway {

using Time = std::chrono::milliseconds;

struct Settings {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8080;
  unsigned workers = 0;  // 0: one for each core
  std::string auth_address;
  std::string registry_address;
  std::string state_dir;
  log::Level log_level = log::Level::info;
  Secret metrics_token;
  int ready_descriptor = -1;

  net::ServerLimits server;
  std::size_t body_budget_bytes_max = limits::body_budget_bytes_max;
  Time connect_time_max = limits::connect_time_max;
  Time first_event_time_max = limits::first_event_time_max;
  Time whole_reply_time_max = limits::whole_reply_time_max;
  Time stream_idle_time_max = limits::stream_idle_time_max;
  Time total_time_max = limits::request_total_time_max;
  Time heartbeat_interval = limits::heartbeat_interval;
  Time drain_time_max = limits::drain_time_max;

  enum class Purpose : std::uint8_t { serve, check_health, exit };
  Purpose purpose = Purpose::serve;
  int exit_code = 0;  // with Purpose::exit: --help, --version, or arguments that make no sense (said already)
};

Settings parse_settings(int argc, const char* const* argv);

}  // namespace maestro::gateway
