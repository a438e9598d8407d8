// Keeps auth, registry and gateway running: starts the three at once, restarts one that dies (backoff), drains their
// output, and on SIGTERM or SIGINT lets the gateway drain before the other two end. One thread, one poll loop; signals
// come through a signalfd, deaths through pidfds. Nothing here outlives run().
//
//   starting -> serving -> draining (SIGTERM to the gateway) -> closing (SIGTERM to the others) -> ended
//
// A second signal, or the drain time and limits::child_stop_grace_time_max together, ends everything with SIGKILL.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <poll.h>

#include "cli/child.h"
#include "cli/exit_code.h"
#include "cli/places.h"
#include "cli/services.h"

namespace maestro::cli {

struct SupervisorStart {
  ServerSettings settings{};
  Environment environment{};
  Secret key{};            // empty: auth finds or makes one
  Descriptor port_hold{};  // keeps the port until the gateway starts
};

struct ReadyServer {
  ServerFile file{};
  std::string key_source{};  // flag, file, variable, stored, generated
};

class Supervisor final {
 public:
  using Clock = Child::Clock;

  Supervisor(SupervisorStart start, const RuntimeFolder& folder, Journal& journal,
             std::function<void(const ReadyServer&)> when_ready);
  ExitCode run();

 private:
  enum class Phase { starting, serving, draining, closing, ended };

  Result<void> open_signals();
  void start_due();
  void start(Child& child);
  void wait();
  std::vector<pollfd> watched() const;
  int time_to_next_ms() const;
  void read_signals();
  void read_children();
  void note_death(Child& child, const Child::Death& death);
  void note_ready(Child& child);
  void check_clock();
  void fail(const std::string& why);
  void begin_stop(std::string_view reason);
  void begin_closing();
  void kill_all();
  bool any_alive() const;
  ServerFile server_file() const;
  void publish();

  ServerSettings settings_;
  Secret key_;
  Descriptor port_hold_;
  const RuntimeFolder& folder_;
  Journal& journal_;
  std::function<void(const ReadyServer&)> when_ready_;
  std::vector<Child> children_;
  Child& gateway_;
  Descriptor signals_;
  Phase phase_ = Phase::starting;
  ExitCode outcome_ = ExitCode::done;
  std::string key_source_;
  std::int64_t started_at_ = 0;
  Clock::time_point ready_by_{};
  Clock::time_point kill_at_{};
};

}  // namespace maestro::cli
