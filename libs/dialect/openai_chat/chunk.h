// One JSON object of a reply: a chunk of a stream ("delta") or a whole one ("message"). All its choices are read as
// one, because Copilot spreads a single answer over several. Made once for a reply and reused: clear() keeps the
// memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chat/event.h"
#include "chat/usage.h"
#include "json/outline.h"

namespace maestro::dialect::openai_chat {

struct ToolDelta {
  std::optional<std::int64_t> index{};
  std::string id{};
  std::string name{};
  std::string input{};
  chat::ToolKind kind = chat::ToolKind::function;
};

struct Chunk {
  std::string id{};
  std::string model{};
  std::string error_json{};  // the value of "error", unless null
  std::string text{};
  std::string reasoning{};
  std::string refusal{};
  std::string signature{};  // Copilot's reasoning_opaque
  std::string finish_reason{};
  std::vector<ToolDelta> tools{};
  std::vector<chat::Citation> citations{};
  std::optional<chat::Usage> usage{};
  bool has_choices = false;  // there is a "choices" array, perhaps empty
  std::size_t choices = 0;

  void clear();
  bool has_content() const {
    return !text.empty() || !reasoning.empty() || !refusal.empty() || !signature.empty() || !tools.empty() ||
           !citations.empty();
  }
};

// Fields of another type than expected are errors of the cursor; unknown ones are skipped.
bool read_chunk(json::Cursor& cursor, Chunk& chunk);
// Counts that are no whole numbers are taken as unknown.
bool read_usage(json::Cursor& cursor, std::optional<chat::Usage>& usage);

// Scans one event's data; broken UTF-8 is repaired. The error is provider_failed.
Result<void> read_chunk_text(json::OutlineParser& parser, std::string_view text, std::size_t capacity, Chunk& chunk);

}  // namespace maestro::dialect::openai_chat
