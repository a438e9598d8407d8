// What a reply cost, in tokens. An absent count is unknown, which is not zero. The four classes of input do not
// overlap: their sum is the prompt. The canonical source is proto/maestro/inference/v1/chat.proto.
#pragma once

#include <cstdint>
#include <optional>

namespace maestro::chat {

struct Usage {
  std::optional<std::int64_t> uncached_input_tokens{};
  std::optional<std::int64_t> cache_read_tokens{};
  std::optional<std::int64_t> cache_write_5m_tokens{};
  std::optional<std::int64_t> cache_write_1h_tokens{};
  std::optional<std::int64_t> output_tokens{};     // all that was generated, reasoning too
  std::optional<std::int64_t> reasoning_tokens{};  // the part of output_tokens that was reasoning
  bool estimated = false;                          // counted here, until the provider says

  bool operator==(const Usage&) const = default;

  // The whole prompt; unknown when no class of it is known.
  std::optional<std::int64_t> input_tokens() const {
    if (!uncached_input_tokens && !cache_read_tokens && !cache_write_5m_tokens && !cache_write_1h_tokens) return {};
    return uncached_input_tokens.value_or(0) + cache_read_tokens.value_or(0) + cache_write_5m_tokens.value_or(0) +
           cache_write_1h_tokens.value_or(0);
  }
  bool known() const { return input_tokens() || output_tokens || reasoning_tokens; }
};

}  // namespace maestro::chat
