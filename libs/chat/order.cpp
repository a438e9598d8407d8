#include "chat/order.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace maestro::chat {
namespace {

using ReplyState = Order::ReplyState;
using PartState = Order::PartState;

enum Kind : std::size_t { started, part_started, part_extended, part_ended, part_cited, usage, ended, failed, kinds };
static_assert(std::variant_size_v<Event> == kinds);

constexpr std::array<std::string_view, kinds> names = {"ReplyStarted", "PartStarted",   "PartExtended", "PartEnded",
                                                       "PartCited",    "UsageReported", "ReplyEnded",   "ReplyFailed"};

// A next state, or nothing: then the event may not come here.
template <class State>
using Row = std::array<std::optional<State>, kinds>;

constexpr auto no = std::nullopt;
constexpr auto run = ReplyState::running;
constexpr auto over = ReplyState::over;
constexpr auto open = PartState::open;
constexpr auto closed = PartState::closed;

constexpr std::array<Row<ReplyState>, 3> reply_table = {{
    // started  p_started  p_extended  p_ended  p_cited  usage  ended  failed
    {{run, no, no, no, no, no, no, over}},        // none
    {{no, run, run, run, run, run, over, over}},  // running
    {{no, no, no, no, no, no, no, no}},           // over
}};

constexpr std::array<Row<PartState>, 3> part_table = {{
    {{no, open, no, no, no, no, no, no}},        // absent
    {{no, no, open, closed, open, no, no, no}},  // open
    {{no, no, no, no, no, no, no, no}},          // closed
}};

std::optional<std::uint32_t> part_of(const Event& event) {
  if (const auto* start = std::get_if<PartStarted>(&event)) return start->index;
  if (const auto* extension = std::get_if<PartExtended>(&event)) return extension->index;
  if (const auto* end = std::get_if<PartEnded>(&event)) return end->index;
  if (const auto* citation = std::get_if<PartCited>(&event)) return citation->index;
  return {};
}

Error breach(std::size_t kind, std::string_view why) {
  return {ErrorKind::internal, "the reply is out of order: " + std::string(names[kind]) + " " + std::string(why)};
}

}  // namespace

Result<void> Order::accept(const Event& event) {
  const auto kind = event.index();
  const auto next = reply_table[static_cast<std::size_t>(reply_)][kind];
  if (!next) {
    return breach(kind, reply_ == ReplyState::none   ? "before ReplyStarted"
                        : reply_ == ReplyState::over ? "after the end"
                                                     : "a second time");
  }
  if (kind == ended && open_parts_ > 0) return breach(kind, "while a part is open");
  if (const auto index = part_of(event)) {
    const auto state = *index < parts_.size() ? parts_[*index] : PartState::absent;
    const auto next_part = part_table[static_cast<std::size_t>(state)][kind];
    if (!next_part) return breach(kind, "of part " + std::to_string(*index) + ", which is not open");
    if (const auto* start = std::get_if<PartStarted>(&event)) {
      if (*index != parts_.size()) return breach(kind, "with an index that does not rise by one");
      if ((start->kind == PartKind::tool_call) != start->tool_call.has_value())
        return breach(kind, "whose kind and tool call disagree");
      parts_.push_back(*next_part);
      ++open_parts_;
    } else {
      parts_[*index] = *next_part;
      if (*next_part == PartState::closed) --open_parts_;
    }
  }
  reply_ = *next;
  return success();
}

}  // namespace maestro::chat
