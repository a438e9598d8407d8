#include "registry/json_text.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/limits.h"

namespace maestro::registry {
namespace {

constexpr std::size_t shown_bytes_max = 80;

// Builds the document from the parser's events. Made anew for each text; stops at the first thing that is wrong.
class Builder final {
 public:
  Builder(std::string_view text, Doubles doubles) : text_(text), doubles_(doubles) {}

  bool null() { return put(nullptr); }
  bool boolean(bool value) { return put(value); }
  bool number_integer(std::int64_t value) { return put(value); }
  bool number_unsigned(std::uint64_t value) { return put(value); }
  bool number_float(double value, const std::string&) { return put(value); }
  bool string(std::string& value) { return put(std::move(value)); }
  bool binary(nlohmann::json::binary_t&) { return false; }
  bool start_object(std::size_t) { return open(Json::object()); }
  bool start_array(std::size_t) { return open(Json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(std::string& name) {
    if (doubles_ == Doubles::refuse && open_.back()->contains(name)) {
      problem_ = "the member \"" + shown(name) + "\" stands twice; remove one";
      return false;
    }
    key_ = std::move(name);
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception& error) {
    problem_ = place_of(text_, position == 0 ? 0 : position - 1) + ": " + without_values(error.what());
    return false;
  }

  const std::string& problem() const { return problem_; }
  Json take() { return std::move(root_); }

 private:
  template <class Value>
  Json* add(Value&& value) {
    if (open_.empty()) {
      root_ = std::forward<Value>(value);
      return &root_;
    }
    Json& parent = *open_.back();
    if (parent.is_array()) {
      parent.push_back(std::forward<Value>(value));
      return &parent.back();
    }
    Json& member = parent[key_];
    member = std::forward<Value>(value);
    return &member;
  }
  template <class Value>
  bool put(Value&& value) {
    add(std::forward<Value>(value));
    return true;
  }
  bool open(Json container) {
    if (open_.size() >= limits::json_nesting_max) {
      problem_ = "nested more than " + std::to_string(limits::json_nesting_max) + " levels deep";
      return false;
    }
    open_.push_back(add(std::move(container)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  // "syntax error while parsing object key - unexpected ','; expected string literal" of the parser's long text.
  static std::string without_values(std::string_view what) {
    if (const auto begin = what.find(": "); begin != std::string_view::npos) what.remove_prefix(begin + 2);
    if (what.starts_with("[json.exception")) what.remove_prefix(std::min(what.size(), what.find("] ") + 2));
    const auto last_read = what.find("; last read: '");
    if (last_read == std::string_view::npos) {
      return what.starts_with("number overflow") ? "a number is too large" : std::string(what);
    }
    std::string text(what.substr(0, last_read));
    if (const auto expected = what.rfind("'; expected "); expected != std::string_view::npos && expected > last_read) {
      text += what.substr(expected + 1);
    }
    return text;
  }

  std::string_view text_;
  Doubles doubles_;
  Json root_;
  std::vector<Json*> open_;  // a container does not move while one inside it is open
  std::string key_;
  std::string problem_;
};

class Scanner final {
 public:
  Scanner(std::string_view text, std::size_t offset) : text_(text), at_(offset) {}

  std::size_t at() const { return at_; }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void skip(std::size_t count) { at_ += count; }
  void skip_spaces() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) ++at_;
  }
  void skip_string() {
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\') ++at_;
    }
    ++at_;
  }
  void skip_value() {
    std::size_t depth = 0;
    do {
      const char next = peek();
      if (next == '"') {
        skip_string();
        continue;
      }
      if (next == '{' || next == '[') ++depth;
      if (next == '}' || next == ']') {
        if (depth == 0) return;
        --depth;
      }
      if (depth == 0 && next == ',') return;
      ++at_;
    } while (at_ < text_.size() && (depth > 0 || !ends_value()));
  }

 private:
  bool ends_value() const { return std::string_view(" \t\r\n,}]").find(text_[at_]) != std::string_view::npos; }

  std::string_view text_;
  std::size_t at_;
};

nlohmann::json sorted(const Json& json) {
  if (json.is_object()) {
    nlohmann::json object = nlohmann::json::object();
    for (const auto& [key, value] : json.items()) object[key] = sorted(value);
    return object;
  }
  if (json.is_array()) {
    nlohmann::json array = nlohmann::json::array();
    for (const Json& value : json) array.push_back(sorted(value));
    return array;
  }
  return nlohmann::json(json);
}

}  // namespace

Result<Json> parse_json(std::string_view text, Doubles doubles) {
  Builder builder(text, doubles);
  if (!Json::sax_parse(text, &builder)) return Error(ErrorKind::invalid_request, builder.problem());
  return builder.take();
}

std::string canonical_text(const Json& json) {
  return sorted(json).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string place_of(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const auto line_begin = before.rfind('\n');
  const std::size_t column = before.size() - (line_begin == std::string_view::npos ? 0 : line_begin + 1) + 1;
  return std::to_string(line) + ':' + std::to_string(column);
}

std::size_t root_of(std::string_view text) {
  Scanner scanner(text, text.starts_with("\xEF\xBB\xBF") ? 3 : 0);
  scanner.skip_spaces();
  return scanner.at();
}

std::vector<Member> members_of(std::string_view text, std::size_t offset) {
  std::vector<Member> members;
  Scanner scanner(text, offset);
  if (scanner.peek() != '{') return members;
  scanner.skip(1);
  for (;;) {
    scanner.skip_spaces();
    if (scanner.peek() == ',') {
      scanner.skip(1);
      scanner.skip_spaces();
    }
    if (scanner.peek() != '"') return members;
    Member member;
    member.key_begin = scanner.at();
    scanner.skip_string();
    const Json key = Json::parse(text.substr(member.key_begin, scanner.at() - member.key_begin), nullptr, false);
    if (key.is_string()) member.key = key.get<std::string>();
    scanner.skip_spaces();
    scanner.skip(1);
    scanner.skip_spaces();
    member.value_begin = scanner.at();
    scanner.skip_value();
    member.value_end = scanner.at();
    members.push_back(std::move(member));
  }
}

std::string_view type_of(const Json& json) {
  switch (json.type()) {
    case Json::value_t::null:
      return "null";
    case Json::value_t::object:
      return "an object";
    case Json::value_t::array:
      return "a list";
    case Json::value_t::string:
      return "a text";
    case Json::value_t::boolean:
      return "true or false";
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
      return "a whole number";
    case Json::value_t::number_float:
      return "a number with a fraction";
    case Json::value_t::binary:
    case Json::value_t::discarded:
      break;
  }
  return "nothing";
}

std::string shown(std::string_view name) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const char letter : name) {
    if (text.size() >= shown_bytes_max && (static_cast<unsigned char>(letter) & 0xC0U) != 0x80U) return text + "...";
    const auto code = static_cast<unsigned char>(letter);
    if (code < 0x20 || code == 0x7F) {
      text += "\\x";
      text += digits[code >> 4];
      text += digits[code & 0xF];
    } else {
      text += letter;
    }
  }
  return text;
}

}  // namespace maestro::registry
