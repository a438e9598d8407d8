// The legal order of reply events. Every rule about order lives in the table of order.cpp; decoders, encoders and folds
// obey it, and their tests check against it. It does not know which side it is used on: a breach is an Error of kind
// internal that names the event and what was wrong with it.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "chat/event.h"

namespace maestro::chat {

class Order {
 public:
  // Takes the next event of the reply. After an error the state is as before.
  Result<void> accept(const Event& event);
  bool started() const { return reply_ != ReplyState::none; }
  bool finished() const { return reply_ == ReplyState::over; }

  enum class ReplyState : std::uint8_t { none, running, over };
  enum class PartState : std::uint8_t { absent, open, closed };

 private:
  ReplyState reply_ = ReplyState::none;
  std::vector<PartState> parts_;
  std::size_t open_parts_ = 0;
};

}  // namespace maestro::chat
