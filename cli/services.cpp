#include "cli/services.h"

namespace maestro::cli {
namespace {

std::string unix_address(const std::filesystem::path& socket) { return "unix:" + socket.string(); }

std::string_view demo_text(Demo demo) {
  switch (demo) {
    case Demo::automatic:
      return "auto";
    case Demo::on:
      return "on";
    case Demo::off:
      return "off";
  }
  return "auto";
}

ServiceStart named(std::string_view name, const ServerSettings& settings) {
  ServiceStart start;
  start.name = name;
  start.program = settings.program_directory / ("maestro-" + start.name);
  return start;
}

}  // namespace

ServiceStart auth_start(const ServerSettings& settings, const Environment& environment) {
  ServiceStart start = named(auth_service, settings);
  start.address = unix_address(settings.auth_socket);
  start.arguments = {"--listen",     start.address,
                     "--config-dir", settings.config_directory.string(),
                     "--data-dir",   settings.data_directory.string(),
                     "--log-level",  settings.log_level};
  start.environment = without_server_key(environment);
  start.key = KeyHandover::descriptor;
  return start;
}

ServiceStart registry_start(const ServerSettings& settings, const Environment& environment) {
  ServiceStart start = named(registry_service, settings);
  start.address = unix_address(settings.registry_socket);
  start.arguments = {"--listen",     start.address,
                     "--auth",       unix_address(settings.auth_socket),
                     "--config-dir", settings.config_directory.string(),
                     "--data-dir",   settings.data_directory.string(),
                     "--demo",       std::string(demo_text(demo_for(settings.demo, settings.host))),
                     "--log-level",  settings.log_level};
  start.environment = without_keys(environment);
  return start;
}

ServiceStart gateway_start(const ServerSettings& settings, const Environment& environment) {
  ServiceStart start = named(gateway_service, settings);
  start.arguments = {"--host",       settings.host,
                     "--port",       std::to_string(settings.port),
                     "--auth",       unix_address(settings.auth_socket),
                     "--registry",   unix_address(settings.registry_socket),
                     "--data-dir",   settings.data_directory.string(),
                     "--workers",    std::to_string(settings.workers),
                     "--drain-time", std::to_string(settings.drain_time.count()),
                     "--log-level",  settings.log_level};
  start.environment = without_keys(environment);
  return start;
}

bool is_loopback(std::string_view numeric_host) { return numeric_host.starts_with("127.") || numeric_host == "::1"; }

Demo demo_for(Demo wanted, std::string_view numeric_host) {
  if (wanted == Demo::automatic && !is_loopback(numeric_host)) return Demo::off;
  return wanted;
}

}  // namespace maestro::cli
