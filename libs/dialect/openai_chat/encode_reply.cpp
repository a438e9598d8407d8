// Canonical events to a client's reply, streamed or whole. Chunks share id, time and model; the parts around a delta
// are made once. Usage follows stream_options: asked for, it comes in a chunk of its own before [DONE] and the other
// chunks say null; declined, it never comes; not mentioned, it stands in the chunk of the finish reason.
#include <optional>
#include <vector>

#include "chat/fold.h"
#include "dialect/openai_chat/openai_chat.h"
#include "dialect/openai_chat/words.h"
#include "json/writer.h"

namespace maestro::dialect::openai_chat {
namespace {

std::string prefixed(const std::string& id) { return id.starts_with("chatcmpl-") ? id : "chatcmpl-" + id; }

void write_citation(json::Writer& writer, const chat::Citation& citation) {
  writer.begin_object().member("type", "url_citation").key("url_citation").begin_object();
  if (citation.start) writer.member("start_index", *citation.start);
  if (citation.end) writer.member("end_index", *citation.end);
  writer.member("url", citation.url).member("title", citation.title).end_object().end_object();
}

class StreamEncoder final : public ReplyEncoder {
 public:
  explicit StreamEncoder(const ReplyContext& context) : context_(context) {
    std::string head;
    json::Writer writer(head);
    writer.begin_object().member("id", prefixed(context.reply_id)).member("object", "chat.completion.chunk");
    writer.member("created", context.created_s).member("model", context.model);
    head_ = "data: " + head;
    delta_ = head_ + R"(,"choices":[{"index":0,"delta":{)";
    const std::string_view no_usage = context.include_usage ? R"(,"usage":null)" : "";
    tail_ = R"(},"logprobs":null,"finish_reason":null}])" + std::string(no_usage) + "}\n\n";
  }

  std::string_view content_type() const override { return "text/event-stream; charset=utf-8"; }

  void encode(const chat::Event& event, std::string& out) override {
    if (over_) return;
    std::visit([&](const auto& one) { write(one, out); }, event);
  }

 private:
  struct Part {
    chat::PartKind kind = chat::PartKind::text;
    chat::ToolKind tool = chat::ToolKind::function;
    std::size_t tool_index = 0;
  };

  // One chunk with one member of the delta, whose value is a text.
  void text_delta(std::string_view quoted_key, std::string_view text, std::string& out) const {
    out += delta_;
    out += quoted_key;
    json::append_string(out, text);
    out += tail_;
  }

  void write(const chat::ReplyStarted&, std::string& out) {
    out += delta_;
    out += R"("role":"assistant","content":"","refusal":null)";
    out += tail_;
  }

  void write(const chat::PartStarted& started, std::string& out) {
    if (parts_.size() <= started.index) parts_.resize(started.index + 1);
    auto& part = parts_[started.index];
    part.kind = started.kind;
    if (!started.tool_call) return;
    part.tool = started.tool_call->kind;
    part.tool_index = tools_++;
    const bool custom = part.tool == chat::ToolKind::custom;
    out += delta_;
    out += R"("tool_calls":)";
    json::Writer writer(out);
    writer.begin_array().begin_object().member("index", part.tool_index).member("id", started.tool_call->id);
    writer.member("type", custom ? "custom" : "function").key(custom ? "custom" : "function").begin_object();
    writer.member("name", started.tool_call->name).member(custom ? "input" : "arguments", "");
    writer.end_object().end_object().end_array();
    out += tail_;
  }

  void write(const chat::PartExtended& extended, std::string& out) const {
    if (extended.index >= parts_.size()) return;
    const auto& part = parts_[extended.index];
    switch (part.kind) {
      case chat::PartKind::text:
        text_delta(R"("content":)", extended.text, out);
        return;
      case chat::PartKind::reasoning:
        text_delta(R"("reasoning_content":)", extended.text, out);
        return;
      case chat::PartKind::refusal:
        text_delta(R"("refusal":)", extended.text, out);
        return;
      case chat::PartKind::tool_call:
        break;
    }
    const bool custom = part.tool == chat::ToolKind::custom;
    out += delta_;
    out += R"("tool_calls":)";
    json::Writer writer(out);
    writer.begin_array().begin_object().member("index", part.tool_index);
    writer.key(custom ? "custom" : "function").begin_object();
    writer.member(custom ? "input" : "arguments", extended.text).end_object().end_object().end_array();
    out += tail_;
  }

  void write(const chat::PartCited& cited, std::string& out) const {
    if (cited.citation.url.empty()) return;
    out += delta_;
    out += R"("annotations":)";
    json::Writer writer(out);
    writer.begin_array();
    write_citation(writer, cited.citation);
    writer.end_array();
    out += tail_;
  }

  void write(const chat::PartEnded&, std::string&) const {}
  void write(const chat::UsageReported& reported, std::string&) { usage_ = reported.usage; }

