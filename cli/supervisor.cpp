#include "cli/supervisor.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <system_error>

#include <nlohmann/json.hpp>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/version.h"
#include "cli/process_facts.h"

namespace maestro::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int usage_exit_code = 2;

std::vector<Child> children_of(const ServerSettings& settings, const Environment& environment) {
  std::vector<Child> children;
  children.emplace_back(auth_start(settings, environment));
  children.emplace_back(registry_start(settings, environment));
  children.emplace_back(gateway_start(settings, environment));
  return children;
}

std::string text_in(const std::string& line, const char* name) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return {};
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

int port_of(const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos) return 0;
  int port = 0;
  for (const char digit : address.substr(colon + 1)) {
    if (digit < '0' || digit > '9' || port > 65535) return 0;
    port = port * 10 + (digit - '0');
  }
  return port;
}

std::int64_t milliseconds(Child::Clock::duration time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

}  // namespace

Supervisor::Supervisor(SupervisorStart start, const RuntimeFolder& folder, Journal& journal,
                       std::function<void(const ReadyServer&)> when_ready)
    : settings_(std::move(start.settings)),
      key_(std::move(start.key)),
      port_hold_(std::move(start.port_hold)),
      folder_(folder),
      journal_(journal),
      when_ready_(std::move(when_ready)),
      children_(children_of(settings_, start.environment)),
      gateway_(children_.back()),
      started_at_(static_cast<std::int64_t>(std::time(nullptr))) {}

ExitCode Supervisor::run() {
  if (const auto opened = open_signals(); !opened) {
    fail(opened.error().message);
    return outcome_;
  }
  ready_by_ = Clock::now() + limits::child_start_time_max;
  while (phase_ != Phase::ended) {
    start_due();
    wait();
    read_signals();
    read_children();
    check_clock();
  }
  journal_.say("info", "stopped", {});
  return outcome_;
}

Result<void> Supervisor::open_signals() {
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&set, number);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  signals_ = Descriptor{::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)};
  if (signals_.open()) return success();
  return Error(ErrorKind::internal, "signalfd failed: " + std::generic_category().message(errno));
}

void Supervisor::start_due() {
  if (phase_ != Phase::starting && phase_ != Phase::serving) return;
  const auto now = Clock::now();
  bool changed = false;
  for (auto& child : children_) {
    if (child.alive() || child.start_at() > now) continue;
    start(child);
    changed = true;
    if (phase_ == Phase::ended) return;
  }
  if (changed) publish();
}

void Supervisor::start(Child& child) {
  if (&child == &gateway_) port_hold_.close();
  if (const auto started = child.start(key_); !started) {
    fail(child.name() + " cannot be started: " + started.error().message);
    return;
  }
  journal_.say("info", "child_started",
               {{"child", child.name()},
                {"pid", std::int64_t{child.entry().pid}},
                {"starts", std::int64_t{child.restarts()} + 1}});
}

std::vector<pollfd> Supervisor::watched() const {
  std::vector<pollfd> watched{{signals_.get(), POLLIN, 0}};
  for (const auto& child : children_) {
    for (const int number : {child.pidfd(), child.output(), child.ready_pipe()}) {
      if (number >= 0) watched.push_back({number, POLLIN, 0});
    }
  }
  if (journal_.waits_for_console()) watched.push_back({journal_.console(), POLLOUT, 0});
  return watched;
}

