#include "log/log.h"

#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "log/ring.h"

namespace maestro::log {
namespace {

std::string read_all(int descriptor) {
  std::string all;
  char bytes[4096];
  for (ssize_t size = 0; (size = ::read(descriptor, bytes, sizeof bytes)) > 0;)
    all.append(bytes, static_cast<std::size_t>(size));
  return all;
}

TEST(RingTest, refuses_what_does_not_fit_and_keeps_order_over_the_edge) {
  Ring ring{8};
  EXPECT_TRUE(ring.push("abcde"));
  EXPECT_FALSE(ring.push("fghi"));
  std::string out;
  ring.drain(out);
  EXPECT_TRUE(ring.push("fghij"));  // wraps
  ring.drain(out);
  EXPECT_EQ(out, "abcdefghij");
}

TEST(LogTest, lines_are_json_and_lower_levels_are_left_out) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  start("test", Level::info, ends[1]);
  debug("hidden", {});
  info("seen", {{"text", "a \"quoted\"\n[/path:1] line"}, {"count", 3}, {"share", 0.5}, {"yes", true}});
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([i] { warning("from_thread", {{"number", i}}); });
  for (auto& thread : threads) thread.join();
  write_fields(Level::error, "raw", "\"status\":200");
  stop();
  ::close(ends[1]);
  const auto all = read_all(ends[0]);
  ::close(ends[0]);
  EXPECT_EQ(all.find("hidden"), std::string::npos);
  EXPECT_NE(all.find(R"("level":"info","service":"test","event":"seen","text":"a \"quoted\"\n[/path:1] line",)"
                     R"("count":3,"share":0.5,"yes":true})"),
            std::string::npos)
      << all;
  for (int i = 0; i < 4; ++i) EXPECT_NE(all.find("\"number\":" + std::to_string(i)), std::string::npos);
  EXPECT_NE(all.find(R"("event":"raw","status":200})"), std::string::npos);
  EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 6);
}

TEST(LogTest, levels_have_names_in_any_case) {
  EXPECT_EQ(level_from("warning"), Level::warning);
  EXPECT_EQ(level_from("Debug"), Level::debug);
  EXPECT_EQ(level_from("loud"), std::nullopt);
}

}  // namespace
}  // namespace maestro::log
