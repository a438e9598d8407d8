// A provider's reply to canonical events, streamed or whole: a whole one is a single chunk with its terminal.
//
// Texts are told as they come. Texts, reasoning and refusals take turns: one of them is open at a time. Tool calls stay
// open beside them until the end, because their fragments interleave. The terminal is held until [DONE] or the end of
// the bytes, so that usage which comes after the finish reason is in it, and a reply that goes on after its finish
// reason is none.
#include <algorithm>
#include <optional>

#include "base/limits.h"
#include "dialect/openai_chat/chunk.h"
#include "dialect/openai_chat/openai_chat.h"
#include "dialect/openai_chat/words.h"
#include "sse/splitter.h"

namespace maestro::dialect::openai_chat {
namespace {

using chat::Event;
using Events = std::vector<Event>;

constexpr std::string_view white_space = " \t\r\n";

Error failed(std::string message) { return {ErrorKind::provider_failed, std::move(message)}; }

Error cut() {
  auto error = failed("the provider's stream ended before its reply was complete");
  error.provider_code = unexpected_eof;
  return error;
}

// Chunks to events.
class Assembly {
 public:
  Result<void> take(Chunk& chunk, Events& out);
  // The provider said that the reply is over. `strict`: a reply without a finish reason was cut.
  Result<void> finish(Events& out, chat::Delivery delivery);
  bool started() const { return started_; }
  bool ended() const { return ended_; }

 private:
  struct Call {
    std::uint32_t part = 0;
    std::optional<std::int64_t> index{};
    std::string id{};
    std::string name{};
    std::string held{};  // input that came before it could be told: before the name, or blank
    chat::ToolKind kind = chat::ToolKind::function;
    bool started = false;
    bool told = false;  // some input was told
  };

  void start(const Chunk& chunk, Events& out);
  void prose(chat::PartKind kind, std::string& text, Events& out);
  void close_prose(Events& out);
  void sign(std::string& signature, Events& out);
  Result<void> tool(ToolDelta& delta, Events& out);
  Result<Call*> call_of(const ToolDelta& delta);
  void start_call(Call& call, Events& out);
  void extend_call(Call& call, std::string& input, Events& out);
  Result<void> close_calls(Events& out);
  void report(const chat::Usage& usage, Events& out);
  Result<void> count(std::size_t events);

