// The wire protocols that the house speaks. The catalog, the plan and the tables of libs/dialect name them by this.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace maestro::chat {

enum class DialectId : std::uint8_t { openai_chat, openai_responses, anthropic, gemini };

inline constexpr std::array all_dialect_ids = {DialectId::openai_chat, DialectId::openai_responses,
                                               DialectId::anthropic, DialectId::gemini};

constexpr std::string_view to_string(DialectId id) {
  switch (id) {
    case DialectId::openai_chat:
      return "openai_chat";
    case DialectId::openai_responses:
      return "openai_responses";
    case DialectId::anthropic:
      return "anthropic";
    case DialectId::gemini:
      return "gemini";
  }
  return "unknown";
}

constexpr std::optional<DialectId> dialect_id_from(std::string_view name) {
  for (const auto id : all_dialect_ids)
    if (to_string(id) == name) return id;
  return {};
}

// How a reply is wanted: in one piece, or as it is made.
enum class Delivery : std::uint8_t { whole, stream };

}  // namespace maestro::chat
