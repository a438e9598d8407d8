#include "dialect/openai_chat/chunk.h"

#include <algorithm>

#include "base/limits.h"
#include "json/writer.h"

namespace maestro::dialect::openai_chat {
namespace {

using json::Cursor;
using json::Kind;

// A larger count is a mistake; the sum of several still fits.
constexpr std::int64_t count_max = 1'000'000'000'000;

// Appends a text; null and "" add nothing.
bool append_text(Cursor& cursor, std::string& out) {
  if (cursor.kind() == Kind::null) return cursor.null();
  std::string_view text;
  if (!cursor.string(text)) return false;
  out += text;
  return true;
}

bool set_text(Cursor& cursor, std::string& out) {
  if (cursor.kind() == Kind::null) return cursor.null();
  return cursor.string(out);
}

std::optional<std::int64_t> read_count(Cursor& cursor) {
  if (cursor.kind() != Kind::number) {
    cursor.skip();
    return {};
  }
  auto probe = cursor;
  std::int64_t count = 0;
  const bool whole = probe.integer(count);
  cursor.skip();
  if (!whole || count < 0 || count > count_max) return {};
  return count;
}

// Mistral's content: [{"type":"text","text"}, {"type":"thinking","thinking":[{"type":"text","text"}]}].
bool read_parts(Cursor& cursor, std::string& text, std::string& reasoning) {
  if (!cursor.enter_array()) return false;
  std::string_view key;
  while (cursor.next_element()) {
    if (cursor.kind() != Kind::object) {
      cursor.skip();
      continue;
    }
    cursor.enter_object();
    while (cursor.next_field(key)) {
      if (key == "text" && cursor.kind() == Kind::string) {
        append_text(cursor, text);
      } else if (key == "thinking" && cursor.kind() == Kind::array) {
        read_parts(cursor, reasoning, reasoning);
      } else {
        cursor.skip();
      }
    }
  }
  return cursor.ok();
}

bool read_content(Cursor& cursor, Chunk& chunk) {
  if (cursor.kind() == Kind::array) return read_parts(cursor, chunk.text, chunk.reasoning);
  return append_text(cursor, chunk.text);
}

bool read_called(Cursor& cursor, ToolDelta& tool) {
  if (cursor.kind() == Kind::null) return cursor.null();
  std::string_view key;
  if (!cursor.enter_object()) return false;
  while (cursor.next_field(key)) {
    if (key == "name") {
      set_text(cursor, tool.name);
    } else if (key != "arguments" && key != "input") {
      cursor.skip();
    } else if (cursor.kind() == Kind::object) {
      std::string_view raw;
      if (cursor.raw(raw)) tool.input = raw;
    } else {
      set_text(cursor, tool.input);
    }
  }
  return cursor.ok();
}

bool read_tool(Cursor& cursor, ToolDelta& tool) {
  std::string_view key;
  if (!cursor.enter_object()) return false;
  while (cursor.next_field(key)) {
    std::int64_t index = 0;
    if (key == "index" && cursor.kind() == Kind::number) {
      if (cursor.integer(index)) tool.index = index;
    } else if (key == "id") {
      set_text(cursor, tool.id);
    } else if (key == "function") {
      read_called(cursor, tool);
    } else if (key == "custom") {
      tool.kind = chat::ToolKind::custom;
      read_called(cursor, tool);
    } else {
      cursor.skip();
    }
  }
  return cursor.ok();
}

bool read_tools(Cursor& cursor, Chunk& chunk) {
  if (cursor.kind() == Kind::null) return cursor.null();
  if (!cursor.enter_array()) return false;
  while (cursor.next_element()) {
    if (chunk.tools.size() >= limits::tool_calls_max)
      return cursor.fail(cursor.offset(), "more than " + std::to_string(limits::tool_calls_max) + " tool calls");
    if (!read_tool(cursor, chunk.tools.emplace_back())) return false;
  }
  return cursor.ok();
}

std::optional<std::uint32_t> read_place(Cursor& cursor) {
  const auto count = read_count(cursor);
  if (!count || *count > std::int64_t{UINT32_MAX}) return {};
  return static_cast<std::uint32_t>(*count);
}

bool read_citation(Cursor& cursor, chat::Citation& citation) {
  std::string_view key;
  if (!cursor.enter_object()) return false;
  while (cursor.next_field(key)) {
    if (key == "url") {
      set_text(cursor, citation.url);
    } else if (key == "title") {
      set_text(cursor, citation.title);
    } else if (key == "start_index") {
      citation.start = read_place(cursor);
    } else if (key == "end_index") {
      citation.end = read_place(cursor);
    } else {
      cursor.skip();
    }
  }
  return cursor.ok();
}

bool read_annotations(Cursor& cursor, Chunk& chunk) {
  if (cursor.kind() != Kind::array) return cursor.skip();
  cursor.enter_array();
  std::string_view key;
  while (cursor.next_element()) {
    if (cursor.kind() != Kind::object) {
      cursor.skip();
      continue;
    }
    cursor.enter_object();
    while (cursor.next_field(key)) {
      if (key == "url_citation" && cursor.kind() == Kind::object) {
        chat::Citation citation;
        if (read_citation(cursor, citation)) chunk.citations.push_back(std::move(citation));
      } else {
        cursor.skip();
      }
    }
  }
  return cursor.ok();
}

// Several names for one thing may stand beside each other: the first that says anything is taken.
bool read_reasoning(Cursor& cursor, std::string& out, bool& taken) {
  if (taken || cursor.kind() != Kind::string) return cursor.skip();
  const auto before = out.size();
  if (!append_text(cursor, out)) return false;
  taken = out.size() > before;
  return true;
}

bool read_delta(Cursor& cursor, Chunk& chunk) {
  if (cursor.kind() == Kind::null) return cursor.null();
  std::string_view key;
  bool reasoned = false;
  if (!cursor.enter_object()) return false;
  while (cursor.next_field(key)) {
    if (key == "content") {
      read_content(cursor, chunk);
    } else if (key == "tool_calls") {
      read_tools(cursor, chunk);
    } else if (key == "reasoning_content" || key == "reasoning" || key == "reasoning_text" || key == "cot_summary") {
      read_reasoning(cursor, chunk.reasoning, reasoned);
    } else if (key == "refusal") {
      append_text(cursor, chunk.refusal);
    } else if (key == "reasoning_opaque") {
      append_text(cursor, chunk.signature);
    } else if (key == "annotations") {
      read_annotations(cursor, chunk);
    } else {
      cursor.skip();
    }
  }
  return cursor.ok();
}

bool read_choice(Cursor& cursor, Chunk& chunk) {
  ++chunk.choices;
  std::string_view key;
  if (!cursor.enter_object()) return false;
  while (cursor.next_field(key)) {
    if (key == "delta" || key == "message") {
      read_delta(cursor, chunk);
    } else if (key == "finish_reason") {
      set_text(cursor, chunk.finish_reason);
    } else if (key == "usage") {
      read_usage(cursor, chunk.usage);
    } else {
      cursor.skip();
    }
  }
  return cursor.ok();
}

bool read_choices(Cursor& cursor, Chunk& chunk) {
  if (cursor.kind() == Kind::null) return cursor.null();
  chunk.has_choices = true;
  if (!cursor.enter_array()) return false;
  while (cursor.next_element())
    if (!read_choice(cursor, chunk)) return false;
  return cursor.ok();
}

// One count inside a details object.
std::optional<std::int64_t> read_detail(Cursor& cursor, std::string_view name) {
  std::optional<std::int64_t> found;
  std::string_view key;
  if (cursor.kind() != Kind::object) {
    cursor.skip();
    return {};
  }
  cursor.enter_object();
  while (cursor.next_field(key)) {
    if (key == name) {
      found = read_count(cursor);
    } else {
      cursor.skip();
    }
  }
  return found;
}

}  // namespace

void Chunk::clear() {
  for (auto* text_field : {&id, &model, &error_json, &text, &reasoning, &refusal, &signature, &finish_reason})
    text_field->clear();
  tools.clear();
  citations.clear();
  usage.reset();
  has_choices = false;
  choices = 0;
}

bool read_usage(Cursor& cursor, std::optional<chat::Usage>& usage) {
  if (cursor.kind() != Kind::object) return cursor.skip();
  std::optional<std::int64_t> prompt, completion, total, cached, reasoning;
  std::string_view key;
  cursor.enter_object();
  while (cursor.next_field(key)) {
    if (key == "prompt_tokens") {
      prompt = read_count(cursor);
    } else if (key == "completion_tokens") {
      completion = read_count(cursor);
    } else if (key == "total_tokens") {
      total = read_count(cursor);
    } else if (key == "prompt_cache_hit_tokens" || key == "cached_tokens") {
      cached = read_count(cursor);
    } else if (key == "prompt_tokens_details") {
      if (const auto found = read_detail(cursor, "cached_tokens")) cached = found;
    } else if (key == "completion_tokens_details") {
      reasoning = read_detail(cursor, "reasoning_tokens");
    } else {
      cursor.skip();
    }
  }
  chat::Usage read;
  if (cached) read.cache_read_tokens = prompt ? std::min(*cached, *prompt) : *cached;
  if (prompt) read.uncached_input_tokens = *prompt - read.cache_read_tokens.value_or(0);
  read.output_tokens = completion;
  read.reasoning_tokens = reasoning;
  // xAI counts reasoning beside the completion; here it is a part of the output.
  if (prompt && completion && total && reasoning && *reasoning > 0 && *total - *prompt - *completion == *reasoning)
    read.output_tokens = *completion + *reasoning;
  // Some send zeros with every chunk until they know.
  const bool empty = prompt.value_or(0) == 0 && completion.value_or(0) == 0;
  if (cursor.ok() && read.known() && (!empty || !usage)) usage = read;
  return cursor.ok();
}

bool read_chunk(Cursor& cursor, Chunk& chunk) {
  std::string_view key;
  std::string_view raw;
  if (!cursor.enter_object()) return false;
  while (cursor.next_field(key)) {
    if (key == "choices") {
      read_choices(cursor, chunk);
    } else if (key == "id") {
      set_text(cursor, chunk.id);
    } else if (key == "model") {
      set_text(cursor, chunk.model);
    } else if (key == "usage") {
      read_usage(cursor, chunk.usage);
    } else if (key == "error" && cursor.kind() != Kind::null) {
      if (cursor.raw(raw)) chunk.error_json = raw;
    } else {
      cursor.skip();
    }
  }
  return cursor.at_end();
}

Result<void> read_chunk_text(json::OutlineParser& parser, std::string_view text, std::size_t capacity, Chunk& chunk) {
  chunk.clear();
  auto cursor = parser.scan(text, capacity);
  std::string repaired;
  if (!cursor && !json::is_utf8(text)) {
    json::append_repaired(repaired, text);
    cursor = parser.scan(repaired, repaired.size());
  }
  if (cursor && read_chunk(*cursor, chunk)) return success();
  const auto why = cursor ? cursor->error() : cursor.error();
  Error error{ErrorKind::provider_failed, "the provider's reply cannot be read"};
  error.detail = why.message;
  return error;
}

}  // namespace maestro::dialect::openai_chat
