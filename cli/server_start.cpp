#include <algorithm>
#include <cctype>
#include <filesystem>

#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/version.h"
#include "cli/contexts.h"
#include "cli/port.h"
#include "cli/server_commands.h"
#include "cli/supervisor.h"

namespace maestro::cli {
namespace {

namespace fs = std::filesystem;

int cores() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

Result<fs::path> program_directory(const std::optional<std::string>& given) {
  std::error_code error;
  const fs::path own = given ? fs::path() : fs::read_symlink("/proc/self/exe", error);
  if (error) return Error(ErrorKind::internal, "/proc/self/exe cannot be read: " + error.message());
  const fs::path directory = given ? fs::absolute(*given) : own.parent_path();
  for (const auto service : {auth_service, registry_service, gateway_service}) {
    const fs::path program = directory / ("maestro-" + std::string(service));
    if (::access(program.c_str(), X_OK) == 0) continue;
    return Error(ErrorKind::internal, program.string() + " is missing or cannot be run. The four programs of " +
                                          "router-maestro belong into one directory.");
  }
  return directory;
}

Result<Secret> key_of_file(const std::string& path) {
  auto text = read_small_file(path, limits::api_key_bytes_max);
  if (!text) return text.error();
  text->resize(std::min(text->size(), text->find('\n')));
  while (!text->empty() && (text->back() == '\r' || text->back() == ' ')) text->pop_back();
  if (text->empty()) return Error(ErrorKind::invalid_request, path + " has no key in its first line.");
  return Secret{std::move(*text)};
}

Result<Secret> given_key(const StartOptions& options, const Environment& environment) {
  if (!options.api_key_file.empty() && !options.api_key.empty()) {
    return Error(ErrorKind::invalid_request, "Give the key either by --api-key or by --api-key-file, not by both.");
  }
  if (!options.api_key_file.empty()) return key_of_file(options.api_key_file);
  std::string key = options.api_key.empty() ? value_of(environment, server_key_variable).value_or("") : options.api_key;
  if (key.size() > limits::api_key_bytes_max) {
    return Error(ErrorKind::invalid_request,
                 "The key is longer than " + std::to_string(limits::api_key_bytes_max) + " bytes.");
  }
  return Secret{std::move(key)};
}

Result<ServerSettings> settings_of(const StartOptions& options, const Environment& environment) {
  const auto config = config_directory(options.config_dir, environment);
  if (!config) return config.error();
  const auto data = data_directory(options.data_dir, environment);
  if (!data) return data.error();
  for (const auto& directory : {*config, *data}) {
    if (auto made = make_directory(directory); !made) return made.error();
  }
  const auto programs = program_directory(options.program_dir);
  if (!programs) return programs.error();
  ServerSettings settings;
  settings.port = options.port;
  settings.program_directory = *programs;
  settings.config_directory = *config;
  settings.data_directory = *data;
  settings.log_level = options.log_level;
  settings.demo = options.demo;
  settings.workers = options.workers == 0 ? cores() : options.workers;
  settings.drain_time = options.drain_time;
  return settings;
}

// Which key a person at a terminal may see: one that was just made is shown once, any other only by its ends.
std::string shown_key(const ReadyServer& server, const fs::path& config_directory) {
  const auto context = context_named(config_directory, local_context);
  if (!context || context->api_key.empty()) return "see `router-maestro server show-key`";
  const auto key = context->api_key.reveal();
  return server.key_source == "generated" ? std::string(key) : masked(key);
}

void print_banner(const ReadyServer& server, const fs::path& config_directory, const Sheet& sheet) {
  const std::string url = base_url(server.file);
  if (!sheet.interactive()) {
    sheet.line("ready on " + url);
    return;
  }
  sheet.write("\n" + sheet.paint(Tone::strong, "router-maestro " + std::string(version)) + "\n\n");
  sheet.write(table({{"  address", sheet.paint(Tone::good, url)},
                     {"  OpenAI base URL", url + "/v1"},
                     {"  API key", shown_key(server, config_directory)},
                     {"  log", server.file.log_file}}));
  sheet.write("\n  curl " + url +
              "/v1/models -H \"Authorization: Bearer $(router-maestro server show-key --raw)\"\n\n");
  sheet.line(sheet.paint(Tone::faint, "  Ctrl-C stops it."));
}

}  // namespace

ExitCode server_start(const StartOptions& options, const Caller& caller) {
  ::umask(077);
  auto settings = settings_of(options, caller.environment);
  if (!settings) return report(settings.error(), caller);
  auto key = given_key(options, caller.environment);
  if (!key) return report(key.error(), caller);
  const auto runtime = runtime_directory(options.runtime_dir, caller.environment, ::geteuid());
  if (!runtime) return report(runtime.error(), caller);
  auto held = hold_port(options.host, options.port);
  if (!held) return report(held.error(), caller);
  settings->host = held->host;
  auto folder = RuntimeFolder::take(*runtime, options.port);
  if (!folder) return report(folder.error(), caller);
  settings->auth_socket = folder->socket(auth_service);
  settings->registry_socket = folder->socket(registry_service);
  auto journal = Journal::open(settings->data_directory, caller.messages);
  if (!journal) return report(journal.error(), caller);

  const fs::path config = settings->config_directory;
  const Sheet& sheet = caller.messages;
  Supervisor supervisor{{std::move(*settings), caller.environment, std::move(*key), std::move(held->socket)},
                        *folder,
                        *journal,
                        [&](const ReadyServer& server) { print_banner(server, config, sheet); }};
  return supervisor.run();
}

}  // namespace maestro::cli
