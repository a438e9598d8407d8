#include "cli/child.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/pidfd.h"

namespace maestro::cli {
namespace {

std::string how_it_ended(int status) {
  if (!WIFSIGNALED(status)) return "exit code " + std::to_string(WEXITSTATUS(status));
  return "signal " + std::to_string(WTERMSIG(status)) + " (" + ::strsignal(WTERMSIG(status)) + ")";
}

}  // namespace

ServiceEntry Child::entry() const {
  ServiceEntry entry;
  entry.name = start_.name;
  entry.pid = process_ ? process_->pid : 0;
  entry.address = start_.address;
  entry.readiness = ready() ? Readiness::ready : Readiness::starting;
  entry.restarts = restarts();
  return entry;
}

Result<void> Child::start(const Secret& key) {
  auto process = start_process(start_, key);
  if (!process) return process.error();
  process_ = std::move(*process);
  readiness_ = Readiness::starting;
  ready_line_.clear();
  last_line_.clear();
  started_at_ = Clock::now();
  ++starts_;
  return success();
}

void Child::read_output(Journal& journal) {
  constexpr int blocks_max = 16;  // then the others get their turn
  char block[16 * 1024];
  const auto take = [&](std::string_view line) {
    last_line_ = line;
    journal.child_line(start_.name, line);
  };
  for (int blocks = 0; process_ && process_->output.open() && blocks < blocks_max; ++blocks) {
    const auto count = ::read(process_->output.get(), block, sizeof block);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) {
      lines_.flush(take);
      process_->output.close();
      return;
    }
    lines_.feed({block, static_cast<std::size_t>(count)}, take);
  }
}

Child::News Child::read_ready() {
  char block[1024];
  while (process_ && process_->ready.open()) {
    const auto count = ::read(process_->ready.get(), block, sizeof block);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return News::none;
    if (count > 0) ready_line_.append(block, static_cast<std::size_t>(count));
    const auto end = ready_line_.find('\n');
    if (end == std::string::npos && count > 0 && ready_line_.size() < limits::child_ready_line_bytes_max) continue;
    process_->ready.close();
    if (end == std::string::npos) return News::none;
    ready_line_.resize(end);
    readiness_ = Readiness::ready;
    failed_tries_ = 0;
    return News::became_ready;
  }
  return News::none;
}

void Child::signal(int number) const {
  if (process_) ::pidfd_send_signal(process_->pidfd.get(), number, nullptr, 0);
}

std::optional<Child::Death> Child::collect(Journal& journal) {
  if (!process_) return std::nullopt;
  int status = 0;
  if (::waitpid(process_->pid, &status, WNOHANG) != process_->pid) return std::nullopt;
  read_output(journal);
  lines_.flush([&](std::string_view line) { journal.child_line(start_.name, line); });
  if (readiness_ != Readiness::ready) ++failed_tries_;
  const auto now = Clock::now();
  Death death;
  death.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  death.how = how_it_ended(status);
  death.wait = backoff_.after(now - started_at_);
  start_at_ = now + death.wait;
  process_.reset();
  return death;
}

}  // namespace maestro::cli
