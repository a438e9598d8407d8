// What the commands of the group `server` were asked, as plain values.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/limits.h"
#include "cli/services.h"

namespace maestro::cli {

enum class Format { text, json };

struct StartOptions {
  std::string host = "127.0.0.1";
  int port = 8080;
  std::string api_key{};
  std::string api_key_file{};
  std::string log_level = "INFO";  // upper case
  int workers = 0;                 // 0: one a core
  std::optional<std::string> runtime_dir{};
  std::optional<std::string> config_dir{};
  std::optional<std::string> data_dir{};
  Demo demo = Demo::automatic;
  std::chrono::seconds drain_time = limits::drain_time_max;
  std::optional<std::string> program_dir{};  // where the three programs lie; ours, unless a test says otherwise
};

struct StopOptions {
  std::optional<int> port{};
  std::optional<std::string> runtime_dir{};
  Format format = Format::text;
};

struct StatusOptions {
  std::optional<int> port{};
  std::optional<std::string> runtime_dir{};
  std::optional<std::string> config_dir{};
  Format format = Format::text;
};

enum class KeyPresentation { labelled, raw };

struct ShowKeyOptions {
  std::optional<std::string> config_dir{};
  KeyPresentation presentation = KeyPresentation::labelled;
  Format format = Format::text;
};

}  // namespace maestro::cli
