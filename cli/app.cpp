#include "cli/app.h"

#include <algorithm>

#include <CLI/CLI.hpp>

#include "base/version.h"
#include "cli/near.h"

namespace maestro::cli {
namespace {

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
    for (const auto& alias : command->get_aliases()) names.push_back(alias);
  }
  return names;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

std::string one_of(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t at = 0; at < words.size(); ++at) {
    if (at > 0) text += at + 1 == words.size() ? " or " : ", ";
    text += "'" + words[at] + "'";
  }
  return text;
}

// Follows the words down the groups; says what is wrong with the first that is no command.
std::string unknown_command(const CLI::App& root, const std::vector<std::string>& arguments) {
  const CLI::App* group = &root;
  std::string path = root.get_name();
  for (const auto& word : arguments) {
    const auto names = command_names(*group);
    if (names.empty() || word.starts_with('-')) return {};
    if (std::find(names.begin(), names.end(), word) == names.end()) {
      const auto near = near_words(word, names);
      return "'" + path + "' has no command '" + word + "'. " + (near.empty() ? "It has " : "Did you mean ") +
             one_of(near.empty() ? names : near) + (near.empty() ? "." : "?") + " See " + path + " --help";
    }
    const auto commands = group->get_subcommands([](const CLI::App*) { return true; });
    group = *std::find_if(commands.begin(), commands.end(),
                          [&](const CLI::App* command) { return command->check_name(word); });
    path += " " + group->get_name();
  }
  return {};
}

const CLI::App& deepest(const CLI::App& app) {
  const auto parsed = app.get_subcommands();
  return parsed.empty() ? app : deepest(*parsed.front());
}

std::string path_of(const CLI::App& app) {
  return app.get_parent() == nullptr ? app.get_name() : path_of(*app.get_parent()) + " " + app.get_name();
}

ExitCode usage_error(const std::string& text, const Caller& caller) {
  caller.messages.line(caller.messages.paint(Tone::bad, "Usage: ") + text);
  return ExitCode::usage;
}

ExitCode explain(const CLI::App& app, const CLI::ParseError& error, const std::vector<std::string>& arguments,
                 const Caller& caller) {
  const auto& where = deepest(app);
  std::string text = error.what();
  const bool extra = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError);
  for (const auto& argument : arguments) {
    if (!extra || !argument.starts_with("--")) continue;
    const auto name = argument.substr(0, argument.find('='));
    const auto names = option_names(where);
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    text = "'" + path_of(where) + "' has no option '" + name + "'.";
    if (const auto near = near_words(name, names); !near.empty()) text += " Did you mean " + one_of(near) + "?";
    break;
  }
  const bool sentence = text.ends_with('.') || text.ends_with('?');
  return usage_error(text + (sentence ? " See " : ". See ") + path_of(where) + " --help", caller);
}

}  // namespace

ExitCode report(const Error& error, const Caller& caller) {
  caller.messages.line(caller.messages.paint(Tone::bad, "Error: ") + error.message);
  return exit_code_of(error);
}

Commands real_commands(const Caller& caller) {
  Commands commands;
  commands.server.start = [&caller](const StartOptions& options) { return server_start(options, caller); };
  commands.server.stop = [&caller](const StopOptions& options) { return server_stop(options, caller); };
  commands.server.status = [&caller](const StatusOptions& options) { return server_status(options, caller); };
  commands.server.show_key = [&caller](const ShowKeyOptions& options) { return server_show_key(options, caller); };
  return commands;
}

ExitCode run(const std::vector<std::string>& arguments, const Commands& commands, const Caller& caller) {
  CLI::App app{"One self-hosted front door to every language model.", "router-maestro"};
  app.set_help_flag("--help", "Print this help");
  app.set_version_flag("-v,--version", "router-maestro version " + std::string(version), "Print the version");
  app.footer(
      "Examples:\n  router-maestro server start\n  router-maestro server status\n\n"
      "`router-maestro GROUP COMMAND --help` has the options of a command.\n"
      "Exit: 0 done, 1 failed, 2 usage, 3 server not reachable, 4 not authenticated, 130 interrupted.");
  std::function<ExitCode()> chosen;
  add_server_commands(app, commands.server, chosen);

  if (const auto unknown = unknown_command(app, arguments); !unknown.empty()) return usage_error(unknown, caller);
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    caller.out.write(app.help());
    return ExitCode::done;
  } catch (const CLI::CallForVersion& asked) {
    caller.out.line(asked.what());
    return ExitCode::done;
  } catch (const CLI::ParseError& error) {
    return explain(app, error, arguments, caller);
  }
  if (chosen) return chosen();
  caller.out.write(app.help());  // a group without a command
  return ExitCode::usage;
}

}  // namespace maestro::cli
