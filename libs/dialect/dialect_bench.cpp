// What the pure wing costs a request and an event. Not a test: run it by hand on a release build.
#include <benchmark/benchmark.h>

#include "dialect/all.h"
#include "json/outline.h"
#include "json/writer.h"

namespace maestro::dialect {
namespace {

// A request as agents send it: 40 tools, a long system message, 10 turns with tool calls and results; about 66 KB.
std::string agent_request() {
  constexpr std::string_view words = "the agent should read every file it changes and write what a tool returns ";
  const auto text = [&](std::size_t bytes) {
    std::string out;
    while (out.size() < bytes) out += words;
    out.resize(bytes);
    return out;
  };
  std::string body;
  json::Writer writer(body);
  writer.begin_object().key("messages").begin_array();
  writer.begin_object().member("role", "system").member("content", text(9000) + "\n\"quoted\" \\ path\n").end_object();
  for (int turn = 0; turn < 10; ++turn) {
    const auto id = "call_" + std::to_string(turn);
    writer.begin_object()
        .member("role", "user")
        .member("content", text(300) + "\n```cpp\nint x[] = {\"a\"};\n```")
        .end_object();
    writer.begin_object().member("role", "assistant").member_null("content").key("tool_calls").begin_array();
    writer.begin_object().member("id", id).member("type", "function").key("function").begin_object();
    writer.member("name", "tool_1").member("arguments", R"({"path":"/src/a.cpp","pattern":"x"})");
    writer.end_object().end_object().end_array().end_object();
    writer.begin_object().member("role", "tool").member("tool_call_id", id).member("content", text(900)).end_object();
  }
  writer.end_array().key("tools").begin_array();
  for (int tool = 0; tool < 40; ++tool) {
    writer.begin_object().member("type", "function").key("function").begin_object();
    writer.member("name", "tool_" + std::to_string(tool)).member("description", text(220));
    writer.key("parameters").begin_object().member("type", "object").key("properties").begin_object();
    for (int field = 0; field < 5; ++field) {
      writer.key("param_" + std::to_string(field)).begin_object().member("type", "string");
      writer.member("description", text(90)).end_object();
    }
    writer.end_object().key("required").begin_array().string("param_0").end_array();
    writer.member_flag("additionalProperties", false).end_object().end_object().end_object();
  }
  writer.end_array().member("temperature", 0.2).member("max_tokens", 4096).member("tool_choice", "auto");
  writer.member("model", "gpt-4o-mini-2024-07-18").member_flag("stream", true);
  writer.key("stream_options").begin_object().member_flag("include_usage", true).end_object().end_object();
  return body;
}

constexpr std::string_view plain_event =
    "data: {\"id\":\"chatcmpl-AbCdEfGhIjKlMnOpQrStUvWx\",\"object\":\"chat.completion.chunk\",\"created\":1720000000,"
    "\"model\":\"gpt-4o-mini-2024-07-18\",\"system_fingerprint\":\"fp_0123456789\",\"choices\":[{\"index\":0,\"delta\":"
    "{\"content\":\" \\\"hello\\\" wor\\nld\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n";

void outline_of_an_agent_request(benchmark::State& state) {
  const auto body = agent_request();
  const auto padded = body + std::string(json::padding_bytes, '\0');
  json::OutlineParser parser;
  for (auto _ : state) {
    auto outline = client(chat::DialectId::openai_chat)->outline(parser, {padded.data(), body.size()}, padded.size());
    if (!outline) state.SkipWithError(outline.error().message.c_str());
    benchmark::DoNotOptimize(outline);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * body.size()));
}
BENCHMARK(outline_of_an_agent_request);

void decode_and_encode_an_agent_request(benchmark::State& state) {
  const auto body = agent_request();
  for (auto _ : state) {
    auto request = client(chat::DialectId::openai_chat)->decode_request(body);
    if (!request) {
      state.SkipWithError(request.error().message.c_str());
      break;
    }
    auto encoded = provider(chat::DialectId::openai_chat)->encode_request(*request, "m", chat::Delivery::stream);
    benchmark::DoNotOptimize(encoded);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * body.size()));
}
BENCHMARK(decode_and_encode_an_agent_request);

void one_observed_event(benchmark::State& state) {
  json::OutlineParser observer_parser;
  const auto observer = provider(chat::DialectId::openai_chat)->make_observer(chat::Delivery::stream, observer_parser);
  for (auto _ : state) benchmark::DoNotOptimize(observer->feed(plain_event));
}
BENCHMARK(one_observed_event);

void one_translated_event(benchmark::State& state) {
  ReplyContext context;
  context.reply_id = "abc";
  context.delivery = chat::Delivery::stream;
  auto decoder = provider(chat::DialectId::openai_chat)->make_decoder(chat::Delivery::stream);
  const auto encoder = client(chat::DialectId::openai_chat)->make_encoder(context);
  std::vector<chat::Event> events;
  std::string out;
  std::size_t fed = 0;
  for (auto _ : state) {
    if (++fed % 1'000'000 == 0) decoder = provider(chat::DialectId::openai_chat)->make_decoder(chat::Delivery::stream);
    events.clear();
    out.clear();
    if (!decoder->feed(plain_event, events)) state.SkipWithError("the decoder failed");
    for (const auto& event : events) encoder->encode(event, out);
    benchmark::DoNotOptimize(out);
  }
}
BENCHMARK(one_translated_event);

}  // namespace
}  // namespace maestro::dialect

BENCHMARK_MAIN();
