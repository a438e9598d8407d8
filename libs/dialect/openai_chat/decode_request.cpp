// A client's chat request to the canonical words. Null is as absent wherever OpenAI allows it. What has no canonical
// word travels in the extras of this dialect.
#include <algorithm>
#include <array>

#include "dialect/openai_chat/decode_message.h"
#include "dialect/openai_chat/openai_chat.h"
#include "json/outline.h"

namespace maestro::dialect::openai_chat {
namespace {

using json::Cursor;
using json::Kind;

constexpr auto own = chat::DialectId::openai_chat;

class Walk {
 public:
  Walk(Cursor& cursor, chat::Request& request) : cursor_(cursor), request_(request) {}

  bool run() {
    const auto start = cursor_.offset();
    std::string_view key;
    if (!cursor_.enter_object()) return false;
    while (cursor_.next_field(key)) {
      const auto* const field = std::ranges::find(fields, key, &Field::name);
      if (field == fields.end()) {
        leftovers_.add(cursor_, key);
      } else if (cursor_.kind() == Kind::null && field->nullable == Nullable::yes) {
        cursor_.null();
      } else {
        (this->*field->read)();
      }
    }
    if (!cursor_.at_end()) return false;
    if (request_.model.empty()) return cursor_.missing(start, "model");
    if (!messages_) return cursor_.missing(start, "messages");
    if (!leftovers_.empty()) request_.extras.set(own, leftovers_.take());
    return true;
  }

 private:
  enum class Nullable : std::uint8_t { no, yes };
  struct Field {
    std::string_view name;
    Nullable nullable;
    void (Walk::*read)();
  };
  static const std::array<Field, 23> fields;

  void model() { cursor_.string(request_.model); }
  void messages() {
    messages_ = true;
    if (!cursor_.enter_array()) return;
    while (cursor_.next_element())
      if (!decode_message(cursor_, request_.prompt.messages)) return;
  }
  void stream() {
    bool stream = false;
    if (cursor_.boolean(stream)) request_.delivery = stream ? chat::Delivery::stream : chat::Delivery::whole;
  }
  void ignored() { cursor_.skip(); }  // the encoders ask for usage by themselves

  void tools() {
    if (!cursor_.enter_array()) return;
    while (cursor_.next_element())
      if (!tool()) return;
  }
  bool tool();
  bool function_tool(Cursor& values, chat::Tool& tool);

  void tool_choice();
  void parallel_tool_calls() {
    bool parallel = false;
    if (cursor_.boolean(parallel)) choice().parallel = parallel;
  }
  chat::ToolChoice& choice() {
    if (!request_.prompt.tool_choice) request_.prompt.tool_choice.emplace();
    return *request_.prompt.tool_choice;
  }