  std::string id_;
  std::string finish_reason_;
  std::string signature_;
  std::optional<chat::Usage> usage_;
  std::vector<Call> calls_;
  chat::PartKind prose_kind_ = chat::PartKind::text;
  std::uint32_t prose_part_ = 0;
  std::uint32_t parts_ = 0;
  std::size_t events_ = 0;
  bool prose_open_ = false;
  bool started_ = false;
  bool finished_ = false;
  bool ended_ = false;
};

Result<void> Assembly::take(Chunk& chunk, Events& out) {
  if (!chunk.error_json.empty()) return decode_error_value(chunk.error_json);
  if (!chunk.has_choices && !chunk.usage) return success();  // not of a reply: keep-alives, filters' notes
  const auto before = out.size();
  start(chunk, out);
  if (finished_ && chunk.has_content()) return failed("the provider's stream went on after its finish reason");
  if (!chunk.reasoning.empty()) prose(chat::PartKind::reasoning, chunk.reasoning, out);
  if (!chunk.signature.empty()) sign(chunk.signature, out);
  if (!chunk.text.empty()) prose(chat::PartKind::text, chunk.text, out);
  for (auto& citation : chunk.citations) {
    std::string none;
    if (!prose_open_ || prose_kind_ != chat::PartKind::text) prose(chat::PartKind::text, none, out);
    out.emplace_back(chat::PartCited{prose_part_, std::move(citation)});
  }
  if (!chunk.refusal.empty()) prose(chat::PartKind::refusal, chunk.refusal, out);
  for (auto& delta : chunk.tools)
    if (auto taken = tool(delta, out); !taken) return taken;
  if (chunk.usage) report(*chunk.usage, out);
  if (!chunk.finish_reason.empty()) {
    finish_reason_ = chunk.finish_reason;
    finished_ = true;
  }
  return count(out.size() - before);
}

Result<void> Assembly::count(std::size_t events) {
  events_ += events;
  if (events_ <= limits::reply_events_max) return success();
  return failed("the provider's reply has more than " + std::to_string(limits::reply_events_max) + " events");
}

void Assembly::start(const Chunk& chunk, Events& out) {
  if (started_) return;
  started_ = true;
  id_ = chunk.id;
  out.emplace_back(chat::ReplyStarted{chunk.id, chunk.model, {}});
}

void Assembly::prose(chat::PartKind kind, std::string& text, Events& out) {
  if (prose_open_ && prose_kind_ != kind) close_prose(out);
  if (!prose_open_) {
    prose_open_ = true;
    prose_kind_ = kind;
    prose_part_ = parts_++;
    out.emplace_back(chat::PartStarted{prose_part_, kind, {}, {}});
  }
  if (!text.empty()) out.emplace_back(chat::PartExtended{prose_part_, std::move(text)});
}

void Assembly::close_prose(Events& out) {
  if (!prose_open_) return;
  prose_open_ = false;
  chat::PartEnded ended{prose_part_, {}, false, {}};
  if (prose_kind_ == chat::PartKind::reasoning && !signature_.empty()) {
    ended.signature.emplace();
    ended.signature->value = std::exchange(signature_, {});
  }
  out.emplace_back(std::move(ended));
}

// Copilot signs its reasoning after it, or instead of it.
void Assembly::sign(std::string& signature, Events& out) {
  std::string none;
  if (!prose_open_ || prose_kind_ != chat::PartKind::reasoning) prose(chat::PartKind::reasoning, none, out);
  signature_ += signature;
}

// Whose fragment this is: by index, unless another id shows that the index is not meant; by id; else the last call's.
Result<Assembly::Call*> Assembly::call_of(const ToolDelta& delta) {
  const auto is_it = [&](const Call& call) {
    if (delta.index && call.index) {
      return *delta.index == *call.index && (delta.id.empty() || call.id.empty() || delta.id == call.id);
    }
    return !delta.id.empty() && delta.id == call.id;
  };
  const auto found = std::find_if(calls_.rbegin(), calls_.rend(), is_it);
  if (found != calls_.rend()) return &*found;
  const bool continues = !delta.index && delta.id.empty() && delta.name.empty();
  if (continues && !calls_.empty()) return &calls_.back();
  if (calls_.size() >= limits::tool_calls_max)
    return failed("the provider's reply has more than " + std::to_string(limits::tool_calls_max) + " tool calls");
  auto& call = calls_.emplace_back();
  call.index = delta.index;
  return &call;
}

Result<void> Assembly::tool(ToolDelta& delta, Events& out) {
  auto found = call_of(delta);
  if (!found) return found.error();
  auto& call = **found;
  if (call.id.empty()) call.id = std::move(delta.id);
  if (call.name.empty()) {
    call.name = std::move(delta.name);
    if (delta.kind == chat::ToolKind::custom) call.kind = delta.kind;
  }
  if (!call.started && !call.name.empty()) start_call(call, out);
  extend_call(call, delta.input, out);
  return success();
}

void Assembly::start_call(Call& call, Events& out) {
  call.started = true;
  call.part = parts_++;
  const auto number = static_cast<std::size_t>(&call - calls_.data());
  if (call.id.empty()) call.id = "call_" + (id_.empty() ? std::string() : id_ + "_") + std::to_string(number);
  chat::ToolCall told;
  told.id = call.id;
  told.name = call.name;
  told.kind = call.kind;
  out.emplace_back(chat::PartStarted{call.part, chat::PartKind::tool_call, std::move(told), {}});
}

void Assembly::extend_call(Call& call, std::string& input, Events& out) {
  const bool blank = call.kind == chat::ToolKind::function && !call.told &&
                     input.find_first_not_of(white_space) == std::string::npos &&
                     call.held.find_first_not_of(white_space) == std::string::npos;
  if (!call.started || blank) {
    call.held += input;
    return;
  }
  auto text = call.held.empty() ? std::move(input) : std::exchange(call.held, {}) + input;
  if (text.empty()) return;
  call.told = true;
  out.emplace_back(chat::PartExtended{call.part, std::move(text)});
}

Result<void> Assembly::close_calls(Events& out) {
  for (auto& call : calls_) {
    if (!call.started) return failed("the provider called a tool without saying its name");
    if (!call.told && call.kind == chat::ToolKind::function) out.emplace_back(chat::PartExtended{call.part, "{}"});
    out.emplace_back(chat::PartEnded{call.part, {}, false, {}});
  }
  return success();
}

void Assembly::report(const chat::Usage& usage, Events& out) {
  const bool nothing = usage.input_tokens().value_or(0) == 0 && usage.output_tokens.value_or(0) == 0;
  if (usage_ && (nothing || *usage_ == usage)) return;
  usage_ = usage;
  out.emplace_back(chat::UsageReported{usage});
}

Result<void> Assembly::finish(Events& out, chat::Delivery delivery) {
  if (ended_) return success();
  if (!started_) return failed("the provider's stream was empty");
  if (!finished_ && delivery == chat::Delivery::stream) return cut();
  close_prose(out);
  if (auto closed = close_calls(out); !closed) return closed;
  ended_ = true;
  chat::ReplyEnded ended;
  ended.provider_stop_reason = finish_reason_;
  ended.stop_reason = finish_reason_.empty() ? chat::StopReason::end : stop_reason_of(finish_reason_);
  if (!calls_.empty() && ended.stop_reason == chat::StopReason::end) ended.stop_reason = chat::StopReason::tool_calls;
  ended.usage = usage_;
  out.emplace_back(std::move(ended));
  return success();
}

class StreamDecoder final : public ReplyDecoder {
 public:
  Result<void> feed(std::string_view bytes, Events& out) override {
    return splitter_.feed(bytes, [&](const sse::Message& message) { return take(message, out); });
  }

