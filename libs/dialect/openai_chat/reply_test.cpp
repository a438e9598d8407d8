#include <gtest/gtest.h>

#include "base/limits.h"
#include "dialect/all.h"

namespace maestro::dialect {
namespace {

using Events = std::vector<chat::Event>;

enum class Options { absent, declined, asked };

std::string encode(const Events& events, chat::Delivery delivery, Options options) {
  ReplyContext context;
  context.reply_id = "1";
  context.created_s = 5;
  context.model = "p/m";
  context.delivery = delivery;
  context.include_usage = options == Options::asked;
  context.stream_options_given = options != Options::absent;
  const auto encoder = client(chat::DialectId::openai_chat)->make_encoder(context);
  std::string out;
  for (const auto& event : events) encoder->encode(event, out);
  return out;
}

chat::Usage some_usage() {
  chat::Usage usage;
  usage.uncached_input_tokens = 5;
  usage.cache_read_tokens = 2;
  usage.output_tokens = 3;
  return usage;
}

Events short_reply() {
  return {chat::ReplyStarted{"up", "upstream", {}},
          chat::PartStarted{0, chat::PartKind::text, {}, {}},
          chat::PartExtended{0, "hi"},
          chat::PartEnded{},
          chat::UsageReported{some_usage()},
          chat::ReplyEnded{chat::StopReason::end, "stop", "", some_usage(), {}}};
}

std::string line(std::string_view delta, std::string_view finish, std::string_view usage) {
  return R"(data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":5,"model":"p/m","choices":[{"index":0,"delta":)" +
         std::string(delta) + R"(,"logprobs":null,"finish_reason":)" + std::string(finish) + "}]" + std::string(usage) +
         "}\n\n";
}

constexpr std::string_view usage_json =
    R"(,"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10,"prompt_tokens_details":{"cached_tokens":2}})";
constexpr std::string_view role = R"({"role":"assistant","content":"","refusal":null})";

TEST(OpenaiChatEncoderTest, usage_goes_where_stream_options_want_it) {
  const std::string tail =
      R"(data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":5,"model":"p/m","choices":[])" +
      std::string(usage_json) + "}\n\n";
  const std::string null = R"(,"usage":null)";
  const std::string done = "data: [DONE]\n\n";
  const std::string hi = R"({"content":"hi"})";
  EXPECT_EQ(encode(short_reply(), chat::Delivery::stream, Options::asked),
            line(role, "null", null) + line(hi, "null", null) + line("{}", "\"stop\"", null) + tail + done);
  EXPECT_EQ(encode(short_reply(), chat::Delivery::stream, Options::declined),
            line(role, "null", "") + line(hi, "null", "") + line("{}", "\"stop\"", "") + done);
  EXPECT_EQ(encode(short_reply(), chat::Delivery::stream, Options::absent),
            line(role, "null", "") + line(hi, "null", "") + line("{}", "\"stop\"", usage_json) + done);
}

TEST(OpenaiChatEncoderTest, unknown_usage_is_left_out) {
  Events events = {chat::ReplyStarted{}, chat::ReplyEnded{chat::StopReason::end, "stop", "", {}, {}}};
  const auto out = encode(events, chat::Delivery::stream, Options::asked);
  EXPECT_EQ(out.find(R"("choices":[])"), std::string::npos);
  EXPECT_TRUE(out.ends_with("data: [DONE]\n\n"));
  EXPECT_EQ(encode(events, chat::Delivery::whole, Options::absent).find("usage"), std::string::npos);
}

TEST(OpenaiChatEncoderTest, a_failure_ends_the_stream_without_done) {
  Events events = {chat::ReplyStarted{}, chat::ReplyFailed{{ErrorKind::provider_failed, "cut"}},
                   chat::ReplyEnded{chat::StopReason::end, "stop", "", {}, {}}};
  const auto out = encode(events, chat::Delivery::stream, Options::absent);
  EXPECT_TRUE(out.ends_with(R"("code":"upstream_protocol_error"}})"
                            "\n\n"))
      << out;
  EXPECT_EQ(out.find("[DONE]"), std::string::npos);
  EXPECT_EQ(encode(events, chat::Delivery::whole, Options::absent), "");
}

