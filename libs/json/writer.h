// The only writer of JSON: appends to a string of the caller, puts the commas, escapes, and replaces broken UTF-8 by
// U+FFFD, so that what it writes can always be read. raw() passes JSON text through unchecked: it must be whole values.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace maestro::json {

// Appends `text` with its quotes.
void append_string(std::string& out, std::string_view text);
// Appends `text` with broken UTF-8 replaced by U+FFFD, and nothing else changed.
void append_repaired(std::string& out, std::string_view text);
bool is_utf8(std::string_view text);

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  Writer& begin_object() { return open('{'); }
  Writer& end_object() { return close('}'); }
  Writer& begin_array() { return open('['); }
  Writer& end_array() { return close(']'); }
  Writer& key(std::string_view name);
  Writer& string(std::string_view text);
  Writer& integer(std::int64_t number);
  Writer& number(double number);  // what JSON cannot say (infinity) becomes null
  Writer& boolean(bool value) { return raw(value ? "true" : "false"); }
  Writer& null() { return raw("null"); }
  Writer& raw(std::string_view json_text);
  // The members of an object given as text, put into the open object: "{"a":1}" adds "a":1.
  Writer& members_of(std::string_view object_text);

  // Members, the commonest ones.
  Writer& member(std::string_view name, std::string_view text) { return key(name).string(text); }
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  Writer& member(std::string_view name, T value) {
    return key(name).integer(static_cast<std::int64_t>(value));
  }
  Writer& member(std::string_view name, double value) { return key(name).number(value); }
  Writer& member_flag(std::string_view name, bool value) { return key(name).boolean(value); }
  Writer& member_raw(std::string_view name, std::string_view json_text) { return key(name).raw(json_text); }
  Writer& member_null(std::string_view name) { return key(name).null(); }

 private:
  Writer& open(char bracket);
  Writer& close(char bracket);
  void before_value();

  std::string& out_;
  bool comma_ = false;  // the next key or element needs one
};

}  // namespace maestro::json
