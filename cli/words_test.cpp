#include <gtest/gtest.h>

#include "cli/backoff.h"
#include "cli/environment.h"
#include "cli/exit_code.h"
#include "cli/near.h"
#include "cli/process_facts.h"
#include "cli/services.h"
#include "cli/terminal.h"

namespace maestro::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Backoff, doubles_from_100_ms_to_10_s) {
  Backoff backoff;
  for (const int wait : {100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000}) {
    EXPECT_EQ(backoff.after(seconds(1)), milliseconds(wait));
  }
}

TEST(Backoff, starts_again_after_a_long_life) {
  Backoff backoff;
  backoff.after(seconds(1));
  backoff.after(seconds(1));
  EXPECT_EQ(backoff.after(seconds(29)), milliseconds(400));
  EXPECT_EQ(backoff.after(seconds(30)), milliseconds(100));
  EXPECT_EQ(backoff.after(seconds(1)), milliseconds(200));
}

TEST(Environment, keys_are_taken_out_for_those_that_need_none) {
  const Environment all{{"PATH", "/bin"},
                        {"ROUTER_MAESTRO_API_KEY", "a"},
                        {"ROUTER_MAESTRO_OPENAI_API_KEY", "b"},
                        {"OLLAMA_API_KEY", "c"},
                        {"API_KEY_COUNT", "1"}};
  EXPECT_EQ(without_keys(all), (Environment{{"PATH", "/bin"}, {"API_KEY_COUNT", "1"}}));
  const auto of_auth = without_server_key(all);
  EXPECT_EQ(of_auth.size(), 4U);
  EXPECT_FALSE(of_auth.contains("ROUTER_MAESTRO_API_KEY"));
}

TEST(Environment, a_variable_set_to_nothing_is_unset) {
  EXPECT_FALSE(value_of({{"A", ""}}, "A"));
  EXPECT_FALSE(value_of({}, "A"));
  EXPECT_EQ(value_of({{"A", "b"}}, "A"), "b");
}

TEST(Near, finds_what_was_meant) {
  const std::vector<std::string> known{"start", "stop", "status", "info", "show-key"};
  EXPECT_EQ(near_words("strat", known).front(), "start");
  EXPECT_EQ(near_words("stat", known), (std::vector<std::string>{"status", "start"}));
  EXPECT_EQ(near_words("show", known), (std::vector<std::string>{"show-key"}));
  EXPECT_TRUE(near_words("model", known).empty());
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(Services, the_demo_answers_by_itself_on_loopback_only) {
  EXPECT_EQ(demo_for(Demo::automatic, "127.0.0.1"), Demo::automatic);
  EXPECT_EQ(demo_for(Demo::automatic, "::1"), Demo::automatic);
  EXPECT_EQ(demo_for(Demo::automatic, "0.0.0.0"), Demo::off);
  EXPECT_EQ(demo_for(Demo::on, "0.0.0.0"), Demo::on);
  EXPECT_EQ(demo_for(Demo::off, "127.0.0.1"), Demo::off);
}

TEST(Services, each_gets_the_arguments_of_its_contract) {
  ServerSettings settings;
  settings.program_directory = "/bin";
  settings.auth_socket = "/r/auth.sock";
  settings.registry_socket = "/r/registry.sock";
  settings.config_directory = "/c";
  settings.data_directory = "/d";
  settings.workers = 2;
  settings.drain_time = seconds(5);
  using Words = std::vector<std::string>;
  EXPECT_EQ(auth_start(settings, {}).arguments,
            (Words{"--listen", "unix:/r/auth.sock", "--config-dir", "/c", "--data-dir", "/d", "--log-level", "INFO"}));
  EXPECT_EQ(registry_start(settings, {}).arguments,
            (Words{"--listen", "unix:/r/registry.sock", "--auth", "unix:/r/auth.sock", "--config-dir", "/c",
                   "--data-dir", "/d", "--demo", "auto", "--log-level", "INFO"}));
  EXPECT_EQ(gateway_start(settings, {}).arguments,
            (Words{"--host", "127.0.0.1", "--port", "8080", "--auth", "unix:/r/auth.sock", "--registry",
                   "unix:/r/registry.sock", "--data-dir", "/d", "--workers", "2", "--drain-time", "5", "--log-level",
                   "INFO"}));
  EXPECT_EQ(gateway_start(settings, {}).program, "/bin/maestro-gateway");
  EXPECT_EQ(auth_start(settings, {}).key, KeyHandover::descriptor);
  EXPECT_EQ(registry_start(settings, {}).key, KeyHandover::none);
  EXPECT_EQ(gateway_start(settings, {}).key, KeyHandover::none);
}

TEST(ProcessFacts, are_read_from_the_texts_of_the_kernel) {
  const std::string tail = " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20 21";
  EXPECT_EQ(start_ticks_of("12 (a b) c)" + tail), 777U);
  EXPECT_FALSE(start_ticks_of("12 (dead) Z 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20"));
  EXPECT_FALSE(start_ticks_of("12 (short) S 1 2"));
  EXPECT_FALSE(start_ticks_of(""));
  EXPECT_EQ(memory_bytes_of("Name:\tx\nVmRSS:\t    12 kB\n"), 12U * 1024);
  EXPECT_FALSE(memory_bytes_of("Name:\tx\n"));
}

TEST(Terminal, tables_are_aligned_by_what_is_seen) {
  const Sheet coloured{1, Surface::terminal, Colours::on};
  EXPECT_EQ(table({{"name", "pid"}, {"é", "1"}, {"gateway", "22"}}), "name     pid\né        1\ngateway  22\n");
  const auto row = table({{coloured.paint(Tone::good, "yes"), "a"}, {"no", "b"}});
  EXPECT_EQ(row, "\x1b[32myes\x1b[0m  a\nno   b\n");
}

TEST(Terminal, a_key_is_shown_by_its_ends_only) {
  EXPECT_EQ(masked("sk-rm-abcdefghijklmnopqrstuvwxyz"), "sk-rm-abcdef...wxyz");
  EXPECT_EQ(masked("short-key"), "...");
}

TEST(Terminal, colour_is_off_without_a_terminal) {
  const Sheet plain = sheet_of(-1, {});
  EXPECT_EQ(plain.colours, Colours::off);
  EXPECT_EQ(plain.paint(Tone::bad, "text"), "text");
}

TEST(Terminal, durations_are_read_by_people) {
  EXPECT_EQ(duration_text(12), "12 s");
  EXPECT_EQ(duration_text(125), "2 min 5 s");
  EXPECT_EQ(duration_text(7500), "2 h 5 min");
  EXPECT_EQ(duration_text(180000), "2 d 2 h");
  EXPECT_EQ(memory_text(12'340'000), "12.3 MB");
}

TEST(ExitCode, follows_the_kind_of_the_error) {
  const auto code = [](ErrorKind kind) { return exit_code_of({kind, ""}); };
  EXPECT_EQ(code(ErrorKind::invalid_request), ExitCode::usage);
  EXPECT_EQ(code(ErrorKind::ambiguous), ExitCode::usage);
  EXPECT_EQ(code(ErrorKind::unavailable), ExitCode::unreachable);
  EXPECT_EQ(code(ErrorKind::unauthenticated), ExitCode::unauthenticated);
  EXPECT_EQ(code(ErrorKind::conflict), ExitCode::failed);
  EXPECT_EQ(code(ErrorKind::internal), ExitCode::failed);
}

}  // namespace
}  // namespace maestro::cli
