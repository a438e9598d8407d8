// server.json, by which `stop`, `status` and the context `local` find a running server: written 0600 by the supervisor
// into its runtime folder whenever a child changes, removed at its end. A file whose process is gone, or whose pid is
// somebody else's by now (another start time), is ignored.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/result.h"

namespace maestro::cli {

enum class Readiness { starting, ready };

struct ServiceEntry {
  std::string name{};
  pid_t pid = 0;  // 0: not running now
  std::string address{};
  Readiness readiness = Readiness::starting;
  int restarts = 0;
};

struct ServerFile {
  std::string version{};
  pid_t pid = 0;
  std::uint64_t start_ticks = 0;  // of the pid, as the kernel counts
  std::int64_t started_at = 0;    // seconds since 1970
  std::string host{};
  int port = 0;
  std::int64_t drain_time_seconds = 0;
  std::string log_file{};
  std::vector<ServiceEntry> services{};
};

std::string to_json(const ServerFile& file);
Result<ServerFile> server_file_of(std::string_view json);
Result<void> write_server_file(const std::filesystem::path& path, const ServerFile& file);

// "http://127.0.0.1:8080"; an address that means every interface is shown as loopback.
std::string base_url(const ServerFile& file);

// The servers of this user that run now, by port. A missing runtime directory is no error.
std::vector<ServerFile> running_servers(const std::filesystem::path& runtime_directory);
// The one that is meant: the only one, or that on `port`. unavailable: none; ambiguous: several.
Result<ServerFile> running_server(const std::filesystem::path& runtime_directory, std::optional<int> port);

}  // namespace maestro::cli
