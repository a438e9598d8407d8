#include "gateway/providers/demo.h"

#include <algorithm>

#include "json/writer.h"

namespace maestro::gateway {
namespace {

constexpr std::size_t characters_per_token = 4;
constexpr std::string_view greeting =
    "This is router-maestro's built-in demo: it repeats what it is told. You said:\n\n";
constexpr std::string_view result_greeting = "This is router-maestro's built-in demo. The tool answered:\n\n";

std::int64_t tokens_of(std::size_t characters) {
  return static_cast<std::int64_t>((characters + characters_per_token - 1) / characters_per_token);
}

std::string texts_of(const std::vector<chat::Part>& parts) {
  std::string all;
  for (const auto& part : parts) {
    if (const auto* text = std::get_if<chat::Text>(&part.content)) {
      if (!all.empty()) all += '\n';
      all += text->text;
    }
  }
  return all;
}

// What the demo answers to: the newest message of the user, which may hold tool results.
struct Said {
  std::string text;
  bool is_tool_result = false;
  std::size_t characters = 0;  // of the whole prompt
};

Said said_in(const chat::Prompt& prompt) {
  Said said;
  for (const auto& message : prompt.messages) {
    const auto text = texts_of(message.parts);
    said.characters += text.size();
    if (message.role != chat::Role::user) continue;
    said.text = text;
    said.is_tool_result = false;
    for (const auto& part : message.parts) {
      const auto* result = std::get_if<chat::ToolResult>(&part.content);
      if (result == nullptr) continue;
      if (!said.is_tool_result) said.text.clear();
      said.is_tool_result = true;
      if (!said.text.empty()) said.text += '\n';
      said.text += texts_of(result->parts);
      said.characters += said.text.size();
    }
  }
  return said;
}

bool mentions(std::string_view text, std::string_view word) {
  const auto same = [](char a, char b) { return (a | 0x20) == (b | 0x20); };
  return std::search(text.begin(), text.end(), word.begin(), word.end(), same) != text.end();
}

// The tool that the prompt asks for; nullptr: none.
const chat::Tool* wanted_tool(const chat::Prompt& prompt, const Said& said) {
  if (said.is_tool_result || prompt.tools.empty()) return nullptr;
  const auto mode = prompt.tool_choice ? prompt.tool_choice->mode : chat::ToolChoiceMode::unspecified;
  if (mode == chat::ToolChoiceMode::none) return nullptr;
  const auto named = [&](std::string_view name) {
    const auto found =
        std::find_if(prompt.tools.begin(), prompt.tools.end(), [&](const auto& tool) { return tool.name == name; });
    return found == prompt.tools.end() ? nullptr : &*found;
  };
  if (mode == chat::ToolChoiceMode::one) return named(prompt.tool_choice->name);
  for (const auto& tool : prompt.tools)
    if (!tool.name.empty() && mentions(said.text, tool.name)) return &tool;
  return mode == chat::ToolChoiceMode::any || mentions(said.text, " tool") ? &prompt.tools.front() : nullptr;
}

// The prompt's last text in backticks, else the whole prompt, as the one argument "input".
std::string arguments_of(std::string_view text) {
  const auto last = text.rfind('`');
  if (last != std::string_view::npos && last > 0) {
    const auto first = text.rfind('`', last - 1);
    if (first != std::string_view::npos) text = text.substr(first + 1, last - first - 1);
  }
  std::string json;
  json::Writer writer{json};
  writer.begin_object().member("input", text).end_object();
  return json;
}

class Demo final : public EventSource {
 public:
  explicit Demo(chat::Request request) : request_(std::move(request)), said_(said_in(request_.prompt)) {}

  net::Awaitable<Result<void>> read(std::vector<chat::Event>& out, Deadline) override {
    if (!started_) {
      started_ = true;
      begin(out);
      co_return success();
    }
    if (at_ < text_.size()) {
      next_word(out);
    } else {
      end(out);
    }
    co_return success();
  }

 private:
  void begin(std::vector<chat::Event>& out) {
    out.push_back(chat::ReplyStarted{"demo", "echo", {}});
    chat::PartStarted part;
    if (const auto* tool = wanted_tool(request_.prompt, said_)) {
      calls_ = true;
      text_ = arguments_of(said_.text);
      part.kind = chat::PartKind::tool_call;
      part.tool_call.emplace();
      part.tool_call->id = "call_demo_" + std::to_string(request_.prompt.messages.size());
      part.tool_call->name = tool->name;
      part.tool_call->tool_namespace = tool->tool_namespace;
      part.tool_call->kind = tool->kind;
    } else {
      text_ = std::string(said_.is_tool_result ? result_greeting : greeting) + said_.text;
    }
    out.push_back(std::move(part));
  }

  void next_word(std::vector<chat::Event>& out) {
    auto end = text_.find(' ', at_ + 1);
    if (end == std::string::npos) end = text_.size();
    out.push_back(chat::PartExtended{0, text_.substr(at_, end - at_)});
    at_ = end;
  }

  void end(std::vector<chat::Event>& out) {
    out.push_back(chat::PartEnded{});
    chat::Usage usage;
    usage.uncached_input_tokens = tokens_of(said_.characters);
    usage.output_tokens = tokens_of(text_.size());
    usage.estimated = true;
    chat::ReplyEnded ended;
    ended.stop_reason = calls_ ? chat::StopReason::tool_calls : chat::StopReason::end;
    ended.provider_stop_reason = calls_ ? "tool_calls" : "stop";
    ended.usage = usage;
    out.push_back(chat::UsageReported{usage});
    out.push_back(std::move(ended));
  }

  const chat::Request request_;
  const Said said_;
  std::string text_;
  std::size_t at_ = 0;
  bool started_ = false;
  bool calls_ = false;
};

}  // namespace

std::unique_ptr<EventSource> make_demo(chat::Request request) { return std::make_unique<Demo>(std::move(request)); }

}  // namespace maestro::gateway
