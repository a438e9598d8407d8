#include "cli/app.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/descriptor.h"

namespace maestro::cli {
namespace {

class Memory {
 public:
  Memory() : file_(::memfd_create("text", MFD_CLOEXEC)) {}
  Sheet sheet() const { return Sheet{file_.get(), Surface::stream, Colours::off}; }
  std::string text() const {
    std::string text(static_cast<std::size_t>(::lseek(file_.get(), 0, SEEK_CUR)), '\0');
    EXPECT_EQ(::pread(file_.get(), text.data(), text.size(), 0), std::ssize(text));
    return text;
  }

 private:
  Descriptor file_;
};

struct Outcome {
  ExitCode code{};
  std::string out{};
  std::string messages{};
  std::optional<StartOptions> start{};
  std::optional<StopOptions> stop{};
  std::optional<StatusOptions> status{};
  std::optional<ShowKeyOptions> show_key{};
};

Outcome parse(const std::vector<std::string>& arguments) {
  Memory out;
  Memory messages;
  Outcome outcome;
  const auto keep = [](auto& place) {
    return [&place](const auto& options) {
      place = options;
      return ExitCode::done;
    };
  };
  const Commands commands{
      {keep(outcome.start), keep(outcome.stop), keep(outcome.status), keep(outcome.show_key)},
  };
  const Caller caller{{}, out.sheet(), messages.sheet()};
  outcome.code = run(arguments, commands, caller);
  outcome.out = out.text();
  outcome.messages = messages.text();
  return outcome;
}

TEST(App, start_without_options_has_the_documented_defaults) {
  const auto outcome = parse({"server", "start"});
  ASSERT_TRUE(outcome.start) << outcome.messages;
  EXPECT_EQ(outcome.start->host, "127.0.0.1");
  EXPECT_EQ(outcome.start->port, 8080);
  EXPECT_EQ(outcome.start->log_level, "INFO");
  EXPECT_EQ(outcome.start->demo, Demo::automatic);
  EXPECT_EQ(outcome.start->drain_time, limits::drain_time_max);
  EXPECT_FALSE(outcome.start->runtime_dir);
}

TEST(App, start_takes_every_option_by_its_long_and_short_name) {
  const auto outcome = parse({"server",
                              "start",
                              "-h",
                              "0.0.0.0",
                              "-p",
                              "0",
                              "-k",
                              "sk-1",
                              "-l",
                              "debug",
                              "--workers",
                              "3",
                              "--runtime-dir",
                              "/r",
                              "--config-dir",
                              "/c",
                              "--data-dir",
                              "/d",
                              "--demo",
                              "off",
                              "--drain-time",
                              "7",
                              "--api-key-file",
                              "/k"});
  ASSERT_TRUE(outcome.start) << outcome.messages;
  EXPECT_EQ(outcome.start->host, "0.0.0.0");
  EXPECT_EQ(outcome.start->port, 0);
  EXPECT_EQ(outcome.start->api_key, "sk-1");
  EXPECT_EQ(outcome.start->api_key_file, "/k");
  EXPECT_EQ(outcome.start->log_level, "DEBUG");
  EXPECT_EQ(outcome.start->workers, 3);
  EXPECT_EQ(outcome.start->runtime_dir, "/r");
  EXPECT_EQ(outcome.start->config_dir, "/c");
  EXPECT_EQ(outcome.start->data_dir, "/d");
  EXPECT_EQ(outcome.start->demo, Demo::off);
  EXPECT_EQ(outcome.start->drain_time, std::chrono::seconds(7));
}

TEST(App, the_other_commands_reach_their_handlers) {
  EXPECT_EQ(parse({"server", "stop", "--port", "9"}).stop->port, 9);
  EXPECT_EQ(parse({"server", "stop", "--json"}).stop->format, Format::json);
  EXPECT_EQ(parse({"server", "status"}).status->format, Format::text);
  EXPECT_EQ(parse({"server", "info", "--json"}).status->format, Format::json);
  EXPECT_EQ(parse({"server", "show-key", "--raw"}).show_key->presentation, KeyPresentation::raw);
}

TEST(App, usage_errors_end_with_2_and_say_where_to_look) {
  const struct {
    std::vector<std::string> arguments;
    std::string message;
  } cases[] = {
      {{"sever"}, "Did you mean 'server'?"},
      {{"model", "list"}, "has no command 'model'. It has 'server'."},
      {{"server", "strat"}, "Did you mean 'start'?"},
      {{"server", "start", "--prot", "9"}, "has no option '--prot'. Did you mean '--port'?"},
      {{"server", "start", "--port", "65536"}, "router-maestro server start --help"},
      {{"server", "start", "--port", "x"}, "router-maestro server start --help"},
      {{"server", "start", "--log-level", "loud"}, "router-maestro server start --help"},
      {{"server", "start", "--demo", "maybe"}, "router-maestro server start --help"},
      {{"server", "start", "extra"}, "extra"},
      {{"server", "stop", "--port", "0"}, "router-maestro server stop --help"},
  };
  for (const auto& each : cases) {
    const auto outcome = parse(each.arguments);
    EXPECT_EQ(outcome.code, ExitCode::usage) << each.message;
    EXPECT_NE(outcome.messages.find(each.message), std::string::npos) << outcome.messages;
    EXPECT_EQ(outcome.out, "");
    EXPECT_FALSE(outcome.start || outcome.stop);
  }
}

TEST(App, help_and_version_are_results_and_a_bare_group_is_a_usage_error) {
  EXPECT_EQ(parse({"--version"}).code, ExitCode::done);
  EXPECT_EQ(parse({"-v"}).out.substr(0, 23), "router-maestro version ");
  const auto help = parse({"server", "start", "--help"});
  EXPECT_EQ(help.code, ExitCode::done);
  for (const auto* part : {"router-maestro server start", "Examples:", "--api-key-file", "--drain-time"}) {
    EXPECT_NE(help.out.find(part), std::string::npos) << part << "\n" << help.out;
  }
  EXPECT_EQ(help.out.find("--program-dir"), std::string::npos);
  EXPECT_EQ(parse({}).code, ExitCode::usage);
  EXPECT_EQ(parse({"server"}).code, ExitCode::usage);
  EXPECT_NE(parse({"server"}).out.find("show-key"), std::string::npos);
}

}  // namespace
}  // namespace maestro::cli
