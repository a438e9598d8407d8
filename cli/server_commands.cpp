#include "cli/server_commands.h"

#include <map>
#include <memory>

#include <CLI/CLI.hpp>

namespace maestro::cli {
namespace {

constexpr int port_max = 65535;
constexpr int workers_max = 1024;
constexpr int drain_seconds_max = 3600;

const std::map<std::string, Demo> demo_words{{"auto", Demo::automatic}, {"on", Demo::on}, {"off", Demo::off}};

void add_start(CLI::App& group, const ServerCommands& commands, std::function<ExitCode()>& chosen) {
  auto options = std::make_shared<StartOptions>();
  auto drain_seconds = std::make_shared<int>(static_cast<int>(options->drain_time.count()));
  auto* command = group.add_subcommand("start", "Run auth, registry and gateway until Ctrl-C");
  command->add_option("-h,--host", options->host, "Address to listen on; 0.0.0.0 for every interface")
      ->type_name("ADDRESS")
      ->capture_default_str();
  command->add_option("-p,--port", options->port, "Port to listen on; 0 for any free one")
      ->type_name("PORT")
      ->check(CLI::Range(0, port_max).description(""))
      ->capture_default_str();
  command
      ->add_option("-k,--api-key", options->api_key,
                   "The key that clients must send (others can read it in the process list)")
      ->type_name("KEY");
  command->add_option("--api-key-file", options->api_key_file, "A file whose first line is that key")
      ->type_name("FILE");
  command->add_option("-l,--log-level", options->log_level, "DEBUG, INFO, WARNING or ERROR, in any case")
      ->type_name("LEVEL")
      ->envname("ROUTER_MAESTRO_LOG_LEVEL")
      ->transform(CLI::IsMember({"DEBUG", "INFO", "WARNING", "ERROR"}, CLI::ignore_case).description(""))
      ->capture_default_str();
  command->add_option("--workers", options->workers, "Threads of the gateway; 0 for one a core")
      ->type_name("N")
      ->check(CLI::Range(0, workers_max).description(""))
      ->capture_default_str();
  command
      ->add_option("--runtime-dir", options->runtime_dir,
                   "Sockets ($XDG_RUNTIME_DIR/router-maestro, else /tmp/router-maestro-<uid>)")
      ->type_name("DIR");
  command
      ->add_option("--config-dir", options->config_dir,
                   "Configuration ($XDG_CONFIG_HOME, else ~/.config, then /router-maestro)")
      ->type_name("DIR");
  command
      ->add_option("--data-dir", options->data_dir,
                   "Secrets, logs, state ($XDG_DATA_HOME, else ~/.local/share, then /router-maestro)")
      ->type_name("DIR");
  command
      ->add_option("--demo", options->demo,
                   "The built-in provider demo; auto: on loopback, while nothing else is set up")
      ->transform(CLI::CheckedTransformer(demo_words, CLI::ignore_case).description(""))
      ->type_name("auto|on|off");
  command->add_option("--drain-time", *drain_seconds, "Seconds that running requests get to end after SIGTERM")
      ->type_name("SECONDS")
      ->check(CLI::Range(0, drain_seconds_max).description(""))
      ->capture_default_str();
  command->add_option("--program-dir", options->program_dir)->envname("MAESTRO_PROGRAM_DIR")->group("");
  command->footer(
      "Examples:\n"
      "  router-maestro server start\n"
      "  router-maestro server start --port 9090 --log-level debug\n"
      "  router-maestro server start --host 0.0.0.0 --api-key-file /run/secrets/maestro-key\n\n"
      "The key comes from --api-key or --api-key-file, else ROUTER_MAESTRO_API_KEY, else contexts.json; else one is "
      "made.\n"
      "Exit: 0 stopped by SIGTERM or Ctrl-C, 1 failed (port in use, a service does not start), 2 usage.");
  command->callback([options, drain_seconds, &commands, &chosen] {
    options->drain_time = std::chrono::seconds(*drain_seconds);
    chosen = [options, &commands] { return commands.start(*options); };
  });
}

void add_stop(CLI::App& group, const ServerCommands& commands, std::function<ExitCode()>& chosen) {
  auto options = std::make_shared<StopOptions>();
  auto* command = group.add_subcommand("stop", "Stop a running server of yours; running requests may end first");
  command->add_option("-p,--port", options->port, "Which one, when several run")
      ->type_name("PORT")
      ->check(CLI::Range(1, port_max).description(""));
  command->add_option("--runtime-dir", options->runtime_dir, "As it was given to `server start`")->type_name("DIR");
  command->add_flag_callback("--json", [options] { options->format = Format::json; }, "Print the result as JSON");
  command->footer(
      "Examples:\n  router-maestro server stop\n  router-maestro server stop --port 9090\n\n"
      "Exit: 0 stopped, 1 still running after its drain time, 2 several run, 3 none runs.");
  command->callback(
      [options, &commands, &chosen] { chosen = [options, &commands] { return commands.stop(*options); }; });
}

void add_status(CLI::App& group, const ServerCommands& commands, std::function<ExitCode()>& chosen) {
  auto options = std::make_shared<StatusOptions>();
  auto* command = group.add_subcommand("status", "Version, uptime, address, and the three services")->alias("info");
  command->add_option("-p,--port", options->port, "Which one, when several run")
      ->type_name("PORT")
      ->check(CLI::Range(1, port_max).description(""));
  command->add_option("--runtime-dir", options->runtime_dir, "As it was given to `server start`")->type_name("DIR");
  command->add_option("--config-dir", options->config_dir, "Where contexts.json lies")->type_name("DIR");
  command->add_flag_callback("--json", [options] { options->format = Format::json; }, "Print the result as JSON");
  command->footer(
      "Without --port: the server of this machine, or that of the current context if it is another.\n"
      "Examples:\n  router-maestro server status\n  router-maestro server status --json | jq .services\n\n"
      "Exit: 0 it answers, 3 not reachable.");
  command->callback(
      [options, &commands, &chosen] { chosen = [options, &commands] { return commands.status(*options); }; });
}

void add_show_key(CLI::App& group, const ServerCommands& commands, std::function<ExitCode()>& chosen) {
  auto options = std::make_shared<ShowKeyOptions>();
  auto* command = group.add_subcommand("show-key", "Print the key of the current context");
  command->add_flag_callback(
      "--raw", [options] { options->presentation = KeyPresentation::raw; }, "The key and nothing else");
  command->add_option("--config-dir", options->config_dir, "Where contexts.json lies")->type_name("DIR");
  command->add_flag_callback("--json", [options] { options->format = Format::json; }, "Print the result as JSON");
  command->footer(
      "Examples:\n  router-maestro server show-key\n"
      "  curl -H \"Authorization: Bearer $(router-maestro server show-key --raw)\" http://127.0.0.1:8080/v1/models\n\n"
      "Exit: 0 printed, 1 there is no key yet.");
  command->callback(
      [options, &commands, &chosen] { chosen = [options, &commands] { return commands.show_key(*options); }; });
}

}  // namespace

void add_server_commands(CLI::App& app, const ServerCommands& commands, std::function<ExitCode()>& chosen) {
  auto* group = app.add_subcommand("server", "Start, stop and look at the server on this machine");
  group->footer(
      "Examples:\n  router-maestro server start\n  router-maestro server status\n  router-maestro server stop");
  add_start(*group, commands, chosen);
  add_stop(*group, commands, chosen);
  add_status(*group, commands, chosen);
  add_show_key(*group, commands, chosen);
}

}  // namespace maestro::cli
