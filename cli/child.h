// One of the three services as the supervisor sees it: runs or waits to run again, is ready or not yet.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "cli/backoff.h"
#include "cli/journal.h"
#include "cli/process.h"
#include "cli/server_file.h"

namespace maestro::cli {

class Child final {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Child(ServiceStart start) : start_(std::move(start)) {}

  const std::string& name() const { return start_.name; }
  bool alive() const { return process_.has_value(); }
  bool ready() const { return alive() && readiness_ == Readiness::ready; }
  int restarts() const { return std::max(0, starts_ - 1); }
  // Deaths in a row without having been ready.
  int failed_tries() const { return failed_tries_; }
  const std::string& last_line() const { return last_line_; }
  const std::string& ready_line() const { return ready_line_; }
  // When a dead one is to be started; the past for one that never ran.
  Clock::time_point start_at() const { return start_at_; }
  ServiceStart& start_settings() { return start_; }
  ServiceEntry entry() const;

  // What poll watches; -1 when there is nothing.
  int pidfd() const { return process_ ? process_->pidfd.get() : -1; }
  int output() const { return process_ ? process_->output.get() : -1; }
  int ready_pipe() const { return process_ ? process_->ready.get() : -1; }

  Result<void> start(const Secret& key);
  void read_output(Journal& journal);
  enum class News { none, became_ready };
  News read_ready();
  void signal(int number) const;

  struct Death {
    int exit_code = 0;  // -1: by a signal
    std::string how{};  // "exit code 1", "signal 9 (Killed)"
    Clock::duration wait{};
  };
  // Collects the process if it has ended.
  std::optional<Death> collect(Journal& journal);

 private:
  ServiceStart start_;
  std::optional<Process> process_;
  Readiness readiness_ = Readiness::starting;
  Backoff backoff_;
  Clock::time_point started_at_{};
  Clock::time_point start_at_{};
  int starts_ = 0;
  int failed_tries_ = 0;
  LineCutter lines_;
  std::string last_line_;
  std::string ready_line_;
};

}  // namespace maestro::cli
