// The three programs of a server, and with which arguments and environment each is started.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "cli/environment.h"

namespace maestro::cli {

enum class Demo { automatic, on, off };
enum class KeyHandover { none, descriptor };

struct ServerSettings {
  std::string host = "127.0.0.1";  // numeric
  int port = 8080;                 // 0: any free one
  std::filesystem::path program_directory{};
  std::filesystem::path config_directory{};
  std::filesystem::path data_directory{};
  std::filesystem::path auth_socket{};
  std::filesystem::path registry_socket{};
  std::string log_level = "INFO";
  Demo demo = Demo::automatic;
  int workers = 1;
  std::chrono::seconds drain_time{};
};

struct ServiceStart {
  std::string name{};
  std::filesystem::path program{};
  std::vector<std::string> arguments{};
  Environment environment{};
  KeyHandover key = KeyHandover::none;
  std::string address{};
};

inline constexpr std::string_view auth_service = "auth";
inline constexpr std::string_view registry_service = "registry";
inline constexpr std::string_view gateway_service = "gateway";

ServiceStart auth_start(const ServerSettings& settings, const Environment& environment);
ServiceStart registry_start(const ServerSettings& settings, const Environment& environment);
ServiceStart gateway_start(const ServerSettings& settings, const Environment& environment);

bool is_loopback(std::string_view numeric_host);
// The demo provider answers by itself on loopback only.
Demo demo_for(Demo wanted, std::string_view numeric_host);

}  // namespace maestro::cli
