// The verbatim lane's look at a provider's reply: usage, stop reason, terminal, errors. It holds no bytes but an event
// that was cut, and reads only those events that can say something: in an ordinary one the three words that matter are
// absent or null. They cannot stand in a text, because there the quotes are escaped.
#include <cstring>

#include "base/limits.h"
#include "dialect/openai_chat/chunk.h"
#include "dialect/openai_chat/openai_chat.h"
#include "dialect/openai_chat/words.h"
#include "sse/splitter.h"

namespace maestro::dialect::openai_chat {
namespace {

Error failed(std::string message) { return {ErrorKind::provider_failed, std::move(message)}; }

// What an observer tells, however the bytes came.
class Observer : public ReplyObserver {
 public:
  explicit Observer(json::OutlineParser& parser) : parser_(parser) {}

  bool saw_event() const override { return events_ > 0; }
  bool saw_terminal() const override { return terminal_; }
  const std::optional<Error>& error_event() const override { return error_event_; }
  const chat::Usage& usage() const override { return usage_; }
  std::string_view stop_reason() const override { return stop_reason_; }
  std::uint64_t events() const override { return events_; }

 protected:
  void learn(const Chunk& chunk) {
    if (!chunk.finish_reason.empty()) {
      stop_reason_ = chunk.finish_reason;
      terminal_ = true;
    }
    if (!chunk.usage) return;
    const bool nothing = chunk.usage->input_tokens().value_or(0) == 0 && chunk.usage->output_tokens.value_or(0) == 0;
    if (!nothing || !usage_.known()) usage_ = *chunk.usage;
  }

  json::OutlineParser& parser_;
  Chunk chunk_;
  chat::Usage usage_;
  std::string stop_reason_;
  std::optional<Error> error_event_;
  std::uint64_t events_ = 0;
  bool terminal_ = false;
};

// True when `"key":` stands there and its value is not null.
bool says(std::string_view data, std::string_view quoted_key) {
  const auto* at = static_cast<const char*>(memmem(data.data(), data.size(), quoted_key.data(), quoted_key.size()));
  if (at == nullptr) return false;
  const auto* end = data.data() + data.size();
  for (at += quoted_key.size(); at < end; ++at)
    if (*at != ' ' && *at != ':') return *at != 'n';
  return false;
}

// Begins and ends as an object does, white space apart.
bool is_braced(std::string_view data) {
  constexpr std::string_view white_space = " \t\r\n";
  const auto begin = data.find_first_not_of(white_space);
  return begin != std::string_view::npos && data[begin] == '{' && data[data.find_last_not_of(white_space)] == '}';
}

class StreamObserver final : public Observer {
 public:
  using Observer::Observer;

  Result<void> feed(std::string_view bytes) override {
    open_bytes_ += bytes.size();
    auto fed = splitter_.feed(bytes, [&](const sse::Message& message) {
      auto taken = take(message);
      if (taken) open_bytes_ = bytes.size() - splitter_.consumed();
      return taken;
    });
    if (fed && splitter_.at_boundary()) open_bytes_ = 0;
    return fed;
  }

  Result<void> end() override {
    if (events_ == 0) return failed("the provider's stream was empty");
    if (terminal_ || error_event_) return success();
    auto error = failed("the provider's stream ended before its reply was complete");
    error.provider_code = unexpected_eof;
    return error;
  }

  bool at_event_boundary() const override { return splitter_.at_boundary(); }
  std::size_t open_event_bytes() const override { return open_bytes_; }

 private:
  Result<void> take(const sse::Message& message) {
    if (message.data.empty()) return success();  // a keep-alive
    if (done_) return success();                 // whatever stands behind the end says nothing
    if (message.data == "[DONE]") {
      done_ = true;
      // Alone it is an empty stream.
      if (events_ > 0) terminal_ = true;
      return success();
    }
    const bool first = events_ == 0;
    // What was cut inside a provider has lost its end: no client can read it.
    if (!first && !is_braced(message.data))
      return failed("the provider's stream holds an event that is no JSON object");
    if (!first && !speaks(message)) {
      ++events_;
      return success();
    }
    if (auto read = read_chunk_text(parser_, message.data, message.data.size(), chunk_); !read) {
      if (first) return read;
      ++events_;
      return success();
    }
    const bool is_error = !chunk_.error_json.empty() || message.event == "error";
    if (is_error) {
      auto error = decode_error_value(chunk_.error_json.empty() ? message.data : std::string_view(chunk_.error_json));
      if (first) return error;
      error_event_ = std::move(error);
    } else if (first && !chunk_.has_choices && !chunk_.usage) {
      return success();  // not of a reply yet: a keep-alive
    }
    learn(chunk_);
    ++events_;
    return success();
  }

  static bool speaks(const sse::Message& message) {
    return says(message.data, R"("finish_reason")") || says(message.data, R"("usage")") ||
           says(message.data, R"("error")") || message.event == "error";
  }

  sse::Splitter splitter_;
  std::size_t open_bytes_ = 0;  // since the last whole event
  bool done_ = false;
};

// A whole body that is longer than the probe for errors is committed. Of a long one only the end is kept, because usage
// stands there.
class WholeObserver final : public Observer {
 public:
  using Observer::Observer;

  Result<void> feed(std::string_view bytes) override {
    if (bytes.size() > window_bytes) {
      body_.append(bytes.substr(bytes.size() - window_bytes));
      cut_ = true;
    } else {
      body_ += bytes;
    }
    if (!begun_) begun_ = body_.find_first_not_of(" \t\r\n") != std::string::npos;
    if (body_.size() > window_bytes) events_ = 1;
    if (body_.size() > 2 * window_bytes) {
      body_.erase(0, body_.size() - window_bytes);
      cut_ = true;
    }
    return success();
  }

  Result<void> end() override {
    if (!begun_) return failed("the provider's reply was empty");
    if (cut_) {
      learn_from_tail();
    } else {
      if (auto read = read_chunk_text(parser_, body_, body_.size(), chunk_); !read) return read;
      if (!chunk_.error_json.empty()) return decode_error_value(chunk_.error_json);
      learn(chunk_);
    }
    terminal_ = true;
    events_ = 1;
    return success();
  }

  bool at_event_boundary() const override { return terminal_; }
  std::size_t open_event_bytes() const override { return 0; }

 private:
  static constexpr std::size_t window_bytes = limits::error_body_bytes_max;

  // The value that follows the last `key`, where the tail is whole.
  std::optional<json::Cursor> last_value(std::string_view key) {
    const auto at = body_.rfind(key);
    if (at == std::string::npos) return {};
    const auto value = body_.find_first_not_of(": \t\r\n", at + key.size());
    if (value == std::string::npos) return {};
    const auto rest = std::string_view(body_).substr(value);
    auto cursor = parser_.scan(rest, rest.size());
    if (!cursor) return {};
    return *cursor;
  }

  void learn_from_tail() {
    chunk_.clear();
    if (auto cursor = last_value(R"("usage")")) read_usage(*cursor, chunk_.usage);
    if (auto cursor = last_value(R"("finish_reason")"); cursor && cursor->kind() == json::Kind::string)
      cursor->string(chunk_.finish_reason);
    learn(chunk_);
  }

  std::string body_;
  bool begun_ = false;
  bool cut_ = false;
};

}  // namespace

std::unique_ptr<ReplyObserver> make_observer(chat::Delivery delivery, json::OutlineParser& parser) {
  if (delivery == chat::Delivery::stream) return std::make_unique<StreamObserver>(parser);
  return std::make_unique<WholeObserver>(parser);
}

}  // namespace maestro::dialect::openai_chat
