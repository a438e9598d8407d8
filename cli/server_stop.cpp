#include <csignal>

#include <nlohmann/json.hpp>
#include <poll.h>
#include <unistd.h>

#include "base/deadline.h"
#include "cli/descriptor.h"
#include "cli/pidfd.h"
#include "cli/places.h"
#include "cli/process_facts.h"
#include "cli/server_commands.h"
#include "cli/server_file.h"

namespace maestro::cli {
namespace {

constexpr int progress_interval_ms = 1000;

enum class Ending { ended, still_running };

Ending wait_for_end(const Descriptor& pidfd, Deadline deadline, const Sheet& messages) {
  const auto started = Deadline::Clock::now();
  for (;;) {
    pollfd ended{pidfd.get(), POLLIN, 0};
    if (::poll(&ended, 1, progress_interval_ms) == 1) return Ending::ended;
    if (deadline.passed()) return Ending::still_running;
    const auto waited = std::chrono::duration_cast<std::chrono::seconds>(Deadline::Clock::now() - started).count();
    messages.line("waiting for running requests: " + duration_text(waited));
  }
}

void print_stopped(const ServerFile& server, const StopOptions& options, const Caller& caller) {
  if (options.format == Format::json) {
    caller.out.line(nlohmann::ordered_json{{"stopped", true}, {"port", server.port}, {"pid", server.pid}}.dump(2));
    return;
  }
  caller.out.line("Stopped the server on port " + std::to_string(server.port) + ".");
}

}  // namespace

ExitCode server_stop(const StopOptions& options, const Caller& caller) {
  const auto runtime = runtime_directory(options.runtime_dir, caller.environment, ::geteuid());
  if (!runtime) return report(runtime.error(), caller);
  const auto server = running_server(*runtime, options.port);
  if (!server) return report(server.error(), caller);
  // The descriptor first, then the identity: between the two the number cannot become somebody else's unseen.
  const Descriptor pidfd{::pidfd_open(server->pid, 0)};
  if (!pidfd.open() || start_ticks(server->pid) != server->start_ticks) {
    print_stopped(*server, options, caller);  // it ended by itself just now
    return ExitCode::done;
  }
  const std::string pid = std::to_string(server->pid);
  if (::pidfd_send_signal(pidfd.get(), SIGTERM, nullptr, 0) != 0) {
    return report({ErrorKind::internal, "The server (pid " + pid + ") cannot be signalled."}, caller);
  }
  const auto time_max = std::chrono::seconds(server->drain_time_seconds) + 2 * limits::child_stop_grace_time_max;
  if (wait_for_end(pidfd, Deadline::in(time_max), caller.messages) == Ending::still_running) {
    return report(
        {ErrorKind::internal, "The server (pid " + pid + ") still runs after its drain time. End it with `kill -9 " +
                                  pid + "`; its services end with it."},
        caller);
  }
  print_stopped(*server, options, caller);
  return ExitCode::done;
}

}  // namespace maestro::cli
