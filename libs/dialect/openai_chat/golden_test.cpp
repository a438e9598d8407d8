// Each golden/*.sse and golden/*.reply.json has beside it the events that it means, one a line.
// MAESTRO_GOLDEN=update writes them anew; read the difference before you keep it.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "chat/fold.h"
#include "chat/order.h"
#include "dialect/all.h"

namespace maestro::dialect {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<fs::path> recordings() {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(fs::path(MAESTRO_SOURCE_DIR) / "openai_chat/golden"))
    if (entry.path().extension() != ".events") paths.push_back(entry.path());
  std::ranges::sort(paths);
  return paths;
}

chat::Delivery delivery_of(const fs::path& path) {
  return path.extension() == ".sse" ? chat::Delivery::stream : chat::Delivery::whole;
}

// One event a line; an error is the last line. Extensions that follow each other are one, so cuts may not matter.
std::string decoded(chat::Delivery delivery, const std::vector<std::string_view>& feeds,
                    std::vector<chat::Event>& events) {
  const auto decoder = provider(chat::DialectId::openai_chat)->make_decoder(delivery);
  std::string lines;
  std::optional<Error> failure;
  for (const auto feed : feeds) {
    if (auto fed = decoder->feed(feed, events); !fed) {
      failure = fed.error();
      break;
    }
  }
  if (!failure)
    if (auto ended = decoder->end(events); !ended) failure = ended.error();
  chat::Order order;
  for (const auto& event : events) {
    lines += chat::describe(event) + "\n";
    const auto accepted = order.accept(event);
    EXPECT_TRUE(accepted) << accepted.error().message;
  }
  if (failure) {
    lines += "error kind=" + std::string(to_string(failure->kind)) + " message=" + failure->message +
             " provider_message=" + failure->provider_message + " provider_code=" + failure->provider_code + "\n";
  } else {
    EXPECT_TRUE(order.finished());
  }
  return lines;
}

TEST(OpenaiChatGoldenTest, every_recording_means_its_events_however_it_is_cut) {
  for (const auto& path : recordings()) {
    const auto bytes = read(path);
    std::vector<chat::Event> events;
    const auto got = decoded(delivery_of(path), {bytes}, events);
    auto golden = path;
    golden.replace_extension(".events");
    if (const char* mode = std::getenv("MAESTRO_GOLDEN"); mode != nullptr && std::string_view(mode) == "update")
      std::ofstream(golden, std::ios::binary) << got;
    EXPECT_EQ(got, read(golden)) << path;
    const std::string_view view = bytes;
    for (std::size_t at = 0; at <= bytes.size(); ++at) {
      std::vector<chat::Event> cut_events;
      ASSERT_EQ(decoded(delivery_of(path), {view.substr(0, at), view.substr(at)}, cut_events), got)
          << path << " cut at " << at;
    }
  }
}

// What the observer knows after these bytes.
std::string observed(chat::Delivery delivery, const std::vector<std::string_view>& feeds) {
  json::OutlineParser parser;
  const auto observer = provider(chat::DialectId::openai_chat)->make_observer(delivery, parser);
  std::optional<Error> failure;
  for (const auto feed : feeds) {
    if (auto fed = observer->feed(feed); !fed) {
      failure = fed.error();
      break;
    }
  }
  if (!failure)
    if (auto ended = observer->end(); !ended) failure = ended.error();
  std::string text = "events=" + std::to_string(observer->events()) + " reason=" + std::string(observer->stop_reason());
  text += std::string(" terminal=") + (observer->saw_terminal() ? "yes" : "no");
  text += " " + chat::describe(chat::UsageReported{observer->usage()});
  if (observer->error_event()) text += " in_band=" + observer->error_event()->provider_message;
  if (failure) text += " error=" + failure->message + "/" + failure->provider_message;
  return text;
}

TEST(OpenaiChatGoldenTest, the_observer_sees_what_the_decoder_sees_however_it_is_cut) {
  for (const auto& path : recordings()) {
    const auto bytes = read(path);
    const std::string_view view = bytes;
    const auto delivery = delivery_of(path);
    const auto whole = observed(delivery, {view});
    for (std::size_t at = 0; at <= bytes.size(); ++at)
      ASSERT_EQ(observed(delivery, {view.substr(0, at), view.substr(at)}), whole) << path << " cut at " << at;
    std::vector<chat::Event> events;
    decoded(delivery, {view}, events);
    const auto* ended = events.empty() ? nullptr : std::get_if<chat::ReplyEnded>(&events.back());
    if (ended == nullptr) continue;
    json::OutlineParser parser;
    const auto observer = provider(chat::DialectId::openai_chat)->make_observer(delivery, parser);
    ASSERT_TRUE(observer->feed(view)) << path;
    ASSERT_TRUE(observer->end()) << path;
    EXPECT_EQ(observer->usage(), ended->usage.value_or(chat::Usage{})) << path;
    EXPECT_EQ(observer->stop_reason(), ended->provider_stop_reason) << path;
  }
}

// What openai_chat.h lists as beyond this dialect is dropped before the comparison, and what is ours in a reply.
std::vector<chat::Event> comparable(const std::vector<chat::Event>& events) {
  chat::Fold fold;
  for (const auto& event : events) EXPECT_TRUE(fold.add(event)) << chat::describe(event);
  auto reply = fold.take();
  reply.id.clear();
  reply.model.clear();
  reply.provider_stop_reason.clear();
  for (auto& part : reply.parts) part.signature.reset();
  if (reply.usage) {
    reply.usage->uncached_input_tokens = reply.usage->uncached_input_tokens.value_or(0);
    reply.usage->output_tokens = reply.usage->output_tokens.value_or(0);
  }
  // The place of tool calls among texts is not kept by a whole reply.
  std::vector<chat::Part> prose, calls;
  for (auto& part : reply.parts)
    (std::holds_alternative<chat::ToolCall>(part.content) ? calls : prose).push_back(std::move(part));
  prose.insert(prose.end(), calls.begin(), calls.end());
  reply.parts = std::move(prose);
  return chat::unfold(reply);
}

TEST(OpenaiChatGoldenTest, what_is_encoded_is_decoded_as_the_same_events) {
  std::size_t checked = 0;
  for (const auto& path : recordings()) {
    const auto bytes = read(path);
    std::vector<chat::Event> events;
    decoded(delivery_of(path), {bytes}, events);
    if (events.empty() || !std::holds_alternative<chat::ReplyEnded>(events.back())) continue;
    ++checked;
    for (const auto delivery : {chat::Delivery::stream, chat::Delivery::whole}) {
      ReplyContext context;
      context.reply_id = "abc";
      context.model = "p/m";
      context.delivery = delivery;
      context.include_usage = context.stream_options_given = true;
      const auto encoder = client(chat::DialectId::openai_chat)->make_encoder(context);
      std::string out;
      for (const auto& event : events) encoder->encode(event, out);
      std::vector<chat::Event> again;
      decoded(delivery, {out}, again);
      std::string want, got;
      for (const auto& event : comparable(events)) want += chat::describe(event) + "\n";
      for (const auto& event : comparable(again)) got += chat::describe(event) + "\n";
      EXPECT_EQ(got, want) << path << "\n" << out;
    }
  }
  EXPECT_GE(checked, 10U);
}

}  // namespace
}  // namespace maestro::dialect