  Result<void> end(Events& out) override { return assembly_.finish(out, chat::Delivery::stream); }

 private:
  Result<void> take(const sse::Message& message, Events& out) {
    if (assembly_.ended() || message.data.empty()) return success();  // empty: a keep-alive
    if (message.data == "[DONE]") return assembly_.finish(out, chat::Delivery::stream);
    // Some name the event of an error, and put the error itself into the data.
    if (auto read = read_chunk_text(parser_, message.data, message.data.size(), chunk_); !read) return read;
    if (message.event == "error" && chunk_.error_json.empty()) return decode_error_value(message.data);
    return assembly_.take(chunk_, out);
  }

  sse::Splitter splitter_;
  json::OutlineParser parser_;
  Chunk chunk_;
  Assembly assembly_;
};

class WholeDecoder final : public ReplyDecoder {
 public:
  Result<void> feed(std::string_view bytes, Events&) override {
    if (body_.size() + bytes.size() > limits::whole_reply_bytes_max) {
      return failed("the provider's reply is larger than " + std::to_string(limits::whole_reply_bytes_max) + " bytes");
    }
    body_ += bytes;
    return success();
  }

  Result<void> end(Events& out) override {
    if (body_.find_first_not_of(white_space) == std::string::npos) return failed("the provider's reply was empty");
    json::OutlineParser parser;
    Chunk chunk;
    if (auto read = read_chunk_text(parser, body_, body_.size(), chunk); !read) return read;
    if (!chunk.error_json.empty()) return decode_error_value(chunk.error_json);
    if (chunk.choices == 0) return failed("the provider's reply holds no choice");
    Assembly assembly;
    if (auto taken = assembly.take(chunk, out); !taken) return taken;
    return assembly.finish(out, chat::Delivery::whole);
  }

 private:
  std::string body_;
};

}  // namespace

std::unique_ptr<ReplyDecoder> make_decoder(chat::Delivery delivery) {
  if (delivery == chat::Delivery::stream) return std::make_unique<StreamDecoder>();
  return std::make_unique<WholeDecoder>();
}

}  // namespace maestro::dialect::openai_chat
