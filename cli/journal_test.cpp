#include "cli/journal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/descriptor.h"

namespace maestro::cli {
namespace {

const Sheet plain{2, Surface::stream, Colours::off};

std::vector<std::string> lines_of(const std::vector<std::string>& pieces) {
  LineCutter cutter;
  std::vector<std::string> lines;
  const auto take = [&](std::string_view line) { lines.emplace_back(line); };
  for (const auto& piece : pieces) cutter.feed(piece, take);
  cutter.flush(take);
  return lines;
}

TEST(LineCutter, any_cut_gives_the_same_lines) {
  const std::string bytes = "one\ntwo\n\nthree";
  const std::vector<std::string> want{"one", "two", "", "three"};
  for (std::size_t at = 0; at <= bytes.size(); ++at) {
    EXPECT_EQ(lines_of({bytes.substr(0, at), bytes.substr(at)}), want) << "cut at " << at;
  }
}

TEST(LineCutter, an_endless_line_is_given_in_pieces) {
  const auto lines = lines_of({std::string(limits::child_line_bytes_max, 'a'), "b\n"});
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].size(), limits::child_line_bytes_max);
  EXPECT_EQ(lines[1], "b");
}

TEST(PrettyLine, shows_time_level_service_event_and_fields) {
  EXPECT_EQ(pretty_line("auth", R"({"time":"2026-01-02T03:04:05.678Z","level":"info","event":"ready","n":1,"s":"x y"})",
                        plain),
            "03:04:05 info    auth     ready n=1 s=x y");
}

TEST(PrettyLine, text_that_is_no_json_is_kept_but_cannot_steer_the_terminal) {
  EXPECT_EQ(pretty_line("auth", "plain \x1b[2J text", plain), "auth     plain ?[2J text");
}

TEST(Backlog, drops_whole_lines_when_full_and_says_how_many) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  const Descriptor read{ends[0]};
  const Descriptor write{ends[1]};
  Backlog backlog;
  const std::string line(1000, 'x');
  const std::size_t fits = limits::console_backlog_bytes_max / (line.size() + 1);
  for (std::size_t at = 0; at < fits + 5; ++at) backlog.add(line);
  EXPECT_EQ(backlog.dropped(), 5U);
  std::string seen;
  const auto drain = [&] {
    char block[8192];
    for (int rounds = 0; rounds < 1000; ++rounds) {
      backlog.write_to(write.get());
      const auto count = ::read(read.get(), block, sizeof block);
      if (count <= 0) break;
      seen.append(block, static_cast<std::size_t>(count));
    }
  };
  drain();
  EXPECT_TRUE(backlog.empty());
  EXPECT_EQ(seen.size(), fits * (line.size() + 1));
  backlog.add("next");
  drain();
  EXPECT_TRUE(seen.ends_with("x\n5 lines were not shown here; the log file has them\nnext\n"));
}

TEST(Backlog, a_full_pipe_does_not_block) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);  // blocking, as an inherited one is
  const Descriptor read{ends[0]};
  const Descriptor write{ends[1]};
  Backlog backlog;
  for (int at = 0; at < 200; ++at) backlog.add(std::string(1000, 'x'));
  backlog.write_to(write.get());
  EXPECT_FALSE(backlog.empty());
}

}  // namespace
}  // namespace maestro::cli
