#include "auth/settings.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/version.h"

namespace maestro::auth {
namespace {

// As the options are filled in; which of them were given is asked of CLI11.
struct Raw {
  std::string config_dir;
  std::string data_dir;
  std::string api_key;
  std::string api_key_file;
  int api_key_descriptor = -1;
  std::string log_level = "INFO";
  bool insecure_plaintext_peers = false;
};

std::string variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value ? value : "";
}

// All of a descriptor up to the limit, without the final newline. Closes it.
Result<Secret> read_key(int descriptor, const std::string& what) {
  std::string text;
  text.reserve(limits::api_key_bytes_max + 2);
  char part[512];
  while (text.size() <= limits::api_key_bytes_max + 1) {
    const auto count = ::read(descriptor, part, sizeof(part));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const std::string why = std::strerror(errno);
      ::close(descriptor);
      return Error(ErrorKind::invalid_request, what + " cannot be read: " + why + ".");
    }
    if (count == 0) break;
    text.append(part, static_cast<std::size_t>(count));
  }
  ::close(descriptor);
  explicit_bzero(part, sizeof(part));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  Secret key{std::string(text)};
  explicit_bzero(text.data(), text.size());
  if (key.empty()) return Error(ErrorKind::invalid_request, what + " holds no key.");
  return key;
}

Result<void> take_passed_key(const Raw& raw, const CLI::App& command, PassedKeys& keys) {
  if (command.count("--api-key") > 0) keys.flag = Secret(raw.api_key);
  if (command.count("--api-key-file") > 0) {
    const int descriptor = ::open(raw.api_key_file.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
      return Error(ErrorKind::invalid_request,
                   "--api-key-file " + raw.api_key_file + " cannot be opened: " + std::strerror(errno) + ".");
    auto key = read_key(descriptor, "--api-key-file " + raw.api_key_file);
    if (!key) return key.error();
    keys.file = std::move(*key);
  }
  if (command.count("--api-key-fd") > 0) {
    auto key = read_key(raw.api_key_descriptor, "--api-key-fd " + std::to_string(raw.api_key_descriptor));
    if (!key) return key.error();
    keys.file = std::move(*key);
  }
  if (auto value = variable("ROUTER_MAESTRO_API_KEY"); !value.empty()) keys.variable = Secret(std::move(value));
  return {};
}

void describe(CLI::App& command, Raw& raw, Settings& settings) {
  command.set_version_flag("--version", "maestro-auth " + std::string(version));
  command
      .add_option("--listen", settings.app.listen,
                  "Address for gateway and registry, all services: unix:/absolute/path or host:port. Repeatable. "
                  "Default: auth.sock in $XDG_RUNTIME_DIR/router-maestro or /tmp/router-maestro-<uid>")
      ->envname("ROUTER_MAESTRO_AUTH_LISTEN")
      ->delimiter(',');
  command
      .add_option("--public-listen", settings.app.public_listen,
                  "Address for people and the CLI, behind a proxy that ends TLS: AuthService and health only, every "
                  "call with a client key. Repeatable")
      ->envname("ROUTER_MAESTRO_AUTH_PUBLIC_LISTEN")
      ->delimiter(',');
  command
      .add_flag("--insecure-plaintext-peers", raw.insecure_plaintext_peers,
                "Believe peers over plain TCP without an identity: only where the network is trusted")
      ->envname("ROUTER_MAESTRO_INSECURE_PLAINTEXT_PEERS");
  command
      .add_option("--config-dir", raw.config_dir,
                  "Directory of contexts.json. Default: $XDG_CONFIG_HOME or ~/.config, /router-maestro")
      ->envname("ROUTER_MAESTRO_CONFIG_DIR");
  command
      .add_option("--data-dir", raw.data_dir,
                  "Directory of auth.json and keys.json. Default: $XDG_DATA_HOME or ~/.local/share, /router-maestro")
      ->envname("ROUTER_MAESTRO_DATA_DIR");
  auto* key = command.add_option("--api-key", raw.api_key,
                                 "The server key (other users of this machine can see it here). Also "
                                 "ROUTER_MAESTRO_API_KEY. Default: that of contexts.json, else a new one");
  auto* file = command.add_option("--api-key-file", raw.api_key_file, "A file that holds the server key")
                   ->envname("ROUTER_MAESTRO_API_KEY_FILE");
  auto* descriptor =
      command.add_option("--api-key-fd", raw.api_key_descriptor, "An open descriptor to read the server key from")
          ->check(CLI::NonNegativeNumber);
  key->excludes(file)->excludes(descriptor);
  file->excludes(descriptor);
  command.add_option("--log-level", raw.log_level, "DEBUG, INFO, WARNING or ERROR")
      ->envname("ROUTER_MAESTRO_LOG_LEVEL")
      ->capture_default_str();
  command
      .add_option("--ready-fd", settings.ready_descriptor,
                  "Descriptor that is told in one line of JSON when the server serves")
      ->check(CLI::NonNegativeNumber);
  command.add_flag("--health", settings.health, "Ask the server at the first --listen whether it serves: exit 0 or 1");
}

std::string default_runtime_dir() {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  return runtime && *runtime == '/' ? std::string(runtime) + "/router-maestro"
                                    : "/tmp/router-maestro-" + std::to_string(::getuid());
}

std::string one_line(std::string text) {
  for (char& letter : text)
    if (letter == '\n') letter = ' ';
  return text;
}

}  // namespace

Result<std::variant<Settings, Printout>> parse_settings(int count, const char* const* arguments) {
  CLI::App command("Keeps client keys and provider credentials; hands out leases to gateway and registry.",
                   "maestro-auth");
  command.footer("Exit codes: 0 ended as asked, 1 failed, 2 wrong command line.");
  Raw raw;
  Settings settings;
  describe(command, raw, settings);
  try {
    command.parse(count, arguments);
  } catch (const CLI::CallForHelp&) {
    return std::variant<Settings, Printout>(Printout{command.help()});
  } catch (const CLI::CallForVersion&) {
    return std::variant<Settings, Printout>(Printout{"maestro-auth " + std::string(version) + "\n"});
  } catch (const CLI::ParseError& problem) {
    return Error(ErrorKind::invalid_request, one_line(problem.what()) + ". See maestro-auth --help.");
  }
  const auto level = log::level_from(raw.log_level);
  if (!level)
    return Error(ErrorKind::invalid_request, "--log-level is DEBUG, INFO, WARNING or ERROR. See maestro-auth --help.");
  settings.log_level = *level;
  settings.app.directories = store::default_directories();
  if (!raw.config_dir.empty()) settings.app.directories.config_dir = raw.config_dir;
  if (!raw.data_dir.empty()) settings.app.directories.data_dir = raw.data_dir;
  if (settings.app.listen.empty()) {
    settings.runtime_dir = default_runtime_dir();
    settings.app.listen.push_back("unix:" + settings.runtime_dir + "/auth.sock");
  }
  if (raw.insecure_plaintext_peers) settings.app.plaintext_peers = rpc::PlaintextPeers::asked_for;
  settings.app.variable = variable;
  if (auto taken = take_passed_key(raw, command, settings.app.keys); !taken) return taken.error();
  return std::variant<Settings, Printout>(std::move(settings));
}

}  // namespace maestro::auth
