// The outline of a chat request: what the plan needs, and the checks that spare a provider the call. Fields that are
// not named here are the provider's to judge.
#include "json/outline.h"

#include <algorithm>
#include <array>

#include "dialect/openai_chat/openai_chat.h"

namespace maestro::dialect::openai_chat {
namespace {

using json::Cursor;
using json::Kind;

class Walk {
 public:
  Walk(Cursor& cursor, Outline& outline) : cursor_(cursor), outline_(outline) {}

  bool run() {
    const auto start = cursor_.offset();
    if (!cursor_.enter_object()) return false;
    std::string_view key;
    while (cursor_.next_field(key)) {
      const auto* const field = std::ranges::find(fields, key, &Field::name);
      if (field == fields.end()) {
        cursor_.skip();
        continue;
      }
      const auto bit = 1U << static_cast<unsigned>(field - fields.begin());
      if ((seen_ & bit) != 0) return cursor_.fail(cursor_.offset(), "is given twice");
      seen_ |= bit;
      (this->*field->read)();
    }
    return cursor_.at_end() && agree(start);
  }

 private:
  struct Field {
    std::string_view name;
    void (Walk::*read)();
  };
  static const std::array<Field, 17> fields;

  // What only the whole object shows.
  bool agree(std::size_t start) {
    if (outline_.model_size == 0) return cursor_.missing(start, "model");
    if (!messages_) return cursor_.missing(start, "messages");
    if (outline_.stream_options_given && !outline_.stream)
      return cursor_.fail(stream_options_at_, "only allowed when stream is true");
    return true;
  }

  bool is_null() { return cursor_.kind() == Kind::null && cursor_.null(); }

  void model() {
    outline_.model_at = cursor_.offset();
    auto probe = cursor_;
    std::string_view token;
    if (!cursor_.string(outline_.model) || !probe.raw(token)) return;
    outline_.model_size = token.size();
    if (outline_.model.empty()) cursor_.fail(outline_.model_at, "expected the name of a model, got an empty string");
  }

  void stream() {
    if (is_null() || !cursor_.boolean(outline_.stream)) return;
    outline_.needs.stream = outline_.stream;
  }

  void stream_options() {
    stream_options_at_ = cursor_.offset();
    outline_.stream_options_given = true;
    std::string_view key;
    if (!cursor_.enter_object()) return;
    while (cursor_.next_field(key)) {
      if (key == "include_usage") {
        cursor_.boolean(outline_.include_usage);
      } else {
        cursor_.skip();
      }
    }
  }

  void messages() {
    messages_ = true;
    if (!cursor_.enter_array()) return;
    while (cursor_.next_element()) message();
  }

  void message() {
    const auto start = cursor_.offset();
    bool has_role = false;
    std::string_view key;
    if (!cursor_.enter_object()) return;
    while (cursor_.next_field(key)) {
      if (key == "role") {
        std::string_view role;
        has_role = cursor_.string(role);
      } else if (key == "content") {
        content();
      } else if (key == "tool_calls") {
        if (!is_null()) objects();
      } else if (key == "tool_call_id" || key == "name") {
        std::string_view text;
        if (!is_null()) cursor_.string(text);
      } else {
        cursor_.skip();
      }
    }
    if (cursor_.ok() && !has_role) cursor_.missing(start, "role");
  }

  void content() {
    std::string_view text;
    switch (cursor_.kind()) {
      case Kind::string:
        cursor_.skip();
        return;
      case Kind::null:
        cursor_.null();
        return;
      case Kind::array:
        break;
      case Kind::object:
      case Kind::number:
      case Kind::boolean:
      case Kind::nothing:
        cursor_.expected("a string or an array of parts");
        return;
    }
    cursor_.enter_array();
    while (cursor_.next_element()) {
      const auto start = cursor_.offset();
      bool typed = false;
      std::string_view key;
      if (!cursor_.enter_object()) return;
      while (cursor_.next_field(key)) {
        if (key != "type") {
          cursor_.skip();
        } else if (cursor_.string(text)) {
          typed = true;
          part(text);
        }
      }
      if (cursor_.ok() && !typed) cursor_.missing(start, "type");
    }
  }

  void part(std::string_view type) {
    auto& needs = outline_.needs;
    if (type == "image_url") needs.images = true;
    if (type == "file") needs.documents = true;
    if (type == "input_audio") needs.own_dialect_only = true;
  }

