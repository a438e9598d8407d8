#include "registry/options.h"

#include <cstdlib>
#include <map>
#include <optional>
#include <utility>

#include <CLI/CLI.hpp>

#include "base/version.h"
#include "store/store.h"

namespace maestro::registry {
namespace {

constexpr int usage_exit_code = 2;
constexpr const char* openai_variable = "ROUTER_MAESTRO_OPENAI_BASE_URL";

struct Texts {
  std::string demo = "off";
  std::string log_level = "INFO";
  bool plaintext_peers = false;
};

void describe(CLI::App& app, Options& options, Texts& texts) {
  app.add_option("--listen", options.listen,
                 "Where gateways and other services connect: unix:/path or host:port. Repeatable. Serves everything")
      ->envname("ROUTER_MAESTRO_REGISTRY_LISTEN")
      ->delimiter(',');
  app.add_option("--public-listen", options.public_listen,
                 "Where people's tools connect, behind a proxy that ends TLS: host:port. Repeatable. Serves "
                 "RegistryService and health only; every call carries a client key with the admin scope")
      ->envname("ROUTER_MAESTRO_REGISTRY_PUBLIC_LISTEN")
      ->delimiter(',');
  app.add_option("--auth", options.auth, "Where auth listens for services: unix:/path, host:port or dns:///name:port")
      ->envname("ROUTER_MAESTRO_AUTH");
  app.add_option("--config-dir", options.config_dir, "Directory of providers.json and priorities.json")
      ->envname("ROUTER_MAESTRO_CONFIG_DIR")
      ->capture_default_str();
  app.add_option("--data-dir", options.data_dir, "Directory of what the programs keep")
      ->envname("ROUTER_MAESTRO_DATA_DIR")
      ->capture_default_str();
  app.add_option("--state-dir", options.state_dir,
                 "Directory of the catalog's number, the model lists and the last good files; default: state/ in the "
                 "data directory")
      ->envname("ROUTER_MAESTRO_STATE_DIR");
  app.add_option(
         "--demo", texts.demo,
         "The provider \"demo\" (model demo/echo), which answers with what it was sent: on, off, or auto (there "
         "while no other provider can answer)")
      ->envname("ROUTER_MAESTRO_DEMO")
      ->check(CLI::IsMember({"auto", "on", "off"}))
      ->capture_default_str();
  app.add_option("--log-level", texts.log_level, "DEBUG, INFO, WARNING or ERROR")
      ->envname("ROUTER_MAESTRO_LOG_LEVEL")
      ->capture_default_str();
  app.add_flag("--insecure-plaintext-peers", texts.plaintext_peers,
               "Believe services that connect over TCP without TLS. Only inside a network of their own")
      ->envname("ROUTER_MAESTRO_INSECURE_PLAINTEXT_PEERS");
  app.add_option("--ready-fd", options.ready_descriptor,
                 "Write one line of JSON to this descriptor once serving, then close it");
  app.add_flag("--health", options.asks_for_health,
               "Ask the server at the first --listen whether it serves; exit 0 if it does, else 1");
  app.set_version_flag("--version", "maestro-registry " + std::string(version));
  app.footer(std::string("Environment: each variable named above stands for its flag; lists are parted by commas. ") +
             openai_variable +
             " replaces https://api.openai.com/v1 as the base URL of the built-in provider openai.\n"
             "Exit codes: 0 served and drained, 1 failed, 2 wrong usage.");
}

std::optional<std::string> finish(Options& options, const Texts& texts) {
  options.demo = texts.demo == "on" ? Demo::on : texts.demo == "auto" ? Demo::automatic : Demo::off;
  const auto level = log::level_from(texts.log_level);
  if (!level) return "--log-level must be DEBUG, INFO, WARNING or ERROR.";
  options.log_level = *level;
  if (texts.plaintext_peers) options.plaintext_peers = rpc::PlaintextPeers::asked_for;
  if (options.listen.empty() && options.public_listen.empty()) {
    return "Say where to listen: --listen unix:/path or host:port (or ROUTER_MAESTRO_REGISTRY_LISTEN).";
  }
  if (options.asks_for_health) return std::nullopt;
  if (options.auth.empty()) return "Say where auth listens: --auth unix:/path or host:port (or ROUTER_MAESTRO_AUTH).";
  if (options.state_dir.empty()) options.state_dir = options.data_dir / "state";
  const char* url = std::getenv(openai_variable);
  auto checked = checked_base_url(url != nullptr && *url != '\0' ? url : "https://api.openai.com/v1");
  if (!checked) return std::string(openai_variable) + " " + checked.error().message + ".";
  options.openai_base_url = std::move(*checked);
  return std::nullopt;
}

}  // namespace

std::variant<Options, Farewell> read_options(int argument_count, const char* const* arguments) {
  CLI::App app("Keeps providers, model lists and priorities of router-maestro, and pushes the catalog to its gateways.",
               "maestro-registry");
  Options options;
  Texts texts;
  const store::Directories directories = store::default_directories();
  options.config_dir = directories.config_dir;
  options.data_dir = directories.data_dir;
  describe(app, options, texts);
  try {
    app.parse(argument_count, arguments);
  } catch (const CLI::CallForHelp&) {
    return Farewell{app.help(), 0};
  } catch (const CLI::CallForVersion&) {
    return Farewell{app.version() + '\n', 0};
  } catch (const CLI::ParseError& error) {
    return Farewell{std::string(error.what()) + "\nmaestro-registry --help has all flags.\n", usage_exit_code};
  }
  if (auto problem = finish(options, texts)) return Farewell{*problem + '\n', usage_exit_code};
  return options;
}

}  // namespace maestro::registry