  void max_tokens() {
    if (!has_completion_limit_)
      limit();
    else
      cursor_.skip();
  }
  void max_completion_tokens() {
    has_completion_limit_ = true;
    limit();
  }
  void limit() {
    const auto at = cursor_.offset();
    std::int64_t tokens = 0;
    if (!cursor_.integer(tokens)) return;
    if (tokens < 0) cursor_.fail(at, "expected a whole number that is not negative");
    if (tokens > 0) request_.output_tokens_max = tokens;
  }
  void real(std::optional<double>& into) {
    double number = 0;
    if (cursor_.number(number)) into = number;
  }
  void temperature() { real(request_.sampling.temperature); }
  void top_p() { real(request_.sampling.top_p); }
  void frequency_penalty() { real(request_.sampling.frequency_penalty); }
  void presence_penalty() { real(request_.sampling.presence_penalty); }
  void seed() {
    std::int64_t seed = 0;
    if (cursor_.integer(seed)) request_.sampling.seed = seed;
  }
  void stop() {
    auto& stops = request_.stop_sequences;
    std::string text;
    if (cursor_.kind() == Kind::string) {
      if (cursor_.string(text)) stops.push_back(std::move(text));
    } else if (cursor_.enter_array()) {
      while (cursor_.next_element())
        if (cursor_.string(text)) stops.push_back(text);
    }
  }
  void user() { cursor_.string(request_.user_id); }
  void service_tier() { cursor_.string(request_.service_tier); }
  void metadata() {
    std::string_view key;
    if (!cursor_.enter_object()) return;
    while (cursor_.next_field(key)) {
      request_.metadata.emplace_back(key, std::string());
      cursor_.string(request_.metadata.back().second);
    }
  }
  void reasoning_effort() {
    auto& thinking = request_.thinking;
    if (!cursor_.string(thinking.effort)) return;
    std::ranges::transform(thinking.effort, thinking.effort.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (thinking.effort == "none") {
      thinking.effort.clear();
      thinking.mode = chat::ThinkingMode::disabled;
    } else if (thinking.mode == chat::ThinkingMode::unspecified) {
      thinking.mode = chat::ThinkingMode::enabled;
    }
  }
  void thinking();
  void response_format();
  bool json_schema();
  void choices() {
    const auto at = cursor_.offset();
    std::int64_t count = 0;
    if (cursor_.integer(count) && count != 1)
      cursor_.fail(at, "several choices cannot be translated for another protocol: send 1, or choose another model");
  }

  Cursor& cursor_;
  chat::Request& request_;
  Leftovers leftovers_;
  bool messages_ = false;
  bool has_completion_limit_ = false;
};

const std::array<Walk::Field, 23> Walk::fields = {{
    {"model", Nullable::no, &Walk::model},
    {"messages", Nullable::no, &Walk::messages},
    {"stream", Nullable::yes, &Walk::stream},
    {"stream_options", Nullable::no, &Walk::ignored},
    {"tools", Nullable::yes, &Walk::tools},
    {"tool_choice", Nullable::yes, &Walk::tool_choice},
    {"parallel_tool_calls", Nullable::yes, &Walk::parallel_tool_calls},
    {"max_tokens", Nullable::yes, &Walk::max_tokens},
    {"max_completion_tokens", Nullable::yes, &Walk::max_completion_tokens},
    {"temperature", Nullable::yes, &Walk::temperature},
    {"top_p", Nullable::yes, &Walk::top_p},
    {"frequency_penalty", Nullable::yes, &Walk::frequency_penalty},
    {"presence_penalty", Nullable::yes, &Walk::presence_penalty},
    {"seed", Nullable::yes, &Walk::seed},
    {"stop", Nullable::yes, &Walk::stop},
    {"user", Nullable::yes, &Walk::user},
    {"service_tier", Nullable::yes, &Walk::service_tier},
    {"metadata", Nullable::yes, &Walk::metadata},
    {"reasoning_effort", Nullable::yes, &Walk::reasoning_effort},
    {"thinking", Nullable::no, &Walk::thinking},
    {"response_format", Nullable::yes, &Walk::response_format},
    {"n", Nullable::yes, &Walk::choices},
    {"safety_identifier", Nullable::yes, &Walk::user},
}};

// {name, description, parameters, strict} of a function; {name, description, format} of a custom tool.
bool Walk::function_tool(Cursor& values, chat::Tool& tool) {
  Leftovers leftovers;
  std::string_view key;
  if (!values.enter_object()) return false;
  while (values.next_field(key)) {
    const bool absent = values.kind() == Kind::null;
    std::string_view raw;
    bool strict = false;
    if (key == "name") {
      values.string(tool.name);
    } else if (absent) {
      values.null();
    } else if (key == "description") {
      values.string(tool.description);
    } else if (key == "parameters") {
      if (values.kind() != Kind::object) return values.expected("an object");
      if (values.raw(raw)) tool.schema_json = raw;
    } else if (key == "strict") {
      if (values.boolean(strict)) tool.strict = strict;
    } else {
      leftovers.add(values, key);
    }
  }
  if (!leftovers.empty()) tool.extras.set(own, leftovers.take());
  return values.ok();
}

bool Walk::tool() {
  const auto start = cursor_.offset();
  auto values = cursor_;
  auto whole = cursor_;
  std::string type;
  std::string_view key;
  if (!cursor_.enter_object()) return false;
  while (cursor_.next_field(key)) {
    if (key == "type") {
      cursor_.string(type);
    } else {
      cursor_.skip();
    }
  }
  if (!cursor_.ok()) return false;
  if (type.empty()) return cursor_.missing(start, "type");
  chat::Tool tool;
  if (type != "function" && type != "custom") {
    std::string_view raw;
    whole.raw(raw);
    tool.name = type;
    tool.kind = chat::ToolKind::provider;
    tool.extras.set(own, std::string(raw));
    request_.prompt.tools.push_back(std::move(tool));
    return true;
  }
  if (type == "custom") tool.kind = chat::ToolKind::custom;
  values.enter_object();
  while (values.next_field(key)) {
    if (key == type) {
      function_tool(values, tool);
    } else {
      values.skip();
    }
  }
  if (!values.ok()) return cursor_.adopt(values);
  if (tool.name.empty()) return cursor_.missing(start, type + ".name");
  request_.prompt.tools.push_back(std::move(tool));
  return true;
}

void Walk::tool_choice() {
  using chat::ToolChoiceMode;
  const auto at = cursor_.offset();
  std::string_view word;
  if (cursor_.kind() == Kind::string) {
    if (!cursor_.string(word)) return;
    if (word == "auto") {
      choice().mode = ToolChoiceMode::automatic;
    } else if (word == "none") {
      choice().mode = ToolChoiceMode::none;
    } else if (word == "required" || word == "any") {
      choice().mode = ToolChoiceMode::any;
    } else {
      cursor_.fail(at, "expected auto, none, required or a tool");
    }
    return;
  }
  if (cursor_.kind() != Kind::object) {
    cursor_.expected("a string or an object");
    return;
  }
  auto whole = cursor_;
  std::string_view key;
  std::string name;
  cursor_.enter_object();
  while (cursor_.next_field(key)) {
    std::string_view inner;
    if ((key == "function" || key == "custom") && cursor_.enter_object()) {
      while (cursor_.next_field(inner)) {
        if (inner == "name") {
          cursor_.string(name);
        } else {
          cursor_.skip();
        }
      }
    } else {
      cursor_.skip();
    }
  }
  if (!cursor_.ok()) return;
  if (name.empty()) {
    leftovers_.add(whole, "tool_choice");
    return;
  }
  choice().mode = ToolChoiceMode::one;
  choice().name = std::move(name);
}

// An extension of several imitators: {"type": enabled, adaptive or disabled, "budget_tokens"}.
void Walk::thinking() {
  auto& thinking = request_.thinking;
  const auto start = cursor_.offset();
  std::string_view key;
  bool typed = false;
  if (!cursor_.enter_object()) return;
  while (cursor_.next_field(key)) {
    const auto at = cursor_.offset();
    std::string_view word;
    std::int64_t tokens = 0;
    if (key == "type" && cursor_.string(word)) {
      typed = true;
      if (word == "enabled") {
        thinking.mode = chat::ThinkingMode::enabled;
      } else if (word == "adaptive") {
        thinking.mode = chat::ThinkingMode::adaptive;
      } else if (word == "disabled") {
        thinking.mode = chat::ThinkingMode::disabled;
      } else {
        cursor_.fail(at, "expected enabled, adaptive or disabled");
      }
    } else if (key == "budget_tokens" && cursor_.integer(tokens)) {
      thinking.budget_tokens = tokens;
      if (tokens <= 0) cursor_.fail(at, "expected a positive number of tokens");
    } else if (cursor_.ok()) {
      cursor_.skip();
    }
  }
  if (cursor_.ok() && !typed) cursor_.missing(start, "type");
}

void Walk::response_format() {
  const auto start = cursor_.offset();
  std::string_view key;
  std::string type;
  Leftovers others;
  if (!cursor_.enter_object()) return;
  while (cursor_.next_field(key)) {
    if (key == "type") {
      cursor_.string(type);
    } else if (key == "json_schema") {
      json_schema();
    } else {
      others.add(cursor_, key);
    }
  }
  if (!cursor_.ok()) return;
  auto& format = request_.output_format;
  if (type == "text") {
    format.kind = chat::OutputKind::text;
  } else if (type == "json_object") {
    format.kind = chat::OutputKind::json;
  } else if (type == "json_schema") {
    format.kind = chat::OutputKind::json_schema;
    if (format.schema_json.empty()) cursor_.missing(start, "json_schema.schema");
  } else {
    cursor_.fail(start, "type: expected text, json_object or json_schema");
  }
}

bool Walk::json_schema() {
  auto& format = request_.output_format;
  std::string_view key;
  if (!cursor_.enter_object()) return false;
  while (cursor_.next_field(key)) {
    std::string_view raw;
    bool strict = false;
    if (key == "name") {
      cursor_.string(format.name);
    } else if (key == "schema") {
      if (cursor_.raw(raw)) format.schema_json = raw;
    } else if (key == "strict" && cursor_.kind() != Kind::null) {
      if (cursor_.boolean(strict)) format.strict = strict;
    } else {
      cursor_.skip();
    }
  }
  return cursor_.ok();
}

}  // namespace

Result<chat::Request> decode_request(std::string_view body) {
  json::OutlineParser parser;
  auto cursor = parser.scan(body, body.size());
  if (!cursor) return cursor.error();
  // Parts of the body are passed on as text, so all of it must be sound.
  auto checker = *cursor;
  if (!checker.check()) return checker.error();
  chat::Request request;
  request.client_dialect = own;
  if (!Walk(*cursor, request).run()) return cursor->error();
  return request;
}

}  // namespace maestro::dialect::openai_chat
