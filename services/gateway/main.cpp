// maestro-gateway: opens the port, starts the workers and the control plane, waits for a signal, drains.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include <malloc.h>
#include <sodium.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/version.h"
#include "gateway/control/control.h"
#include "gateway/fleet.h"
#include "gateway/health_check.h"
#include "gateway/settings.h"
#include "log/log.h"
#include "net/proxy.h"

namespace {

using maestro::gateway::Settings;

// A line of JSON to whoever started us, once.
void tell_ready(const Settings& settings, std::uint16_t port) {
  maestro::log::info("ready", {{"host", settings.host}, {"port", port}, {"version", maestro::version}});
  if (settings.ready_descriptor < 0) return;
  const auto line = "{\"service\":\"gateway\",\"address\":\"" + settings.host + ":" + std::to_string(port) + "\"}\n";
  // The reader may be gone; serving does not depend on it.
  [[maybe_unused]] const auto ignored = ::write(settings.ready_descriptor, line.data(), line.size());
  ::close(settings.ready_descriptor);
}

// Large bodies come and go: without this the heap is given back to the kernel and faulted in again for each of them.
void keep_heap() {
  mallopt(M_TRIM_THRESHOLD, 256 * 1024 * 1024);
  mallopt(M_MMAP_THRESHOLD, 4 * 1024 * 1024);
  mallopt(M_TOP_PAD, 1024 * 1024);
}

void raise_descriptor_limit() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

// Streams finish within the drain time; a second signal ends it at once.
void drain(maestro::gateway::Fleet& fleet, const Settings& settings, const sigset_t& signals) {
  maestro::log::info("draining", {});
  fleet.drain();
  const auto deadline = maestro::Deadline::in(settings.drain_time_max);
  const timespec pause{0, 20'000'000};
  while (!deadline.passed() && fleet.open_connections_now() > 0)
    if (sigtimedwait(&signals, nullptr, &pause) > 0) break;
}

int serve(const Settings& settings) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread: all inherit it
  std::signal(SIGPIPE, SIG_IGN);

  auto proxies = maestro::net::ProxySettings::from([](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  });
  if (!proxies) {
    std::fprintf(stderr, "maestro-gateway: %s\n", proxies.error().message.c_str());
    return 2;
  }
  maestro::log::start("gateway", settings.log_level);
  maestro::gateway::Fleet fleet;
  if (auto opened = fleet.open(settings, *proxies); !opened) {
    maestro::log::error("cannot_listen",
                        {{"why", opened.error().message}, {"do", "choose another --port, or stop what listens there"}});
    maestro::log::stop();
    return 1;
  }
  const auto port = fleet.port();
  fleet.start();
  maestro::log::info("listening", {{"host", settings.host}, {"port", port}});
  maestro::gateway::Control control{settings, fleet, [&settings, port] { tell_ready(settings, port); }};
  auto started = control.start();
  if (!started) {
    maestro::log::error("cannot_start", {{"why", started.error().message}});
  } else {
    int signal = 0;
    sigwait(&signals, &signal);
    drain(fleet, settings, signals);
  }
  control.stop();
  fleet.stop();
  fleet.join();
  maestro::log::info("stopped", {});
  maestro::log::stop();
  return started ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const auto settings = maestro::gateway::parse_settings(argc, argv);
  switch (settings.purpose) {
    case Settings::Purpose::exit:
      return settings.exit_code;
    case Settings::Purpose::check_health:
      return maestro::gateway::check_health(settings) ? 0 : 1;
    case Settings::Purpose::serve:
      break;
  }
  prctl(PR_SET_DUMPABLE, 0);  // leases lie in this memory
  if (sodium_init() < 0) return 1;
  keep_heap();
  raise_descriptor_limit();
  return serve(settings);
}