TEST(OpenaiChatEncoderTest, a_whole_reply_has_the_shape_that_sdks_expect) {
  EXPECT_EQ(
      encode(short_reply(), chat::Delivery::whole, Options::absent),
      R"({"id":"chatcmpl-1","object":"chat.completion","created":5,"model":"p/m","choices":[{"index":0,"message":)"
      R"({"role":"assistant","content":"hi","refusal":null},"logprobs":null,"finish_reason":"stop"}])" +
          std::string(usage_json) + "}");
  chat::ToolCall call;
  call.id = "c";
  call.name = "f";
  const Events calls = {chat::ReplyStarted{}, chat::PartStarted{0, chat::PartKind::tool_call, call, {}},
                        chat::PartEnded{}, chat::ReplyEnded{chat::StopReason::tool_calls, "tool_use", "", {}, {}}};
  EXPECT_EQ(
      encode(calls, chat::Delivery::whole, Options::absent),
      R"({"id":"chatcmpl-1","object":"chat.completion","created":5,"model":"p/m","choices":[{"index":0,"message":)"
      R"({"role":"assistant","content":null,"refusal":null,"tool_calls":[{"id":"c","type":"function","function":)"
      R"({"name":"f","arguments":"{}"}}]},"logprobs":null,"finish_reason":"tool_calls"}]})");
}

struct FinishCase {
  std::string word;
  chat::StopReason reason;
  std::string again;  // written for another client
};

TEST(OpenaiChatDecoderTest, finish_reasons_follow_the_table) {
  using chat::StopReason;
  const FinishCase cases[] = {
      {"stop", StopReason::end, "stop"},
      {"length", StopReason::length, "length"},
      {"tool_calls", StopReason::tool_calls, "tool_calls"},
      {"function_call", StopReason::tool_calls, "tool_calls"},
      {"content_filter", StopReason::content_filter, "content_filter"},
      {"max_tokens", StopReason::length, "length"},
      {"model_length", StopReason::context, "length"},
      {"insufficient_system_resource", StopReason::unspecified, "insufficient_system_resource"},
  };
  for (const auto& one : cases) {
    Events events;
    const auto decoder = provider(chat::DialectId::openai_chat)->make_decoder(chat::Delivery::stream);
    ASSERT_TRUE(decoder->feed(
        R"(data: {"choices":[{"delta":{"content":"a"},"finish_reason":")" + one.word + "\"}]}\n\n", events));
    ASSERT_TRUE(decoder->end(events));
    const auto& ended = std::get<chat::ReplyEnded>(events.back());
    EXPECT_EQ(ended.stop_reason, one.reason);
    EXPECT_EQ(ended.provider_stop_reason, one.word);
    EXPECT_NE(encode(events, chat::Delivery::stream, Options::absent).find("\"finish_reason\":\"" + one.again + "\""),
              std::string::npos);
  }
}

TEST(OpenaiChatDecoderTest, the_terminal_is_held_until_the_reply_is_over) {
  Events events;
  const auto decoder = provider(chat::DialectId::openai_chat)->make_decoder(chat::Delivery::stream);
  ASSERT_TRUE(
      decoder->feed("data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n", events));
  EXPECT_FALSE(std::holds_alternative<chat::ReplyEnded>(events.back()));
  ASSERT_TRUE(
      decoder->feed("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n", events));
  EXPECT_FALSE(std::holds_alternative<chat::ReplyEnded>(events.back()));
  ASSERT_TRUE(decoder->feed("data: [DONE]\n\n", events));
  ASSERT_TRUE(std::holds_alternative<chat::ReplyEnded>(events.back()));
  EXPECT_EQ(std::get<chat::ReplyEnded>(events.back()).usage->output_tokens, 2);
  const auto count = events.size();
  ASSERT_TRUE(decoder->end(events));
  EXPECT_EQ(events.size(), count) << "the terminal comes once";
}

