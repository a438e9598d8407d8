#include "dialect/openai_chat/decode_message.h"

#include <utility>

#include "dialect/base64.h"
#include "json/writer.h"

namespace maestro::dialect::openai_chat {
namespace {

using json::Cursor;
using json::Kind;

constexpr auto own = chat::DialectId::openai_chat;

// An optional string member: null is as absent.
bool optional_string(Cursor& cursor, std::string& text) {
  if (cursor.kind() == Kind::null) return cursor.null();
  return cursor.string(text);
}

void add_part(std::vector<chat::Part>& parts, auto content) {
  chat::Part part;
  part.content = std::move(content);
  parts.push_back(std::move(part));
}

bool read_image(Cursor& cursor, chat::Part& part) {
  chat::Image image;
  Leftovers leftovers;
  const auto start = cursor.offset();
  std::string_view key;
  if (!cursor.enter_object()) return false;
  while (cursor.next_field(key)) {
    if (key == "url") {
      const auto at = cursor.offset();
      if (!cursor.string(image.media.url)) return false;
      if (!image.media.url.starts_with("data:")) continue;
      auto data = parse_data_url(image.media.url);
      if (!data) return cursor.fail(at, "expected a URL or a data URL in base64");
      image.media = {std::move(data->media_type), std::move(data->data), {}, {}};
    } else {
      leftovers.add(cursor, key);
    }
  }
  if (!cursor.ok()) return false;
  if (image.media.url.empty() && image.media.data.empty()) return cursor.missing(start, "url");
  part.content = std::move(image);
  if (!leftovers.empty()) part.extras.set(own, leftovers.take());
  return true;
}

bool read_file(Cursor& cursor, chat::Part& part) {
  chat::Document document;
  Leftovers leftovers;
  std::string_view key;
  if (!cursor.enter_object()) return false;
  while (cursor.next_field(key)) {
    if (key == "file_data") {
      const auto at = cursor.offset();
      std::string url;
      if (!optional_string(cursor, url) || url.empty()) continue;
      auto data = parse_data_url(url);
      if (!data) return cursor.fail(at, "expected a data URL in base64");
      document.media.media_type = std::move(data->media_type);
      document.media.data = std::move(data->data);
    } else if (key == "filename") {
      optional_string(cursor, document.media.file_name);
    } else {
      leftovers.add(cursor, key);
    }
  }
  part.content = std::move(document);
  if (!leftovers.empty()) part.extras.set(own, leftovers.take());
  return cursor.ok();
}

// One element of a content array. Its members may come in any order, so the cursor goes over them twice.
bool read_content_part(Cursor& cursor, std::vector<chat::Part>& parts) {
  const auto start = cursor.offset();
  auto values = cursor;
  std::string type;
  std::string_view key;
  if (!cursor.enter_object()) return false;
  while (cursor.next_field(key)) {
    if (key == "type") {
      cursor.string(type);
    } else {
      cursor.skip();
    }
  }
  if (!cursor.ok()) return false;
  if (type.empty()) return cursor.missing(start, "type");
  const std::string_view member = type == "refusal" || type == "text" || type == "image_url" || type == "file"
                                      ? std::string_view(type)
                                      : std::string_view();
  if (member.empty())
    return cursor.fail(start, "a part of type " + type.substr(0, 40) + " cannot be translated for another protocol");
  chat::Part part;
  bool found = false;
  std::string text;
  values.enter_object();
  while (values.next_field(key)) {
    if (key != member) {
      values.skip();
      continue;
    }
    found = true;
    if (type == "text" && values.string(text)) part.content = chat::Text{std::move(text)};
    if (type == "refusal" && values.string(text)) part.content = chat::Refusal{std::move(text)};
    if (type == "image_url") read_image(values, part);
    if (type == "file") read_file(values, part);
  }
  // Both cursors share the parser's error; the outer one must know of it.
  if (!values.ok()) return cursor.adopt(values);
  if (!found) return cursor.missing(start, member);
  parts.push_back(std::move(part));
  return true;
}

bool read_content(Cursor& cursor, std::vector<chat::Part>& parts) {
  if (cursor.kind() == Kind::null) return cursor.null();
  if (cursor.kind() == Kind::string) {
    chat::Text text;
    if (!cursor.string(text.text)) return false;
    add_part(parts, std::move(text));
    return true;
  }
  if (cursor.kind() != Kind::array) return cursor.expected("a string or an array of parts");
  cursor.enter_array();
  while (cursor.next_element())
    if (!read_content_part(cursor, parts)) return false;
  return cursor.ok();
}

// {name, arguments} of a function, {name, input} of a custom tool.
bool read_called(Cursor& cursor, chat::ToolCall& call) {
  std::string_view key;
  if (!cursor.enter_object()) return false;
  while (cursor.next_field(key)) {
    if (key == "name") {
      cursor.string(call.name);
    } else if (key == "arguments" || key == "input") {
      if (cursor.kind() == Kind::object) {
        std::string_view raw;
        if (cursor.raw(raw)) call.input = raw;
      } else {
        optional_string(cursor, call.input);
      }
    } else {
      cursor.skip();
    }
  }
  return cursor.ok();
}

bool read_tool_call(Cursor& cursor, std::vector<chat::Part>& parts) {
  const auto start = cursor.offset();
  chat::ToolCall call;
  std::string_view key;
  bool called = false;
  if (!cursor.enter_object()) return false;
  while (cursor.next_field(key)) {
    if (key == "id") {
      cursor.string(call.id);
    } else if (key == "function" || key == "custom") {
      call.kind = key == "custom" ? chat::ToolKind::custom : chat::ToolKind::function;
      called = read_called(cursor, call);
    } else {
      cursor.skip();
    }
  }
  if (!cursor.ok()) return false;
  if (!called) return cursor.missing(start, "function");
  if (call.name.empty()) return cursor.missing(start, "function.name");
  if (call.kind == chat::ToolKind::function && call.input.find_first_not_of(" \t\r\n") == std::string::npos)
    call.input = "{}";
  add_part(parts, std::move(call));
  return true;
}

struct Raw {
  std::string role{};
  std::string call_id{};
  std::vector<chat::Part> reasoning{};
  std::vector<chat::Part> content{};
  std::vector<chat::Part> refusal{};
  std::vector<chat::Part> calls{};
  Leftovers leftovers{};
};

bool read_members(Cursor& cursor, Raw& raw) {
  std::string_view key;
  std::string text;
  if (!cursor.enter_object()) return false;
  while (cursor.next_field(key)) {
    if (key == "role") {
      cursor.string(raw.role);
    } else if (key == "content") {
      read_content(cursor, raw.content);
    } else if (key == "tool_calls") {
      if (cursor.kind() == Kind::null) {
        cursor.null();
      } else if (cursor.enter_array()) {
        while (cursor.next_element())
          if (!read_tool_call(cursor, raw.calls)) return false;
      }
    } else if (key == "tool_call_id") {
      optional_string(cursor, raw.call_id);
    } else if (key == "refusal") {
      if (optional_string(cursor, text) && !text.empty()) add_part(raw.refusal, chat::Refusal{std::exchange(text, {})});
    } else if ((key == "reasoning_content" || key == "reasoning") && cursor.kind() == Kind::string) {
      if (cursor.string(text) && !text.empty() && raw.reasoning.empty())
        add_part(raw.reasoning, chat::Reasoning{std::exchange(text, {}), false});
    } else {
      raw.leftovers.add(cursor, key);
    }
  }
  return cursor.ok();
}

void add_tool_result(Raw& raw, std::vector<chat::Message>& messages) {
  chat::ToolResult result;
  result.call_id = std::move(raw.call_id);
  result.parts = std::move(raw.content);
  chat::Part part;
  part.content = std::move(result);
  if (!raw.leftovers.empty()) part.extras.set(own, raw.leftovers.take());
  const bool follows = !messages.empty() && messages.back().role == chat::Role::user &&
                       !messages.back().parts.empty() &&
                       std::holds_alternative<chat::ToolResult>(messages.back().parts.back().content);
  if (!follows) messages.emplace_back();
  messages.back().parts.push_back(std::move(part));
}

}  // namespace

void Leftovers::add(Cursor& cursor, std::string_view key) {
  const std::size_t before = text_.size();
  text_ += before == 0 ? '{' : ',';
  json::append_string(text_, key);
  text_ += ':';
  std::string_view raw;
  if (cursor.raw(raw)) {
    text_ += raw;
  } else {
    text_.resize(before);
  }
}

std::string Leftovers::take() {
  if (text_.empty()) return {};
  text_ += '}';
  return std::exchange(text_, {});
}

bool decode_message(Cursor& cursor, std::vector<chat::Message>& messages) {
  const auto start = cursor.offset();
  Raw raw;
  if (!read_members(cursor, raw)) return false;
  if (raw.role == "tool") {
    if (raw.call_id.empty()) return cursor.missing(start, "tool_call_id");
    add_tool_result(raw, messages);
    return true;
  }
  chat::Message message;
  if (raw.role == "assistant") {
    message.role = chat::Role::assistant;
  } else if (raw.role == "system" || raw.role == "developer") {
    message.role = chat::Role::system;
  } else if (raw.role != "user") {
    return raw.role.empty() ? cursor.missing(start, "role")
                            : cursor.fail(start, "role: expected system, developer, user, assistant or tool");
  }
  for (auto* parts : {&raw.reasoning, &raw.content, &raw.refusal, &raw.calls})
    for (auto& part : *parts) message.parts.push_back(std::move(part));
  auto extras = raw.leftovers.take();
  if (raw.role == "developer")
    extras = extras.empty() ? R"({"role":"developer"})" : R"({"role":"developer",)" + extras.substr(1);
  if (!extras.empty()) message.extras.set(own, std::move(extras));
  messages.push_back(std::move(message));
  return true;
}

}  // namespace maestro::dialect::openai_chat
