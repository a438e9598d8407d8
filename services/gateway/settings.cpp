#include "gateway/settings.h"

#include <cstdlib>
#include <filesystem>
#include <functional>

#include <CLI/CLI.hpp>

#include "base/version.h"

namespace maestro::gateway {
namespace {

// `<data>/state`, by the rules of control-plane.md 0.1; an empty XDG variable counts as unset.
std::string default_data_dir() {
  if (const char* data = std::getenv("XDG_DATA_HOME"); data != nullptr && *data != '\0')
    return (std::filesystem::path(data) / "router-maestro").string();
  const char* home = std::getenv("HOME");
  return (std::filesystem::path(home != nullptr && *home != '\0' ? home : "/") / ".local/share/router-maestro")
      .string();
}

// A flag in seconds, fractions allowed.
template <class Duration>
void add_seconds(CLI::App& app, const std::string& flag, const std::string& variable, Duration& into,
                 const std::string& what) {
  const auto set = [&into](double seconds) {
    into = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
  };
  app.add_option_function<double>(flag, set, what)
      ->envname("ROUTER_MAESTRO_" + variable)
      ->check(CLI::Range(0.001, 86'400.0))
      ->type_name("SECONDS")
      ->default_str(std::to_string(std::chrono::duration_cast<std::chrono::seconds>(into).count()));
}

void add_places(CLI::App& app, Settings& settings, std::string& data_dir, std::string& metrics_token,
                std::string& level) {
  app.add_option("--host", settings.host, "IP address to listen on")
      ->envname("ROUTER_MAESTRO_HOST")
      ->capture_default_str();
  app.add_option("--port", settings.port, "Port to listen on; 0 takes a free one")
      ->envname("ROUTER_MAESTRO_PORT")
      ->capture_default_str();
  app.add_option("--workers", settings.workers,
                 "Threads that serve, each with a loop of its own; 0 is one for each core")
      ->envname("ROUTER_MAESTRO_WORKERS")
      ->check(CLI::Range(0, 256))
      ->capture_default_str();
  app.add_option("--auth", settings.auth_address, "Address of maestro-auth: unix:/path or host:port")
      ->envname("ROUTER_MAESTRO_AUTH");
  app.add_option("--registry", settings.registry_address, "Address of maestro-registry: unix:/path or host:port")
      ->envname("ROUTER_MAESTRO_REGISTRY");
  app.add_option("--data-dir", data_dir, "Where the state directory lies")
      ->envname("ROUTER_MAESTRO_DATA_DIR")
      ->capture_default_str();
  app.add_option("--state-dir", settings.state_dir, "Where the last snapshots are kept (default: <data-dir>/state)")
      ->envname("ROUTER_MAESTRO_STATE_DIR");
  app.add_option("--log-level", level, "DEBUG, INFO, WARNING or ERROR")
      ->envname("ROUTER_MAESTRO_LOG_LEVEL")
      ->check(
          [](const std::string& name) { return log::level_from(name) ? std::string() : "is no log level: " + name; })
      ->capture_default_str();
  app.add_option("--metrics-token", metrics_token, "Demanded of those who read /metrics (default: nothing is)")
      ->envname("ROUTER_MAESTRO_METRICS_TOKEN");
  app.add_option("--ready-fd", settings.ready_descriptor,
                 "Descriptor that is told, in one line of JSON, when this serves");
}

void add_limits(CLI::App& app, Settings& settings) {
  app.add_option("--body-bytes-max", settings.server.body_bytes_max, "Largest request body")
      ->envname("ROUTER_MAESTRO_BODY_BYTES_MAX")
      ->capture_default_str();
  app.add_option("--body-budget-bytes-max", settings.body_budget_bytes_max, "Request bodies held at once, all together")
      ->envname("ROUTER_MAESTRO_BODY_BUDGET_BYTES_MAX")
      ->capture_default_str();
  app.add_option("--head-bytes-max", settings.server.head_bytes_max, "Largest request head")
      ->envname("ROUTER_MAESTRO_HEAD_BYTES_MAX")
      ->check(CLI::Range(std::size_t{1024}, limits::head_bytes_max))
      ->capture_default_str();
  add_seconds(app, "--request-head-time", "REQUEST_HEAD_TIME", settings.server.head_time_max,
              "For a request's head to arrive");
  add_seconds(app, "--body-idle-time", "BODY_IDLE_TIME", settings.server.body_idle_time_max,
              "Longest pause in a request's body");
  add_seconds(app, "--keep-alive-time", "KEEP_ALIVE_TIME", settings.server.keep_alive_time_max,
              "An idle connection is kept");
  add_seconds(app, "--client-write-time", "CLIENT_WRITE_TIME", settings.server.write_time_max,
              "For a client to take bytes");
  add_seconds(app, "--connect-time", "CONNECT_TIME", settings.connect_time_max,
              "To connect to a provider, TLS included");
  add_seconds(app, "--first-event-time", "FIRST_EVENT_TIME", settings.first_event_time_max,
              "For a stream's first event");
  add_seconds(app, "--whole-reply-time", "WHOLE_REPLY_TIME", settings.whole_reply_time_max,
              "For a reply that is no stream");
  add_seconds(app, "--stream-idle-time", "STREAM_IDLE_TIME", settings.stream_idle_time_max,
              "Longest silence of a stream");
  add_seconds(app, "--total-time", "TOTAL_TIME", settings.total_time_max, "For a request altogether");
  add_seconds(app, "--heartbeat-interval", "HEARTBEAT_INTERVAL", settings.heartbeat_interval,
              "Silence until a heartbeat");
  add_seconds(app, "--drain-time", "DRAIN_TIME", settings.drain_time_max, "For running requests when told to stop");
}

}  // namespace

Settings parse_settings(int argc, const char* const* argv) {
  Settings settings;
  CLI::App app{
      "The data plane of router-maestro: serves model requests over HTTP from snapshots that maestro-auth and "
      "maestro-registry push.",
      "maestro-gateway"};
  app.set_version_flag("--version", "maestro-gateway " + std::string(version));
  std::string data_dir = default_data_dir();
  std::string metrics_token;
  std::string level = "INFO";
  add_places(app, settings, data_dir, metrics_token, level);
  add_limits(app, settings);
  bool health = false;
  app.add_flag("--health", health, "Ask the gateway that runs at --host and --port whether it is ready; exit 0 or 1");
  app.footer("Each option can also be given as the environment variable named beside it.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    settings.purpose = Settings::Purpose::exit;
    settings.exit_code = app.exit(problem) == 0 ? 0 : 2;
    return settings;
  }
  settings.log_level = *log::level_from(level);
  settings.metrics_token = Secret(std::move(metrics_token));
  if (settings.state_dir.empty()) settings.state_dir = data_dir + "/state";
  if (health) settings.purpose = Settings::Purpose::check_health;
  return settings;
}

}  // namespace maestro::gateway