  void write(const chat::ReplyEnded& ended, std::string& out) {
    over_ = true;
    if (ended.usage) usage_ = ended.usage;
    const bool known = usage_ && usage_->known();
    out += delta_;
    out += R"(},"logprobs":null,"finish_reason":)";
    json::append_string(out, finish_reason_of(ended.stop_reason, ended.provider_stop_reason));
    out += "}]";
    if (context_.include_usage) {
      out += R"(,"usage":null)";
    } else if (!context_.stream_options_given && known) {
      append_usage(out);
    }
    out += "}\n\n";
    if (context_.include_usage && known) {
      out += head_;
      out += R"(,"choices":[])";
      append_usage(out);
      out += "}\n\n";
    }
    out += "data: [DONE]\n\n";
  }

  void write(const chat::ReplyFailed& failed, std::string& out) {
    over_ = true;
    out += encode_stream_failure(failed.error, context_.reply_id);
  }

  void append_usage(std::string& out) const {
    out += R"(,"usage":)";
    json::Writer writer(out);
    write_usage(writer, *usage_);
  }

  ReplyContext context_;
  std::string head_;   // an open chunk, without its choices
  std::string delta_;  // an open chunk, up to the members of its delta
  std::string tail_;   // closes it
  std::vector<Part> parts_;
  std::size_t tools_ = 0;
  std::optional<chat::Usage> usage_;
  bool over_ = false;
};

class WholeEncoder final : public ReplyEncoder {
 public:
  explicit WholeEncoder(const ReplyContext& context) : context_(context) {}

  std::string_view content_type() const override { return "application/json"; }

  // The order of the events is their maker's care; a breach, or a failure, leaves no body.
  void encode(const chat::Event& event, std::string& out) override {
    if (broken_) return;
    broken_ = !fold_.add(event).has_value();
    if (!broken_ && std::holds_alternative<chat::ReplyEnded>(event)) write(out);
  }

 private:
  void write(std::string& out) const {
    const auto& reply = fold_.reply();
    json::Writer writer(out);
    writer.begin_object().member("id", prefixed(context_.reply_id)).member("object", "chat.completion");
    writer.member("created", context_.created_s).member("model", context_.model);
    writer.key("choices").begin_array().begin_object().member("index", 0).key("message");
    write_message(writer, reply);
    writer.member_null("logprobs");
    writer.member("finish_reason", finish_reason_of(reply.stop_reason, reply.provider_stop_reason));
    writer.end_object().end_array();
    if (reply.usage && reply.usage->known()) {
      writer.key("usage");
      write_usage(writer, *reply.usage);
    }
    writer.end_object();
  }

  static void write_message(json::Writer& writer, const chat::Reply& reply) {
    std::string text, reasoning, refusal;
    std::vector<const chat::ToolCall*> calls;
    std::vector<const chat::Citation*> citations;
    bool has_text = false;
    for (const auto& part : reply.parts) {
      if (const auto* words = std::get_if<chat::Text>(&part.content)) {
        text += words->text;
        has_text = true;
        for (const auto& citation : part.citations)
          if (!citation.url.empty()) citations.push_back(&citation);
      } else if (const auto* thought = std::get_if<chat::Reasoning>(&part.content)) {
        reasoning += thought->text;
      } else if (const auto* refused = std::get_if<chat::Refusal>(&part.content)) {
        refusal += refused->text;
      } else if (const auto* call = std::get_if<chat::ToolCall>(&part.content)) {
        calls.push_back(call);
      }
    }
    writer.begin_object().member("role", "assistant").key("content");
    if (has_text || (calls.empty() && refusal.empty())) {
      writer.string(text);
    } else {
      writer.null();
    }
    if (!reasoning.empty()) writer.member("reasoning_content", reasoning);
    writer.key("refusal");
    if (refusal.empty()) {
      writer.null();
    } else {
      writer.string(refusal);
    }
    write_calls(writer, calls);
    if (!citations.empty()) {
      writer.key("annotations").begin_array();
      for (const auto* citation : citations) write_citation(writer, *citation);
      writer.end_array();
    }
    writer.end_object();
  }

  static void write_calls(json::Writer& writer, const std::vector<const chat::ToolCall*>& calls) {
    if (calls.empty()) return;
    writer.key("tool_calls").begin_array();
    for (const auto* call : calls) {
      const bool custom = call->kind == chat::ToolKind::custom;
      writer.begin_object().member("id", call->id).member("type", custom ? "custom" : "function");
      writer.key(custom ? "custom" : "function").begin_object().member("name", call->name);
      writer.member(custom ? "input" : "arguments", call->input).end_object().end_object();
    }
    writer.end_array();
  }

  ReplyContext context_;
  chat::Fold fold_;
  bool broken_ = false;
};

}  // namespace

std::unique_ptr<ReplyEncoder> make_encoder(const ReplyContext& context) {
  if (context.delivery == chat::Delivery::stream) return std::make_unique<StreamEncoder>(context);
  return std::make_unique<WholeEncoder>(context);
}

}  // namespace maestro::dialect::openai_chat