TEST(OpenaiChatDecoderTest, too_many_tool_calls_are_refused) {
  Events events;
  const auto decoder = provider(chat::DialectId::openai_chat)->make_decoder(chat::Delivery::stream);
  Result<void> fed;
  std::size_t calls = 0;
  for (; calls <= limits::tool_calls_max && fed; ++calls) {
    const auto number = std::to_string(calls);
    fed = decoder->feed("data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":" + number + ",\"id\":\"c" +
                            number + "\",\"function\":{\"name\":\"f\"}}]}}]}\n\n",
                        events);
  }
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().kind, ErrorKind::provider_failed);
  EXPECT_EQ(calls, limits::tool_calls_max + 1);
}

TEST(OpenaiChatDecoderTest, deep_nesting_is_refused) {
  Events events;
  const auto decoder = provider(chat::DialectId::openai_chat)->make_decoder(chat::Delivery::stream);
  const auto fed =
      decoder->feed("data: {\"x\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}\n\n", events);
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().kind, ErrorKind::provider_failed);
}

TEST(OpenaiChatDecoderTest, a_tool_without_a_name_is_malformed) {
  Events events;
  const auto decoder = provider(chat::DialectId::openai_chat)->make_decoder(chat::Delivery::stream);
  ASSERT_TRUE(decoder->feed(
      "data: "
      "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"function\":{\"arguments\":\"{}\"}}]},"
      "\"finish_reason\":\"tool_calls\"}]}\n\n",
      events));
  const auto ended = decoder->end(events);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().kind, ErrorKind::provider_failed);
}

std::unique_ptr<ReplyObserver> observer(chat::Delivery delivery) {
  static json::OutlineParser parser;
  return provider(chat::DialectId::openai_chat)->make_observer(delivery, parser);
}

TEST(OpenaiChatObserverTest, the_commit_line_is_the_first_event) {
  const auto one = observer(chat::Delivery::stream);
  ASSERT_TRUE(one->feed(": comment\n\n"));
  EXPECT_FALSE(one->saw_event());
  ASSERT_TRUE(one->feed("data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n"));
  EXPECT_FALSE(one->saw_event());
  EXPECT_FALSE(one->at_event_boundary());
  ASSERT_TRUE(one->feed("\n"));
  EXPECT_TRUE(one->saw_event() && one->at_event_boundary());
  EXPECT_FALSE(one->saw_terminal());
  const auto ended = one->end();
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().kind, ErrorKind::provider_failed);
}

TEST(OpenaiChatObserverTest, an_error_in_a_200_is_found_before_the_commit) {
  const auto stream = observer(chat::Delivery::stream);
  const auto fed = stream->feed("data: {\"error\":{\"message\":\"busy\",\"code\":429}}\n\n");
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().kind, ErrorKind::provider_limited);
  EXPECT_FALSE(stream->saw_event());
  const auto whole = observer(chat::Delivery::whole);
  ASSERT_TRUE(whole->feed(R"({"error":{"message":"busy"}})"));
  ASSERT_FALSE(whole->end());
  EXPECT_FALSE(whole->saw_event());
  const auto junk = observer(chat::Delivery::stream);
  EXPECT_FALSE(junk->feed("data: <html>\n\n"));
}

TEST(OpenaiChatObserverTest, a_later_error_passes_and_is_known) {
  const auto one = observer(chat::Delivery::stream);
  ASSERT_TRUE(one->feed("data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"));
  ASSERT_TRUE(one->feed("data: {\"error\":{\"message\":\"busy\"}}\n\n"));
  ASSERT_TRUE(one->error_event());
  EXPECT_EQ(one->error_event()->provider_message, "busy");
  EXPECT_TRUE(one->end());
}

