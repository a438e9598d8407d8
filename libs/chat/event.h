// A reply as it is made. It is ReplyStarted; then parts, each started, extended and cited any number of times, ended,
// and several open at once if need be; usage at any time; ReplyEnded or ReplyFailed last and once. chat/order.h is that
// law. The set is closed: a visitor that misses one does not compile. Follows proto/maestro/inference/v1/chat.proto.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/error.h"
#include "chat/extras.h"
#include "chat/request.h"
#include "chat/usage.h"

namespace maestro::chat {

enum class PartKind : std::uint8_t { text, reasoning, tool_call, refusal };

// unspecified: a word that is not known here. end: the model had said all. length: limit of output. context: the window
// is full. paused: send the conversation again to go on.
enum class StopReason : std::uint8_t {
  unspecified,
  end,
  stop_sequence,
  length,
  context,
  tool_calls,
  content_filter,
  refusal,
  paused,
};
std::string_view to_string(StopReason reason);
std::string_view to_string(PartKind kind);

struct ReplyStarted {
  std::string id{};     // the provider's name for the reply
  std::string model{};  // the provider's word for the model that answers
  Extras extras{};
  bool operator==(const ReplyStarted&) const = default;
};
struct PartStarted {
  std::uint32_t index = 0;  // from 0, rising by one
  PartKind kind = PartKind::text;
  std::optional<ToolCall> tool_call{};  // with tool_call: all but its input
  Extras extras{};
  bool operator==(const PartStarted&) const = default;
};
struct PartExtended {
  std::uint32_t index = 0;
  std::string text{};  // whole code points, of the text or of a call's input, which is complete when the part ends
  bool operator==(const PartExtended&) const = default;
};
struct PartEnded {
  std::uint32_t index = 0;
  std::optional<Signature> signature{};
  bool redacted = false;  // with reasoning
  Extras extras{};
  bool operator==(const PartEnded&) const = default;
};
struct PartCited {
  std::uint32_t index = 0;
  Citation citation{};
  bool operator==(const PartCited&) const = default;
};
// Replaces what was reported before.
struct UsageReported {
  Usage usage{};
  bool operator==(const UsageReported&) const = default;
};
struct ReplyEnded {
  StopReason stop_reason = StopReason::unspecified;
  std::string provider_stop_reason{};  // the provider's own word
  std::string stop_sequence{};         // with stop_sequence
  std::optional<Usage> usage{};        // the last that was reported
  Extras extras{};
  bool operator==(const ReplyEnded&) const = default;
};
struct ReplyFailed {
  Error error{};
};

using Event =
    std::variant<ReplyStarted, PartStarted, PartExtended, PartEnded, PartCited, UsageReported, ReplyEnded, ReplyFailed>;

// Two failures are one when kind and message agree.
inline bool operator==(const ReplyFailed& left, const ReplyFailed& right) {
  return left.error.kind == right.error.kind && left.error.message == right.error.message;
}

// One line that shows all of an event: what golden files and failed tests print.
std::string describe(const Event& event);

}  // namespace maestro::chat
