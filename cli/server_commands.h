// The group `server` of the command line: its options and help, and what each command does.
#pragma once

#include <functional>

#include "cli/exit_code.h"
#include "cli/server_options.h"
#include "cli/terminal.h"

namespace CLI {
class App;
}

namespace maestro::cli {

struct ServerCommands {
  std::function<ExitCode(const StartOptions&)> start;
  std::function<ExitCode(const StopOptions&)> stop;
  std::function<ExitCode(const StatusOptions&)> status;
  std::function<ExitCode(const ShowKeyOptions&)> show_key;
};

// A command that was parsed puts what is to be done into `chosen`.
void add_server_commands(CLI::App& app, const ServerCommands& commands, std::function<ExitCode()>& chosen);

// Who calls: environment, and where to print.
struct Caller {
  Environment environment{};
  Sheet out{};
  Sheet messages{};
};

ExitCode server_start(const StartOptions& options, const Caller& caller);
ExitCode server_stop(const StopOptions& options, const Caller& caller);
ExitCode server_status(const StatusOptions& options, const Caller& caller);
ExitCode server_show_key(const ShowKeyOptions& options, const Caller& caller);

// Says what went wrong on standard error and how the program ends.
ExitCode report(const Error& error, const Caller& caller);

}  // namespace maestro::cli
