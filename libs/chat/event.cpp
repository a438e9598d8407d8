#include "chat/event.h"

namespace maestro::chat {
namespace {

void quote(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      default:
        out += c;
    }
  }
  out += '"';
}

// One line: a word, then the fields that have a value.
class Line {
 public:
  explicit Line(std::string_view word) : text_(word) {}
  Line& number(std::string_view name, std::int64_t value) {
    start(name);
    text_ += std::to_string(value);
    return *this;
  }
  Line& number(std::string_view name, const std::optional<std::int64_t>& value) {
    return value ? number(name, *value) : *this;
  }
  Line& place(std::string_view name, const std::optional<std::uint32_t>& value) {
    return value ? number(name, static_cast<std::int64_t>(*value)) : *this;
  }
  Line& text(std::string_view name, std::string_view value) {
    if (value.empty()) return *this;
    start(name);
    quote(text_, value);
    return *this;
  }
  Line& word(std::string_view name, std::string_view value) {
    start(name);
    text_ += value;
    return *this;
  }
  Line& extras(const Extras& extras) {
    for (const auto& [id, json] : extras) text(to_string(id), json);
    return *this;
  }
  Line& usage(const Usage& usage) {
    number("uncached_input", usage.uncached_input_tokens);
    number("cache_read", usage.cache_read_tokens);
    number("cache_write_5m", usage.cache_write_5m_tokens);
    number("cache_write_1h", usage.cache_write_1h_tokens);
    number("output", usage.output_tokens);
    number("reasoning", usage.reasoning_tokens);
    return usage.estimated ? word("estimated", "yes") : *this;
  }
  std::string take() { return std::move(text_); }

 private:
  void start(std::string_view name) {
    text_ += ' ';
    text_ += name;
    text_ += '=';
  }
  std::string text_;
};

std::string_view to_string(ToolKind kind) {
  switch (kind) {
    case ToolKind::function:
      return "function";
    case ToolKind::custom:
      return "custom";
    case ToolKind::provider:
      return "provider";
  }
  return "unknown";
}

struct Describe {
  std::string operator()(const ReplyStarted& event) const {
    return Line("reply_started").text("id", event.id).text("model", event.model).extras(event.extras).take();
  }
  std::string operator()(const PartStarted& event) const {
    Line line("part_started");
    line.number("index", event.index).word("kind", chat::to_string(event.kind));
    if (const auto& call = event.tool_call) {
      line.text("id", call->id).text("name", call->name).text("namespace", call->tool_namespace);
      if (call->kind != ToolKind::function) line.word("tool", to_string(call->kind));
    }
    return line.extras(event.extras).take();
  }
  std::string operator()(const PartExtended& event) const {
    return Line("part_extended").number("index", event.index).text("text", event.text).take();
  }
  std::string operator()(const PartEnded& event) const {
    Line line("part_ended");
    line.number("index", event.index);
    if (event.signature) line.text("item", event.signature->item_id).text("signature", event.signature->value);
    if (event.redacted) line.word("redacted", "yes");
    return line.extras(event.extras).take();
  }
  std::string operator()(const PartCited& event) const {
    const auto& citation = event.citation;
    Line line("part_cited");
    line.number("index", event.index).text("url", citation.url).text("title", citation.title);
    line.text("quote", citation.quote).place("document", citation.document_index);
    return line.place("start", citation.start).place("end", citation.end).extras(citation.extras).take();
  }
  std::string operator()(const UsageReported& event) const { return Line("usage_reported").usage(event.usage).take(); }
  std::string operator()(const ReplyEnded& event) const {
    Line line("reply_ended");
    line.word("reason", chat::to_string(event.stop_reason)).text("provider_reason", event.provider_stop_reason);
    line.text("stop_sequence", event.stop_sequence);
    if (event.usage) line.usage(*event.usage);
    return line.extras(event.extras).take();
  }
  std::string operator()(const ReplyFailed& event) const {
    return Line("reply_failed")
        .word("kind", maestro::to_string(event.error.kind))
        .text("message", event.error.message)
        .take();
  }
};

}  // namespace

std::string_view to_string(StopReason reason) {
  switch (reason) {
    case StopReason::unspecified:
      return "unspecified";
    case StopReason::end:
      return "end";
    case StopReason::stop_sequence:
      return "stop_sequence";
    case StopReason::length:
      return "length";
    case StopReason::context:
      return "context";
    case StopReason::tool_calls:
      return "tool_calls";
    case StopReason::content_filter:
      return "content_filter";
    case StopReason::refusal:
      return "refusal";
    case StopReason::paused:
      return "paused";
  }
  return "unspecified";
}

std::string_view to_string(PartKind kind) {
  switch (kind) {
    case PartKind::text:
      return "text";
    case PartKind::reasoning:
      return "reasoning";
    case PartKind::tool_call:
      return "tool_call";
    case PartKind::refusal:
      return "refusal";
  }
  return "text";
}

std::string describe(const Event& event) { return std::visit(Describe{}, event); }

}  // namespace maestro::chat
