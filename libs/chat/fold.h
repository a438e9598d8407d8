// Events to one whole reply: deltas are merged, parts stand in the order of their start. A whole (non-stream) reply is
// a stream that was folded once; there is no second path. Owns all it holds; bounded by limits::whole_reply_bytes_max.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "chat/event.h"
#include "chat/order.h"

namespace maestro::chat {

struct Reply {
  std::string id{};
  std::string model{};
  std::vector<Part> parts{};  // Text, Reasoning, ToolCall and Refusal only
  StopReason stop_reason = StopReason::unspecified;
  std::string provider_stop_reason{};
  std::string stop_sequence{};
  std::optional<Usage> usage{};
  Extras extras{};      // of ReplyStarted
  Extras end_extras{};  // of ReplyEnded
  std::optional<Error> failure{};
};

class Fold {
 public:
  // Errors: a breach of the order (internal), or more than whole_reply_bytes_max bytes of text (provider_failed).
  Result<void> add(const Event& event);
  bool finished() const { return order_.finished(); }
  const Reply& reply() const { return reply_; }
  Reply take() { return std::move(reply_); }

 private:
  Result<void> extend(const PartExtended& extended);

  Order order_;
  Reply reply_;
  std::size_t text_bytes_ = 0;
};

// The least events that say this reply: one extension a part.
std::vector<Event> unfold(const Reply& reply);

}  // namespace maestro::chat
