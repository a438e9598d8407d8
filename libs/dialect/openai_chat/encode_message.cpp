#include "dialect/openai_chat/encode_message.h"

#include <algorithm>

#include "dialect/base64.h"
#include "dialect/openai_chat/words.h"

namespace maestro::dialect::openai_chat {
namespace {

constexpr auto own = chat::DialectId::openai_chat;
constexpr std::string_view developer_extras = R"({"role":"developer")";

template <class T>
const T* as(const chat::Part& part) {
  return std::get_if<T>(&part.content);
}

bool is_textual(const chat::Media& media) {
  return media.media_type.starts_with("text/") || media.media_type == "application/json";
}

}  // namespace

void Dropped::add(std::string_view name) {
  if (std::ranges::find(names_, name) == names_.end()) names_.emplace_back(name);
}

MessageWriter::MessageWriter(json::Writer& writer, Dropped& dropped, std::string_view model)
    : writer_(writer), dropped_(dropped), reasoning_wanted_(takes_reasoning_content(model)) {}

Result<void> MessageWriter::write(const chat::Message& message, std::size_t index) {
  index_ = index;
  switch (message.role) {
    case chat::Role::system:
      return system(message);
    case chat::Role::user:
      return user(message);
    case chat::Role::assistant:
      return assistant(message);
  }
  return success();
}

Error MessageWriter::misplaced(std::string_view what) const {
  Error error{ErrorKind::invalid_request, {}};
  error.field_path = "messages[" + std::to_string(index_) + "]";
  error.message = error.field_path + ": " + std::string(what);
  return error;
}

// The extras may name the role, and hold what only this dialect knows of the message.
void MessageWriter::begin(const chat::Message& message, std::string_view role) {
  const auto extras = message.extras.find(own);
  writer_.begin_object();
  if (!extras.starts_with(developer_extras)) writer_.member("role", role);
  writer_.members_of(extras);
}

void MessageWriter::joined_texts(const std::vector<const chat::Part*>& texts) {
  std::string joined;
  for (const auto* part : texts) {
    if (!joined.empty()) joined += "\n\n";
    joined += as<chat::Text>(*part)->text;
  }
  writer_.string(joined);
}

Result<void> MessageWriter::system(const chat::Message& message) {
  std::vector<const chat::Part*> texts;
  for (const auto& part : message.parts) {
    if (as<chat::Text>(part) == nullptr) return misplaced("a system message holds text only for this model");
    texts.push_back(&part);
  }
  begin(message, "system");
  writer_.key("content");
  joined_texts(texts);
  writer_.end_object();
  return success();
}

void MessageWriter::tool_result(const chat::Part& part, std::vector<const chat::Part*>& attachments) {
  const auto& result = *as<chat::ToolResult>(part);
  std::string text = result.failed ? "Error: " : "";
  bool first = true;
  for (const auto& inner : result.parts) {
    if (const auto* words = as<chat::Text>(inner)) {
      if (!std::exchange(first, false)) text += "\n\n";
      text += words->text;
    } else {
      attachments.push_back(&inner);
    }
  }
  writer_.begin_object().member("role", "tool").member("tool_call_id", result.call_id);
  writer_.members_of(part.extras.find(own)).member("content", text).end_object();
}

Result<void> MessageWriter::user(const chat::Message& message) {
  std::vector<const chat::Part*> parts;
  bool results = false;
  for (const auto& part : message.parts) {
    if (as<chat::ToolResult>(part) == nullptr) continue;
    results = true;
    tool_result(part, parts);
  }
  for (const auto& part : message.parts)
    if (as<chat::ToolResult>(part) == nullptr) parts.push_back(&part);
  if (parts.empty() && results) return success();
  begin(message, "user");
  writer_.key("content");
  if (parts.empty()) {
    writer_.string("");
  } else if (parts.size() == 1 && as<chat::Text>(*parts.front()) != nullptr) {
    writer_.string(as<chat::Text>(*parts.front())->text);
  } else {
    writer_.begin_array();
    for (const auto* part : parts)
      if (auto written = content_part(*part); !written) return written;
    writer_.end_array();
  }
  writer_.end_object();
  return success();
}

Result<void> MessageWriter::content_part(const chat::Part& part) {
  if (const auto* text = as<chat::Text>(part)) {
    writer_.begin_object().member("type", "text").member("text", text->text).end_object();
    return success();
  }
  if (const auto* image = as<chat::Image>(part)) {
    const auto& media = image->media;
    writer_.begin_object().member("type", "image_url").key("image_url").begin_object();
    writer_.member("url", media.url.empty() ? make_data_url(media.media_type, media.data) : media.url);
    writer_.members_of(part.extras.find(own)).end_object().end_object();
    return success();
  }
  if (const auto* file = as<chat::Document>(part)) return document(part, file->media);
  return misplaced("a user's message holds text, images, documents and tool results only for this model");
}

Result<void> MessageWriter::document(const chat::Part& part, const chat::Media& media) {
  const auto extras = part.extras.find(own);
  if (!media.url.empty()) return misplaced("this model takes no document by URL: send its bytes");
  if (media.data.empty() && extras.empty()) return misplaced("the document is empty");
  if (is_textual(media)) {
    writer_.begin_object().member("type", "text").member("text", media.data).end_object();
    return success();
  }
  writer_.begin_object().member("type", "file").key("file").begin_object();
  if (!media.data.empty()) {
    writer_.member("filename", media.file_name.empty() ? std::string_view("document.pdf") : media.file_name);
    writer_.member("file_data", make_data_url(media.media_type, media.data));
  }
  writer_.members_of(extras).end_object().end_object();
  return success();
}

void MessageWriter::tool_call(const chat::ToolCall& call) {
  if (!call.tool_namespace.empty()) dropped_.add("messages.tool_calls.namespace");
  const bool custom = call.kind == chat::ToolKind::custom;
  writer_.begin_object().member("id", call.id).member("type", custom ? "custom" : "function");
  writer_.key(custom ? "custom" : "function").begin_object().member("name", call.name);
  if (custom) {
    writer_.member("input", call.input);
  } else {
    writer_.member("arguments", call.input.empty() ? std::string_view("{}") : call.input);
  }
  writer_.end_object().end_object();
}

Result<void> MessageWriter::assistant(const chat::Message& message) {
  std::vector<const chat::Part*> texts;
  std::vector<const chat::ToolCall*> calls;
  std::string reasoning;
  std::string refusal;
  for (const auto& part : message.parts) {
    if (as<chat::Text>(part) != nullptr) {
      texts.push_back(&part);
    } else if (const auto* call = as<chat::ToolCall>(part)) {
      calls.push_back(call);
    } else if (const auto* refused = as<chat::Refusal>(part)) {
      refusal += refused->text;
    } else if (const auto* thought = as<chat::Reasoning>(part)) {
      if (reasoning_wanted_) {
        reasoning += thought->text;
      } else if (!thought->text.empty() || thought->redacted) {
        dropped_.add("messages.reasoning");
      }
    } else {
      return misplaced("an assistant's message holds text, reasoning, refusals and tool calls only for this model");
    }
  }
  begin(message, "assistant");
  writer_.key("content");
  if (!texts.empty()) {
    joined_texts(texts);
  } else if (!calls.empty() || !refusal.empty()) {
    writer_.null();
  } else {
    writer_.string("");
  }
  if (!reasoning.empty()) writer_.member("reasoning_content", reasoning);
  if (!refusal.empty()) writer_.member("refusal", refusal);
  if (!calls.empty()) {
    writer_.key("tool_calls").begin_array();
    for (const auto* call : calls) tool_call(*call);
    writer_.end_array();
  }
  writer_.end_object();
  return success();
}

}  // namespace maestro::dialect::openai_chat
