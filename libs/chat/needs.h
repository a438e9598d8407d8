// What a request asks of a target. A dialect's outline fills it without decoding the request; the plan reads it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "chat/dialect_id.h"

namespace maestro::chat {

enum class Operation : std::uint8_t { generate, count_tokens, embed };

struct Needs {
  Operation operation = Operation::generate;
  DialectId client_dialect = DialectId::openai_chat;
  bool stream = false;
  bool tools = false;           // at least one tool is offered
  bool parallel_tools = false;  // several calls in one reply were asked for by name
  bool images = false;
  bool documents = false;
  bool structured_output = false;
  bool reasoning = false;                       // thinking or an effort was asked for
  std::string effort{};                         // as written; empty: none
  std::optional<std::int64_t> prompt_tokens{};  // when somebody counted them
  std::optional<std::int64_t> output_tokens{};  // the limit that the client gave
  bool own_dialect_only = false;                // asks for what no other dialect can say (n > 1)
  bool operator==(const Needs&) const = default;
};

}  // namespace maestro::chat
