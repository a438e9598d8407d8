// The words of OpenAI Chat and their canonical ones, as tables.
#pragma once

#include <string_view>

#include "chat/event.h"
#include "chat/request.h"
#include "json/writer.h"

namespace maestro::dialect::openai_chat {

chat::StopReason stop_reason_of(std::string_view finish_reason);
std::string_view finish_reason_of(chat::StopReason reason, std::string_view provider_stop_reason);

// The highest effort whose budget is not above this one; empty below the lowest.
std::string_view effort_of_budget(std::int64_t budget_tokens);

// OpenAI's reasoning models refuse max_tokens; most imitators know nothing else.
bool takes_max_completion_tokens(std::string_view model);
// Models that want their reasoning of earlier turns back as reasoning_content; others refuse the field.
bool takes_reasoning_content(std::string_view model);

void write_usage(json::Writer& writer, const chat::Usage& usage);

// Of an Error that tells of a stream which ended without its terminal: clients know this type.
inline constexpr std::string_view unexpected_eof = "unexpected_eof";

}  // namespace maestro::dialect::openai_chat
