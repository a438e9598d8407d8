#include "dialect/openai_chat/words.h"

#include <algorithm>
#include <array>
#include <string>

namespace maestro::dialect::openai_chat {
namespace {

using chat::StopReason;

struct FinishWord {
  std::string_view word;
  StopReason reason;
};

// The first word of a reason is the one that is written.
constexpr std::array finish_words = {
    FinishWord{"stop", StopReason::end},
    FinishWord{"length", StopReason::length},
    FinishWord{"tool_calls", StopReason::tool_calls},
    FinishWord{"content_filter", StopReason::content_filter},
    FinishWord{"function_call", StopReason::tool_calls},
    FinishWord{"stop", StopReason::stop_sequence},
    FinishWord{"stop", StopReason::refusal},
    FinishWord{"stop", StopReason::paused},
    FinishWord{"length", StopReason::context},
    // Of imitators.
    FinishWord{"end_turn", StopReason::end},
    FinishWord{"eos", StopReason::end},
    FinishWord{"stop_sequence", StopReason::stop_sequence},
    FinishWord{"max_tokens", StopReason::length},
    FinishWord{"model_length", StopReason::context},
    FinishWord{"tool_use", StopReason::tool_calls},
    FinishWord{"safety", StopReason::content_filter},
    FinishWord{"refusal", StopReason::refusal},
};

struct EffortBudget {
  std::string_view effort;
  std::int64_t budget_tokens;
};
constexpr std::array effort_budgets = {EffortBudget{"max", 32768}, EffortBudget{"xhigh", 16384},
                                       EffortBudget{"high", 8192}, EffortBudget{"medium", 4096},
                                       EffortBudget{"low", 1024}};

constexpr std::array<std::string_view, 6> completion_token_models = {"o1", "o3", "o4", "gpt-5", "gpt-6", "codex-"};
constexpr std::array<std::string_view, 7> reasoning_content_models = {"deepseek", "kimi", "glm", "qwen",
                                                                      "minimax",  "mimo", "step"};

// "openai/gpt-5" names gpt-5.
std::string_view bare(std::string_view model) { return model.substr(model.rfind('/') + 1); }

std::string lowered(std::string_view text) {
  std::string low(text);
  std::ranges::transform(low, low.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return low;
}

}  // namespace

StopReason stop_reason_of(std::string_view finish_reason) {
  for (const auto& [word, reason] : finish_words)
    if (word == finish_reason) return reason;
  return StopReason::unspecified;
}

std::string_view finish_reason_of(StopReason reason, std::string_view provider_stop_reason) {
  for (const auto& entry : finish_words)
    if (entry.reason == reason) return entry.word;
  return provider_stop_reason.empty() ? "stop" : provider_stop_reason;
}

std::string_view effort_of_budget(std::int64_t budget_tokens) {
  for (const auto& entry : effort_budgets)
    if (entry.budget_tokens <= budget_tokens) return entry.effort;
  return {};
}

bool takes_max_completion_tokens(std::string_view model) {
  return std::ranges::any_of(completion_token_models,
                             [name = bare(model)](std::string_view start) { return name.starts_with(start); });
}

bool takes_reasoning_content(std::string_view model) {
  return std::ranges::any_of(reasoning_content_models, [name = lowered(model)](std::string_view part) {
    return name.find(part) != std::string::npos;
  });
}

void write_usage(json::Writer& writer, const chat::Usage& usage) {
  const auto prompt = usage.input_tokens().value_or(0);
  const auto completion = usage.output_tokens.value_or(0);
  writer.begin_object();
  writer.member("prompt_tokens", prompt).member("completion_tokens", completion);
  writer.member("total_tokens", prompt + completion);
  if (usage.cache_read_tokens) {
    writer.key("prompt_tokens_details").begin_object();
    writer.member("cached_tokens", *usage.cache_read_tokens).end_object();
  }
  if (usage.reasoning_tokens) {
    writer.key("completion_tokens_details").begin_object();
    writer.member("reasoning_tokens", *usage.reasoning_tokens).end_object();
  }
  writer.end_object();
}

}  // namespace maestro::dialect::openai_chat
