#include "chat/fold.h"

#include "base/limits.h"

namespace maestro::chat {
namespace {

Part part_of(const PartStarted& started) {
  Part part;
  switch (started.kind) {
    case PartKind::text:
      part.content = Text{};
      break;
    case PartKind::reasoning:
      part.content = Reasoning{};
      break;
    case PartKind::tool_call:
      part.content = started.tool_call.value_or(ToolCall{});
      break;
    case PartKind::refusal:
      part.content = Refusal{};
      break;
  }
  part.extras = started.extras;
  return part;
}

std::string* text_of(Part& part) {
  if (auto* text = std::get_if<Text>(&part.content)) return &text->text;
  if (auto* reasoning = std::get_if<Reasoning>(&part.content)) return &reasoning->text;
  if (auto* call = std::get_if<ToolCall>(&part.content)) return &call->input;
  if (auto* refusal = std::get_if<Refusal>(&part.content)) return &refusal->text;
  return nullptr;
}

void end_part(Part& part, const PartEnded& ended) {
  part.signature = ended.signature;
  if (auto* reasoning = std::get_if<Reasoning>(&part.content)) reasoning->redacted = ended.redacted;
  if (auto* call = std::get_if<ToolCall>(&part.content))
    if (call->kind == ToolKind::function && call->input.empty()) call->input = "{}";
  for (const auto& [id, text] : ended.extras) part.extras.set(id, text);
}

PartStarted start_of(std::uint32_t index, const Part& part) {
  PartStarted started;
  started.index = index;
  started.extras = part.extras;
  if (std::holds_alternative<Reasoning>(part.content)) started.kind = PartKind::reasoning;
  if (std::holds_alternative<Refusal>(part.content)) started.kind = PartKind::refusal;
  if (const auto* call = std::get_if<ToolCall>(&part.content)) {
    started.kind = PartKind::tool_call;
    started.tool_call = *call;
    started.tool_call->input.clear();
  }
  return started;
}

}  // namespace

Result<void> Fold::extend(const PartExtended& extended) {
  text_bytes_ += extended.text.size();
  if (text_bytes_ > limits::whole_reply_bytes_max) {
    return Error{ErrorKind::provider_failed,
                 "the reply is larger than " + std::to_string(limits::whole_reply_bytes_max) + " bytes"};
  }
  if (auto* text = text_of(reply_.parts[extended.index])) *text += extended.text;
  return success();
}

Result<void> Fold::add(const Event& event) {
  if (auto ordered = order_.accept(event); !ordered) return ordered;
  if (const auto* extended = std::get_if<PartExtended>(&event)) return extend(*extended);
  if (const auto* started = std::get_if<ReplyStarted>(&event)) {
    reply_.id = started->id;
    reply_.model = started->model;
    reply_.extras = started->extras;
  } else if (const auto* part = std::get_if<PartStarted>(&event)) {
    reply_.parts.push_back(part_of(*part));
  } else if (const auto* part_ended = std::get_if<PartEnded>(&event)) {
    end_part(reply_.parts[part_ended->index], *part_ended);
  } else if (const auto* cited = std::get_if<PartCited>(&event)) {
    reply_.parts[cited->index].citations.push_back(cited->citation);
  } else if (const auto* reported = std::get_if<UsageReported>(&event)) {
    reply_.usage = reported->usage;
  } else if (const auto* ended = std::get_if<ReplyEnded>(&event)) {
    reply_.stop_reason = ended->stop_reason;
    reply_.provider_stop_reason = ended->provider_stop_reason;
    reply_.stop_sequence = ended->stop_sequence;
    reply_.end_extras = ended->extras;
    if (ended->usage) reply_.usage = ended->usage;
  } else if (const auto* failed = std::get_if<ReplyFailed>(&event)) {
    reply_.failure = failed->error;
  }
  return success();
}

std::vector<Event> unfold(const Reply& reply) {
  std::vector<Event> events;
  events.emplace_back(ReplyStarted{reply.id, reply.model, reply.extras});
  std::uint32_t index = 0;
  for (auto part : reply.parts) {
    events.emplace_back(start_of(index, part));
    if (const auto* text = text_of(part); text != nullptr && !text->empty())
      events.emplace_back(PartExtended{index, *text});
    for (const auto& citation : part.citations) events.emplace_back(PartCited{index, citation});
    PartEnded ended{index, part.signature, false, {}};
    if (const auto* reasoning = std::get_if<Reasoning>(&part.content)) ended.redacted = reasoning->redacted;
    events.emplace_back(std::move(ended));
    ++index;
  }
  if (reply.failure) {
    events.emplace_back(ReplyFailed{*reply.failure});
    return events;
  }
  if (reply.usage) events.emplace_back(UsageReported{*reply.usage});
  events.emplace_back(
      ReplyEnded{reply.stop_reason, reply.provider_stop_reason, reply.stop_sequence, reply.usage, reply.end_extras});
  return events;
}

}  // namespace maestro::chat
