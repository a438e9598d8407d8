#include "json/writer.h"

#include <array>
#include <charconv>
#include <cmath>

#include "json/utf8.h"

namespace maestro::json {
namespace {

// What a byte asks for: nothing, an escape, or a look at the code point that it begins.
enum class Care : std::uint8_t { none, escape, code_point };

constexpr auto cares = [] {
  std::array<Care, 256> table{};
  for (std::size_t byte = 0; byte < 0x20; ++byte) table[byte] = Care::escape;
  table['"'] = table['\\'] = table[0x7F] = Care::escape;
  for (std::size_t byte = 0x80; byte < 256; ++byte) table[byte] = Care::code_point;
  return table;
}();

void append_escape(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    default:
      break;
  }
  constexpr std::string_view digits = "0123456789abcdef";
  const auto byte = static_cast<std::uint8_t>(c);
  out += "\\u00";
  out += digits[byte >> 4];
  out += digits[byte & 0xF];
}

// Copies the runs that need no care; the others go through `escape` or are replaced.
template <class Escape>
void append_carefully(std::string& out, std::string_view text, Escape&& escape) {
  std::size_t run = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto care = cares[static_cast<std::uint8_t>(text[at])];
    if (care == Care::none) {
      ++at;
      continue;
    }
    if (care == Care::code_point) {
      const auto bytes = code_point_bytes(text, at);
      if (bytes != 0) {
        at += bytes;
        continue;
      }
    }
    out.append(text, run, at - run);
    if (care == Care::code_point) {
      out += replacement_character;
    } else {
      escape(out, text[at]);
    }
    run = ++at;
  }
  out.append(text, run, text.size() - run);
}

}  // namespace

void append_string(std::string& out, std::string_view text) {
  out += '"';
  append_carefully(out, text, append_escape);
  out += '"';
}

void append_repaired(std::string& out, std::string_view text) {
  append_carefully(out, text, [](std::string& to, char c) { to += c; });
}

bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto bytes = code_point_bytes(text, at);
    if (bytes == 0) return false;
    at += bytes;
  }
  return true;
}

void Writer::before_value() {
  if (comma_) out_ += ',';
  comma_ = true;
}

Writer& Writer::open(char bracket) {
  before_value();
  out_ += bracket;
  comma_ = false;
  return *this;
}

Writer& Writer::close(char bracket) {
  out_ += bracket;
  comma_ = true;
  return *this;
}

Writer& Writer::key(std::string_view name) {
  before_value();
  append_string(out_, name);
  out_ += ':';
  comma_ = false;
  return *this;
}

Writer& Writer::string(std::string_view text) {
  before_value();
  append_string(out_, text);
  return *this;
}

Writer& Writer::integer(std::int64_t number) {
  before_value();
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out_.append(digits.data(), end);
  return *this;
}

Writer& Writer::number(double number) {
  if (!std::isfinite(number)) return null();
  before_value();
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out_.append(digits.data(), end);
  return *this;
}

Writer& Writer::raw(std::string_view json_text) {
  before_value();
  out_ += json_text;
  return *this;
}

Writer& Writer::members_of(std::string_view object_text) {
  const auto open = object_text.find('{');
  const auto close = object_text.rfind('}');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return *this;
  const auto members = object_text.substr(open + 1, close - open - 1);
  if (members.find_first_not_of(" \n\t\r") == std::string_view::npos) return *this;
  return raw(members);
}

}  // namespace maestro::json
