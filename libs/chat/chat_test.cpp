#include <gtest/gtest.h>

#include "base/limits.h"
#include "chat/dialect_id.h"
#include "chat/fold.h"
#include "chat/order.h"

namespace maestro::chat {
namespace {

using Events = std::vector<Event>;

Event text_started(std::uint32_t index) { return PartStarted{index, PartKind::text, {}, {}}; }
Event call_started(std::uint32_t index) {
  ToolCall call;
  call.id = "c1";
  call.name = "f";
  return PartStarted{index, PartKind::tool_call, call, {}};
}

TEST(DialectIdTest, every_dialect_is_found_by_its_name) {
  for (const auto id : all_dialect_ids) EXPECT_EQ(dialect_id_from(to_string(id)), id);
  EXPECT_FALSE(dialect_id_from("smtp"));
}

struct OrderCase {
  std::string_view name;
  Events events;
  std::string_view breach;  // part of the message; empty: legal
};

TEST(OrderTest, the_table_holds) {
  const OrderCase cases[] = {
      {"whole", {ReplyStarted{}, text_started(0), PartExtended{0, "a"}, PartCited{}, PartEnded{}, ReplyEnded{}}, ""},
      {"empty_reply", {ReplyStarted{}, ReplyEnded{}}, ""},
      {"several_open",
       {ReplyStarted{}, text_started(0), call_started(1), PartExtended{0, "a"}, PartEnded{1, {}, false, {}},
        PartEnded{}, UsageReported{}, ReplyEnded{}},
       ""},
      {"failure_first", {ReplyFailed{}}, ""},
      {"failure_with_open_part", {ReplyStarted{}, text_started(0), ReplyFailed{}}, ""},
      {"no_start", {text_started(0)}, "before ReplyStarted"},
      {"usage_before_start", {UsageReported{}}, "before ReplyStarted"},
      {"two_starts", {ReplyStarted{}, ReplyStarted{}}, "a second time"},
      {"after_end", {ReplyStarted{}, ReplyEnded{}, UsageReported{}}, "after the end"},
      {"failure_after_end", {ReplyStarted{}, ReplyEnded{}, ReplyFailed{}}, "after the end"},
      {"end_with_open_part", {ReplyStarted{}, text_started(0), ReplyEnded{}}, "while a part is open"},
      {"unknown_part", {ReplyStarted{}, PartExtended{0, "a"}}, "which is not open"},
      {"closed_part", {ReplyStarted{}, text_started(0), PartEnded{}, PartExtended{0, "a"}}, "which is not open"},
      {"index_jumps", {ReplyStarted{}, text_started(1)}, "rise by one"},
      {"index_again", {ReplyStarted{}, text_started(0), text_started(0)}, "which is not open"},
      {"call_without_call", {ReplyStarted{}, PartStarted{0, PartKind::tool_call, {}, {}}}, "disagree"},
  };
  for (const auto& one : cases) {
    Order order;
    std::string breach;
    for (const auto& event : one.events) {
      if (const auto accepted = order.accept(event); !accepted) {
        EXPECT_EQ(accepted.error().kind, ErrorKind::internal);
        breach = accepted.error().message;
        break;
      }
    }
    if (one.breach.empty()) {
      EXPECT_EQ(breach, "") << one.name;
    } else {
      EXPECT_NE(breach.find(one.breach), std::string::npos) << one.name << ": " << breach;
    }
  }
}

TEST(FoldTest, deltas_are_merged_and_unfolding_gives_the_least_events) {
  Usage usage;
  usage.output_tokens = 3;
  Citation citation;
  citation.url = "https://example.com";
  const Events events = {ReplyStarted{"id", "model", {}},
                         PartStarted{0, PartKind::reasoning, {}, {}},
                         PartExtended{0, "th"},
                         PartExtended{0, "ink"},
                         PartEnded{0, Signature{"p", "m", "i", "sig"}, false, {}},
                         text_started(1),
                         call_started(2),
                         PartExtended{2, "{\"a\""},
                         PartExtended{1, "hel"},
                         PartExtended{2, ":1}"},
                         PartExtended{1, "lo"},
                         PartCited{1, citation},
                         PartEnded{2, {}, false, {}},
                         PartEnded{1, {}, false, {}},
                         UsageReported{usage},
                         ReplyEnded{StopReason::tool_calls, "tool_calls", "", usage, {}}};
  Fold fold;
  for (const auto& event : events) ASSERT_TRUE(fold.add(event)) << describe(event);
  ASSERT_TRUE(fold.finished());
  const auto reply = fold.take();
  ASSERT_EQ(reply.parts.size(), 3U);
  EXPECT_EQ(std::get<Reasoning>(reply.parts[0].content).text, "think");
  EXPECT_EQ(reply.parts[0].signature->value, "sig");
  EXPECT_EQ(std::get<Text>(reply.parts[1].content).text, "hello");
  EXPECT_EQ(reply.parts[1].citations.size(), 1U);
  EXPECT_EQ(std::get<ToolCall>(reply.parts[2].content).input, "{\"a\":1}");
  EXPECT_EQ(reply.usage, usage);

  Fold again;
  const auto least = unfold(reply);
  for (const auto& event : least) ASSERT_TRUE(again.add(event)) << describe(event);
  EXPECT_EQ(again.reply().parts, reply.parts);
  EXPECT_EQ(unfold(again.reply()), least);
}

TEST(FoldTest, a_function_call_without_input_gets_an_empty_object) {
  Fold fold;
  for (const Event& event : Events{ReplyStarted{}, call_started(0), PartEnded{}, ReplyEnded{}})
    ASSERT_TRUE(fold.add(event));
  EXPECT_EQ(std::get<ToolCall>(fold.reply().parts[0].content).input, "{}");
}

TEST(FoldTest, a_reply_over_the_limit_is_refused) {
  Fold fold;
  ASSERT_TRUE(fold.add(ReplyStarted{}));
  ASSERT_TRUE(fold.add(text_started(0)));
  ASSERT_TRUE(fold.add(PartExtended{0, std::string(limits::whole_reply_bytes_max, 'x')}));
  const auto added = fold.add(PartExtended{0, "x"});
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().kind, ErrorKind::provider_failed);
}

TEST(UsageTest, unknown_is_not_zero) {
  Usage usage;
  EXPECT_FALSE(usage.input_tokens());
  EXPECT_FALSE(usage.known());
  usage.cache_read_tokens = 5;
  EXPECT_EQ(usage.input_tokens(), 5);
  usage.uncached_input_tokens = 7;
  EXPECT_EQ(usage.input_tokens(), 12);
}

TEST(DescribeTest, one_line_shows_all_of_an_event) {
  EXPECT_EQ(describe(PartExtended{2, "a\n\"b\""}), R"(part_extended index=2 text="a\n\"b\"")");
  EXPECT_EQ(describe(call_started(0)), R"(part_started index=0 kind=tool_call id="c1" name="f")");
  EXPECT_EQ(describe(ReplyFailed{Error{ErrorKind::provider_failed, "x"}}),
            R"(reply_failed kind=provider_failed message="x")");
}

}  // namespace
}  // namespace maestro::chat