  // An array of objects; true when there is one.
  bool objects() {
    bool any = false;
    if (!cursor_.enter_array()) return false;
    while (cursor_.next_element()) {
      any = true;
      if (cursor_.kind() != Kind::object) return cursor_.expected("an object");
      cursor_.skip();
    }
    return any;
  }

  void tools() {
    if (!is_null() && objects()) outline_.needs.tools = true;
  }

  void functions() {
    if (!is_null() && objects()) outline_.needs.tools = outline_.needs.own_dialect_only = true;
  }

  void tool_choice() {
    if (cursor_.kind() != Kind::object && cursor_.kind() != Kind::string && cursor_.kind() != Kind::null) {
      cursor_.expected("a string or an object");
    } else {
      cursor_.skip();
    }
  }

  void parallel_tool_calls() {
    if (!is_null()) cursor_.boolean(outline_.needs.parallel_tools);
  }

  void response_format() {
    std::string_view key;
    if (is_null() || !cursor_.enter_object()) return;
    while (cursor_.next_field(key)) {
      std::string_view type;
      if (key != "type") {
        cursor_.skip();
      } else if (cursor_.string(type)) {
        outline_.needs.structured_output = type != "text";
      }
    }
  }

  void reasoning_effort() {
    if (is_null() || !cursor_.string(outline_.needs.effort)) return;
    if (outline_.needs.effort != "none") outline_.needs.reasoning = true;
  }

  void thinking() {
    std::string_view key;
    if (!cursor_.enter_object()) return;
    outline_.needs.reasoning = true;
    while (cursor_.next_field(key)) {
      std::string_view type;
      if (key != "type") {
        cursor_.skip();
      } else if (cursor_.string(type) && type == "disabled") {
        outline_.needs.reasoning = !outline_.needs.effort.empty();
      }
    }
  }

  void output_tokens() {
    const auto at = cursor_.offset();
    std::int64_t tokens = 0;
    if (is_null() || !cursor_.integer(tokens)) return;
    if (tokens < 0) {
      cursor_.fail(at, "expected a whole number that is not negative");
    } else if (tokens > 0) {
      outline_.needs.output_tokens = tokens;
    }
  }

  void choices() {
    const auto at = cursor_.offset();
    std::int64_t count = 0;
    if (is_null() || !cursor_.integer(count)) return;
    if (count < 1) cursor_.fail(at, "expected at least 1");
    if (count > 1) outline_.needs.own_dialect_only = true;
  }

  void a_number() {
    double number = 0;
    if (!is_null()) cursor_.number(number);
  }

  void audio() {
    if (is_null()) return;
    outline_.needs.own_dialect_only = true;
    if (cursor_.kind() != Kind::object) cursor_.expected("an object");
    cursor_.skip();
  }

  Cursor& cursor_;
  Outline& outline_;
  unsigned seen_ = 0;
  bool messages_ = false;
  std::size_t stream_options_at_ = 0;
};

const std::array<Walk::Field, 17> Walk::fields = {{
    {"model", &Walk::model},
    {"messages", &Walk::messages},
    {"stream", &Walk::stream},
    {"stream_options", &Walk::stream_options},
    {"tools", &Walk::tools},
    {"tool_choice", &Walk::tool_choice},
    {"parallel_tool_calls", &Walk::parallel_tool_calls},
    {"functions", &Walk::functions},
    {"response_format", &Walk::response_format},
    {"reasoning_effort", &Walk::reasoning_effort},
    {"thinking", &Walk::thinking},
    {"max_tokens", &Walk::output_tokens},
    {"max_completion_tokens", &Walk::output_tokens},
    {"n", &Walk::choices},
    {"temperature", &Walk::a_number},
    {"top_p", &Walk::a_number},
    {"audio", &Walk::audio},
}};

}  // namespace

Result<Outline> outline(json::OutlineParser& parser, std::string_view body, std::size_t capacity) {
  auto cursor = parser.scan(body, capacity);
  if (!cursor) return cursor.error();
  Outline outline;
  outline.needs.client_dialect = chat::DialectId::openai_chat;
  if (!Walk(*cursor, outline).run()) return cursor->error();
  return outline;
}

}  // namespace maestro::dialect::openai_chat
