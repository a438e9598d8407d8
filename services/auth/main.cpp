// maestro-auth: reads its settings, serves until SIGTERM or SIGINT, drains, ends.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/app.h"
#include "auth/json_document.h"
#include "auth/settings.h"
#include "base/limits.h"
#include "log/log.h"
#include "rpc/channel.h"

namespace maestro::auth {
namespace {

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const auto count = ::write(descriptor, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

int fail(const Error& error, int code) {
  write_all(STDERR_FILENO, "maestro-auth: " + error.message + "\n");
  return code;
}

// The directory of the default socket, ours alone: whoever else may write there could put a socket of his own.
Result<void> make_runtime_dir(const std::string& path) {
  if (path.empty()) return {};
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return Error(ErrorKind::unavailable,
                 path + " cannot be made: " + std::strerror(errno) + ". Pass --listen unix:/path.");
  struct stat found{};
  const bool ours = ::lstat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode) && found.st_uid == ::getuid() &&
                    (found.st_mode & 0077) == 0;
  if (ours) return {};
  return Error(ErrorKind::unavailable, path +
                                           " is not a directory of yours alone (mode 0700). Mend it, or pass --listen "
                                           "unix:/path.");
}

void say_ready(int descriptor, const App& app) {
  if (descriptor < 0) return;
  Json line;
  line["service"] = "auth";
  const auto& addresses = app.server().addresses();
  line["address"] = addresses.empty() ? app.server().public_addresses().front() : addresses.front();
  line["server_key"] = std::string(to_string(app.key_source()));
  write_all(descriptor, line.dump() + "\n");
  ::close(descriptor);
}

rpc::Awaitable<void> stop(App& app) {
  log::info("draining", {});
  co_await app.drain(Deadline::in(limits::drain_time_max));
}

int serve(Settings settings) {
  if (auto made = make_runtime_dir(settings.runtime_dir); !made) return fail(made.error(), exit_failed);
  log::start("auth", settings.log_level);
  boost::asio::io_context loop{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO};
  auto app = App::start(loop, std::move(settings.app));
  if (!app) {
    log::stop();
    return fail(app.error(), app.error().kind == ErrorKind::invalid_request ? exit_usage : exit_failed);
  }
  int code = 0;
  boost::asio::signal_set signals(loop, SIGTERM, SIGINT);
  signals.async_wait([&](const boost::system::error_code& error, int) {
    if (error) return;
    boost::asio::co_spawn(loop.get_executor(), stop(**app), [&](std::exception_ptr problem) {
      if (problem) code = exit_failed;
      loop.stop();
    });
  });
  say_ready(settings.ready_descriptor, **app);
  loop.run();
  log::info("stopped", {});
  app->reset();
  log::stop();
  return code;
}

int run(int count, const char* const* arguments) {
  auto parsed = parse_settings(count, arguments);
  if (!parsed) return fail(parsed.error(), exit_usage);
  if (const auto* printout = std::get_if<Printout>(&*parsed)) {
    write_all(STDOUT_FILENO, printout->text);
    return 0;
  }
  auto& settings = std::get<Settings>(*parsed);
  if (settings.health) {
    const auto health = rpc::check_health(settings.app.listen.front());
    return health ? 0 : fail(health.error(), exit_failed);
  }
  return serve(std::move(settings));
}

}  // namespace
}  // namespace maestro::auth

int main(int count, char** arguments) {
  ::prctl(PR_SET_DUMPABLE, 0);  // no core and no ptrace: this memory holds keys
  ::umask(077);
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return maestro::auth::run(count, arguments);
  } catch (const std::exception& problem) {
    const std::string line = std::string("maestro-auth: ") + problem.what() + "\n";
    maestro::auth::write_all(STDERR_FILENO, line);
    return maestro::auth::exit_failed;
  }
}
