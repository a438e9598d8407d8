// The command line and the environment of maestro-auth.
#pragma once

#include <string>
#include <variant>

#include "auth/app.h"
#include "base/result.h"
#include "log/log.h"

namespace maestro::auth {

struct Settings {
  AppOptions app{};
  log::Level log_level = log::Level::info;
  int ready_descriptor = -1;  // none
  bool health = false;        // ask a running server and end
  std::string runtime_dir{};  // to be made, when the default address is used; else empty
};

// What is to be printed instead of running: the help or the version.
struct Printout {
  std::string text{};
};

// The error's kind is invalid_request for a wrong command line; its message is one line that says the next step.
Result<std::variant<Settings, Printout>> parse_settings(int count, const char* const* arguments);

}  // namespace maestro::auth
