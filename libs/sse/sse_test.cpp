#include <gtest/gtest.h>

#include "sse/splitter.h"
#include "sse/writer.h"

namespace maestro::sse {
namespace {

using Messages = std::vector<std::string>;

// "event|data|id" of each message.
Messages run(const std::vector<std::string>& feeds) {
  Splitter splitter;
  Messages messages;
  for (const auto& feed : feeds) {
    // A copy of its own, so that a view into it that outlives the feed is seen by the address sanitizer.
    const auto bytes = std::make_unique<std::string>(feed);
    const auto fed = splitter.feed(*bytes, [&](const Message& message) -> Result<void> {
      messages.push_back(std::string(message.event) + "|" + std::string(message.data) + "|" + std::string(message.id));
      return success();
    });
    EXPECT_TRUE(fed);
  }
  return messages;
}

struct Case {
  std::string_view name;
  std::string bytes;
  Messages want;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"one", "data: a\n\n", {"|a|"}},
      {"crlf", "data: a\r\n\r\ndata: b\r\n\r\n", {"|a|", "|b|"}},
      {"cr", "data: a\r\rdata: b\r\r", {"|a|", "|b|"}},
      {"mixed_ends", "data: a\r\n\ndata: b\n\r\ndata: c\r\n\r", {"|a|", "|b|", "|c|"}},
      {"bom",
       "\xEF\xBB\xBF"
       "data: a\n\n",
       {"|a|"}},
      {"comments", ": ping\n\n: x\ndata: a\n: y\n\n", {"|a|"}},
      {"no_space", "data:a\n\n", {"|a|"}},
      {"two_spaces", "data:  a\n\n", {"| a|"}},
      {"many_lines", "data: a\ndata\ndata: b\n\n", {"|a\n\nb|"}},
      {"empty_data", "data:\n\n", {"||"}},
      {"event_and_id", "event: x\nid: 7\ndata: a\n\ndata: b\n\n", {"x|a|7", "|b|7"}},
      {"last_event_wins", "event: x\nevent: y\ndata: a\n\n", {"y|a|"}},
      {"event_without_data", "event: x\n\ndata: a\n\n", {"|a|"}},
      {"unknown_field", "retry: 5\nfoo: bar\ndata: a\n\n", {"|a|"}},
      {"unfinished", "data: a\n", {}},
      {"colons", "data: a: b\n\n", {"|a: b|"}},
  };
  return all;
}

TEST(SplitterTest, every_cut_gives_the_same_messages) {
  for (const auto& one : cases()) {
    EXPECT_EQ(run({one.bytes}), one.want) << one.name;
    for (std::size_t at = 0; at <= one.bytes.size(); ++at)
      EXPECT_EQ(run({one.bytes.substr(0, at), one.bytes.substr(at)}), one.want) << one.name << " cut at " << at;
    std::vector<std::string> bytewise;
    for (const char c : one.bytes) bytewise.emplace_back(1, c);
    EXPECT_EQ(run(bytewise), one.want) << one.name;
  }
}

TEST(SplitterTest, an_event_over_the_limit_is_refused_however_it_comes) {
  const auto refuse = [](const Message&) { return success(); };
  for (const std::string& bytes :
       {"data: " + std::string(200, 'x') + "\n\n", "data: " + std::string(200, 'x'), ":" + std::string(200, 'x'),
        std::string(50, 'x') + "\n" + std::string(60, 'y') + "\n"}) {
    Splitter whole(100);
    EXPECT_FALSE(whole.feed(bytes, refuse)) << bytes;
    Splitter bytewise(100);
    bool refused = false;
    for (const char c : bytes) refused = refused || !bytewise.feed(std::string_view(&c, 1), refuse);
    EXPECT_TRUE(refused) << bytes;
  }
}

TEST(SplitterTest, small_events_never_reach_the_limit_together) {
  Splitter splitter(100);
  std::size_t messages = 0;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(splitter.feed("data: hello\n\n: comment\n", [&](const Message&) {
      ++messages;
      return success();
    }));
  }
  EXPECT_EQ(messages, 1000U);
}

TEST(SplitterTest, a_boundary_is_known) {
  Splitter splitter;
  const auto ignore = [](const Message&) { return success(); };
  EXPECT_TRUE(splitter.at_boundary());
  ASSERT_TRUE(splitter.feed("data: a", ignore));
  EXPECT_FALSE(splitter.at_boundary());
  ASSERT_TRUE(splitter.feed("\n", ignore));
  EXPECT_FALSE(splitter.at_boundary());
  ASSERT_TRUE(splitter.feed("\n", ignore));
  EXPECT_TRUE(splitter.at_boundary());
}

TEST(SplitterTest, the_sinks_error_ends_the_feed) {
  Splitter splitter;
  const auto fed = splitter.feed(
      "data: a\n\ndata: b\n\n", [](const Message&) -> Result<void> { return Error{ErrorKind::provider_failed, "no"}; });
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().message, "no");
}

TEST(WriterTest, what_is_written_is_read_back) {
  std::string out;
  append(out, "x", "a\nb\r\nc");
  append(out, "", "");
  append_comment(out, "keep-alive");
  append(out, "", "{}");
  EXPECT_EQ(run({out}), (Messages{"x|a\nb\nc|", "||", "|{}|"}));
}

}  // namespace
}  // namespace maestro::sse
