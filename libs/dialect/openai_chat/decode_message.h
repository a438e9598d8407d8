// One entry of `messages` to canonical messages.
#pragma once

#include <vector>

#include "chat/request.h"
#include "json/outline.h"

namespace maestro::dialect::openai_chat {

// Members that have no canonical word, gathered as the text of an object.
class Leftovers {
 public:
  void add(json::Cursor& cursor, std::string_view key);
  bool empty() const { return text_.empty(); }
  std::string take();  // "{...}"; empty when there were none

 private:
  std::string text_;
};

// Reads the object at the cursor and appends it. Tool results that follow each other become one message of the user.
bool decode_message(json::Cursor& cursor, std::vector<chat::Message>& messages);

}  // namespace maestro::dialect::openai_chat