int Supervisor::time_to_next_ms() const {
  auto next = Clock::time_point::max();
  if (phase_ == Phase::starting) next = ready_by_;
  if (phase_ == Phase::draining || phase_ == Phase::closing) next = kill_at_;
  if (phase_ == Phase::starting || phase_ == Phase::serving) {
    for (const auto& child : children_) {
      if (!child.alive()) next = std::min(next, child.start_at());
    }
  }
  if (next == Clock::time_point::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

void Supervisor::wait() {
  if (phase_ == Phase::ended) return;
  auto descriptors = watched();
  ::poll(descriptors.data(), descriptors.size(), time_to_next_ms());
}

void Supervisor::read_signals() {
  signalfd_siginfo signal{};
  while (::read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
    if (phase_ == Phase::draining || phase_ == Phase::closing) {
      journal_.say("warning", "stopping_at_once", {});
      kill_all();
    } else if (phase_ != Phase::ended) {
      begin_stop(signal.ssi_signo == SIGINT ? "SIGINT" : signal.ssi_signo == SIGTERM ? "SIGTERM" : "SIGHUP");
    }
  }
}

void Supervisor::read_children() {
  journal_.write_console();
  for (auto& child : children_) {
    child.read_output(journal_);
    if (child.read_ready() == Child::News::became_ready) note_ready(child);
    if (const auto death = child.collect(journal_)) note_death(child, *death);
  }
}

void Supervisor::note_ready(Child& child) {
  journal_.say("info", "child_ready", {{"child", child.name()}});
  if (child.name() == auth_service && key_source_.empty()) key_source_ = text_in(child.ready_line(), "server_key");
  if (&child == &gateway_ && settings_.port == 0) {
    settings_.port = port_of(text_in(child.ready_line(), "address"));
    auto& words = child.start_settings().arguments;
    const auto flag = std::find(words.begin(), words.end(), "--port");
    if (flag != words.end()) *std::next(flag) = std::to_string(settings_.port);  // the same one after a restart
  }
  publish();
  const bool all = std::all_of(children_.begin(), children_.end(), [](const Child& each) { return each.ready(); });
  if (phase_ != Phase::starting || !all) return;
  phase_ = Phase::serving;
  when_ready_({server_file(), key_source_});
}

void Supervisor::note_death(Child& child, const Child::Death& death) {
  if (phase_ == Phase::draining || phase_ == Phase::closing) {
    journal_.say("info", "child_ended", {{"child", child.name()}, {"how", death.how}});
    if (phase_ == Phase::draining && &child == &gateway_) begin_closing();
    if (!any_alive()) phase_ = Phase::ended;
    return;
  }
  if (phase_ == Phase::ended) return;
  const std::string words = child.last_line().empty() ? "" : " Its last words: " + child.last_line();
  const bool refused = phase_ == Phase::starting && death.exit_code == usage_exit_code;
  const bool gives_up = child.failed_tries() >= limits::child_start_tries_max;
  if (refused || (gives_up && (phase_ == Phase::starting || &child == &gateway_))) {
    fail(child.name() + " does not start (" + death.how + ")." + words);
    return;
  }
  journal_.say("warning", "child_died",
               {{"child", child.name()}, {"how", death.how}, {"restart_in_ms", milliseconds(death.wait)}});
  publish();
}

void Supervisor::check_clock() {
  const auto now = Clock::now();
  if ((phase_ == Phase::draining || phase_ == Phase::closing) && now >= kill_at_) {
    journal_.say("warning", "drain_time_over", {});
    kill_all();
    return;
  }
  if (phase_ != Phase::starting || now < ready_by_) return;
  std::string waiting;
  for (const auto& child : children_) {
    if (!child.ready()) waiting += (waiting.empty() ? "" : ", ") + child.name();
  }
  fail("Not ready after " + std::to_string(limits::child_start_time_max.count()) + " s: " + waiting + ". See " +
       journal_.file().string());
}

void Supervisor::fail(const std::string& why) {
  journal_.say("error", "server_failed", {{"why", why}});
  outcome_ = ExitCode::failed;
  kill_all();
}

void Supervisor::begin_stop(std::string_view reason) {
  journal_.say("info", "stopping",
               {{"signal", std::string(reason)}, {"drain_time_s", std::int64_t{settings_.drain_time.count()}}});
  kill_at_ = Clock::now() + settings_.drain_time + limits::child_stop_grace_time_max;
  phase_ = Phase::draining;
  if (!gateway_.alive()) {
    begin_closing();
    return;
  }
  gateway_.signal(SIGTERM);
}

void Supervisor::begin_closing() {
  phase_ = Phase::closing;
  for (const auto& child : children_) child.signal(SIGTERM);
  if (!any_alive()) phase_ = Phase::ended;
}

void Supervisor::kill_all() {
  for (const auto& child : children_) child.signal(SIGKILL);
  for (auto& child : children_) {
    while (child.alive() && !child.collect(journal_)) {
      pollfd ended{child.pidfd(), POLLIN, 0};
      ::poll(&ended, 1, -1);  // the kernel ends it; there is no waiting for its consent
    }
  }
  phase_ = Phase::ended;
}

bool Supervisor::any_alive() const {
  return std::any_of(children_.begin(), children_.end(), [](const Child& child) { return child.alive(); });
}

ServerFile Supervisor::server_file() const {
  ServerFile file;
  file.version = version;
  file.pid = ::getpid();
  file.start_ticks = start_ticks(file.pid).value_or(0);
  file.started_at = started_at_;
  file.host = settings_.host;
  file.port = settings_.port;
  file.drain_time_seconds = settings_.drain_time.count();
  file.log_file = journal_.file().string();
  for (const auto& child : children_) file.services.push_back(child.entry());
  auto& gateway = file.services.back();
  gateway.address = base_url(file);
  return file;
}

void Supervisor::publish() {
  if (const auto written = write_server_file(folder_.server_file(), server_file()); !written) {
    journal_.say("warning", "server_file_not_written", {{"why", written.error().message}});
  }
}

}  // namespace maestro::cli