// What the relay holds back: everything behind the last whole event, however the bytes came.
TEST(OpenaiChatObserverTest, open_bytes_are_those_of_the_unfinished_event_for_every_split) {
  const std::string bytes =
      ": hello\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\r\n\r\n"
      "data: {\"choices\":[{\"delta\":{\"content\":\"b\"}}]}\n\ndata: {\"choi";
  const std::size_t open = bytes.size() - bytes.rfind("data: ");
  for (std::size_t first = 0; first <= bytes.size(); ++first) {
    const auto one = observer(chat::Delivery::stream);
    ASSERT_TRUE(one->feed(std::string_view(bytes).substr(0, first)));
    EXPECT_LE(one->open_event_bytes(), first);
    ASSERT_TRUE(one->feed(std::string_view(bytes).substr(first)));
    EXPECT_EQ(one->open_event_bytes(), open) << first;
    ASSERT_TRUE(one->feed("ces\":[]}\n\n"));
    EXPECT_EQ(one->open_event_bytes(), 0u) << first;
  }
}

TEST(OpenaiChatObserverTest, an_event_that_is_no_object_breaks_the_stream_behind_the_last_good_one) {
  const std::string good = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
  for (const std::string_view broken : {"data: {\"id\": oops\n\n", "data: <html>\n\n", "data: {\"a\":1\n\n"}) {
    const auto one = observer(chat::Delivery::stream);
    const auto fed = one->feed(good + std::string(broken) + good);
    ASSERT_FALSE(fed) << broken;
    EXPECT_EQ(fed.error().kind, ErrorKind::provider_failed);
    EXPECT_EQ(one->open_event_bytes(), broken.size() + good.size()) << broken;
  }
}

TEST(OpenaiChatObserverTest, an_event_without_data_is_a_keep_alive) {
  for (const std::string_view bytes :
       {"data\n\n", "data:\n\ndata: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\ndata\n\n"}) {
    Events events;
    const auto decoder = provider(chat::DialectId::openai_chat)->make_decoder(chat::Delivery::stream);
    const auto one = observer(chat::Delivery::stream);
    EXPECT_TRUE(decoder->feed(bytes, events));
    EXPECT_TRUE(one->feed(bytes));
    EXPECT_EQ(decoder->end(events).has_value(), one->end().has_value());
  }
}

TEST(OpenaiChatObserverTest, words_inside_a_text_mean_nothing) {
  const auto one = observer(chat::Delivery::stream);
  ASSERT_TRUE(one->feed("data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n"));
  ASSERT_TRUE(
      one->feed("data: {\"choices\":[{\"delta\":{\"content\":\"\\\"finish_reason\\\":\\\"stop\\\",\\\"error\\\":1\"},"
                "\"finish_reason\": null}],\"usage\":null}\n\n"));
  EXPECT_FALSE(one->saw_terminal() || one->error_event());
  EXPECT_EQ(one->events(), 2U);
}

TEST(OpenaiChatObserverTest, a_long_whole_body_gives_its_usage_from_bounded_memory) {
  const auto one = observer(chat::Delivery::whole);
  ASSERT_TRUE(one->feed(R"({"choices":[{"message":{"content":")"));
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(one->feed(std::string(1000, 'x')));
  EXPECT_TRUE(one->saw_event()) << "longer than the probe for errors";
  ASSERT_TRUE(one->feed(R"("},"finish_reason":"stop"}],"usage":{"prompt_tokens":4,"completion_tokens":6},"x":"y"})"));
  ASSERT_TRUE(one->end());
  EXPECT_EQ(one->usage().output_tokens, 6);
  EXPECT_EQ(one->stop_reason(), "stop");
  EXPECT_TRUE(one->saw_terminal());
}

}  // namespace
}  // namespace maestro::dialect
