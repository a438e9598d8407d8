// The canonical words to a request for a provider that speaks chat.
#include "dialect/openai_chat/encode_message.h"
#include "dialect/openai_chat/openai_chat.h"
#include "dialect/openai_chat/words.h"
#include "json/outline.h"

namespace maestro::dialect::openai_chat {
namespace {

constexpr auto own = chat::DialectId::openai_chat;

void write_tool(json::Writer& writer, const chat::Tool& tool, Dropped& dropped) {
  const auto extras = tool.extras.find(own);
  if (tool.kind == chat::ToolKind::provider) {
    if (extras.empty()) {
      dropped.add("tools." + tool.name);
    } else {
      writer.raw(extras);
    }
    return;
  }
  if (!tool.tool_namespace.empty()) dropped.add("tools.namespace");
  const bool custom = tool.kind == chat::ToolKind::custom;
  writer.begin_object().member("type", custom ? "custom" : "function");
  writer.key(custom ? "custom" : "function").begin_object().member("name", tool.name);
  if (!tool.description.empty()) writer.member("description", tool.description);
  if (!tool.schema_json.empty()) writer.member_raw("parameters", tool.schema_json);
  if (tool.strict) writer.member_flag("strict", *tool.strict);
  writer.members_of(extras).end_object().end_object();
}

// True when a tool is left that this dialect can offer.
bool any_tool(const chat::Prompt& prompt) {
  for (const auto& tool : prompt.tools)
    if (tool.kind != chat::ToolKind::provider || !tool.extras.find(own).empty()) return true;
  return false;
}

void write_tool_choice(json::Writer& writer, const chat::Prompt& prompt) {
  const auto& choice = *prompt.tool_choice;
  switch (choice.mode) {
    case chat::ToolChoiceMode::unspecified:
      break;
    case chat::ToolChoiceMode::automatic:
      writer.member("tool_choice", "auto");
      break;
    case chat::ToolChoiceMode::none:
      writer.member("tool_choice", "none");
      break;
    case chat::ToolChoiceMode::any:
      writer.member("tool_choice", "required");
      break;
    case chat::ToolChoiceMode::one: {
      bool custom = false;
      for (const auto& tool : prompt.tools)
        custom = custom || (tool.name == choice.name && tool.kind == chat::ToolKind::custom);
      const std::string_view kind = custom ? "custom" : "function";
      writer.key("tool_choice").begin_object().member("type", kind).key(kind).begin_object();
      writer.member("name", choice.name).end_object().end_object();
      break;
    }
  }
  if (choice.parallel) writer.member_flag("parallel_tool_calls", *choice.parallel);
}

void write_tools(json::Writer& writer, const chat::Prompt& prompt, Dropped& dropped) {
  if (!any_tool(prompt)) {
    for (const auto& tool : prompt.tools) dropped.add("tools." + tool.name);
    if (prompt.tool_choice && !prompt.tools.empty()) dropped.add("tool_choice");
    return;
  }
  writer.key("tools").begin_array();
  for (const auto& tool : prompt.tools) write_tool(writer, tool, dropped);
  writer.end_array();
  if (prompt.tool_choice) write_tool_choice(writer, prompt);
}

void write_sampling(json::Writer& writer, const chat::Sampling& sampling, Dropped& dropped) {
  if (sampling.temperature) writer.member("temperature", *sampling.temperature);
  if (sampling.top_p) writer.member("top_p", *sampling.top_p);
  if (sampling.frequency_penalty) writer.member("frequency_penalty", *sampling.frequency_penalty);
  if (sampling.presence_penalty) writer.member("presence_penalty", *sampling.presence_penalty);
  if (sampling.seed) writer.member("seed", *sampling.seed);
  if (sampling.top_k) dropped.add("top_k");
}

void write_thinking(json::Writer& writer, const chat::Thinking& thinking, Dropped& dropped) {
  if (thinking.mode == chat::ThinkingMode::disabled) {
    dropped.add("thinking.disabled");
    return;
  }
  if (!thinking.effort.empty()) {
    writer.member("reasoning_effort", thinking.effort);
    return;
  }
  if (!thinking.budget_tokens) return;
  const auto effort = effort_of_budget(*thinking.budget_tokens);
  if (effort.empty()) {
    dropped.add("thinking.budget_tokens");
  } else {
    writer.member("reasoning_effort", effort);
  }
}

void write_output_format(json::Writer& writer, const chat::OutputFormat& format) {
  switch (format.kind) {
    case chat::OutputKind::unspecified:
      return;
    case chat::OutputKind::text:
      writer.key("response_format").begin_object().member("type", "text");
      break;
    case chat::OutputKind::json:
      writer.key("response_format").begin_object().member("type", "json_object");
      break;
    case chat::OutputKind::json_schema:
      writer.key("response_format").begin_object().member("type", "json_schema").key("json_schema").begin_object();
      writer.member("name", format.name.empty() ? std::string_view("response") : format.name);
      writer.member_raw("schema", format.schema_json.empty() ? std::string_view("{}") : format.schema_json);
      if (format.strict) writer.member_flag("strict", *format.strict);
      writer.end_object();
      break;
  }
  writer.end_object();
}

void write_rest(json::Writer& writer, const chat::Request& request) {
  if (request.stop_sequences.size() == 1) writer.member("stop", request.stop_sequences.front());
  if (request.stop_sequences.size() > 1) {
    writer.key("stop").begin_array();
    for (const auto& text : request.stop_sequences) writer.string(text);
    writer.end_array();
  }
  if (!request.user_id.empty()) writer.member("user", request.user_id);
  if (!request.metadata.empty()) {
    writer.key("metadata").begin_object();
    for (const auto& [name, value] : request.metadata) writer.member(name, value);
    writer.end_object();
  }
  if (!request.service_tier.empty()) writer.member("service_tier", request.service_tier);
}

// The names of what other dialects said in words of their own.
void name_extras(const chat::Extras& extras, Dropped& dropped) {
  for (const auto& [id, text] : extras) {
    if (id == own) continue;
    json::OutlineParser parser;
    auto cursor = parser.scan(text, text.size());
    std::string_view key;
    if (!cursor || !cursor->enter_object()) continue;
    while (cursor->next_field(key)) {
      dropped.add(key);
      cursor->skip();
    }
  }
}

}  // namespace

std::string path(std::string_view, chat::Delivery) { return "/chat/completions"; }

Result<ProviderDialect::Encoded> encode_request(const chat::Request& request, std::string_view upstream_model,
                                                chat::Delivery delivery) {
  ProviderDialect::Encoded encoded;
  Dropped dropped;
  json::Writer writer(encoded.body);
  const bool stream = delivery == chat::Delivery::stream;
  writer.begin_object().member("model", upstream_model);
  writer.key("messages").begin_array();
  MessageWriter messages(writer, dropped, upstream_model);
  std::size_t index = 0;
  for (const auto& message : request.prompt.messages)
    if (auto written = messages.write(message, index++); !written) return written.error();
  writer.end_array();
  write_tools(writer, request.prompt, dropped);
  if (request.output_tokens_max) {
    writer.member(takes_max_completion_tokens(upstream_model) ? "max_completion_tokens" : "max_tokens",
                  *request.output_tokens_max);
  }
  write_sampling(writer, request.sampling, dropped);
  write_thinking(writer, request.thinking, dropped);
  write_output_format(writer, request.output_format);
  write_rest(writer, request);
  if (stream) {
    writer.member_flag("stream", true).key("stream_options").begin_object();
    writer.member_flag("include_usage", true).end_object();
  }
  writer.members_of(request.extras.find(own)).end_object();
  name_extras(request.extras, dropped);
  encoded.path = path(upstream_model, delivery);
  encoded.headers.add("content-type", "application/json");
  encoded.headers.add("accept", stream ? "text/event-stream" : "application/json");
  encoded.dropped = dropped.take();
  return encoded;
}

}  // namespace maestro::dialect::openai_chat
