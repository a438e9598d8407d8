// Canonical messages to entries of `messages`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "chat/request.h"
#include "json/writer.h"

namespace maestro::dialect::openai_chat {

// What could not be said, each name once, in order.
class Dropped {
 public:
  void add(std::string_view name);
  std::vector<std::string> take() { return std::move(names_); }

 private:
  std::vector<std::string> names_;
};

class MessageWriter {
 public:
  MessageWriter(json::Writer& writer, Dropped& dropped, std::string_view model);
  // Writes one message, or several: each tool result is one of its own. Error: a part whose loss changes the meaning.
  Result<void> write(const chat::Message& message, std::size_t index);

 private:
  void begin(const chat::Message& message, std::string_view role);
  void joined_texts(const std::vector<const chat::Part*>& texts);
  Result<void> system(const chat::Message& message);
  Result<void> user(const chat::Message& message);
  Result<void> assistant(const chat::Message& message);
  void tool_result(const chat::Part& part, std::vector<const chat::Part*>& attachments);
  void tool_call(const chat::ToolCall& call);
  Result<void> content_part(const chat::Part& part);
  Result<void> document(const chat::Part& part, const chat::Media& media);
  Error misplaced(std::string_view what) const;

  json::Writer& writer_;
  Dropped& dropped_;
  bool reasoning_wanted_;
  std::size_t index_ = 0;
};

}  // namespace maestro::dialect::openai_chat
