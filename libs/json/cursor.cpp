#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/limits.h"
#include "json/outline.h"
#include "json/scratch.h"
#include "json/utf8.h"

namespace maestro::json {
namespace {

bool is_white(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }
bool ends_scalar(char c) { return is_white(c) || c == ',' || c == ']' || c == '}' || c == ':' || c == '[' || c == '{'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// +1 for an opening bracket, -1 for a closing one.
constexpr auto nesting_steps = [] {
  std::array<std::int8_t, 256> steps{};
  steps['{'] = steps['['] = 1;
  steps['}'] = steps[']'] = -1;
  return steps;
}();

bool is_number(std::string_view text) {
  std::size_t at = text.starts_with('-') ? 1 : 0;
  const auto digits = [&] {
    const auto start = at;
    while (at < text.size() && is_digit(text[at])) ++at;
    return at > start;
  };
  if (at < text.size() && text[at] == '0') {
    ++at;
  } else if (!digits()) {
    return false;
  }
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (!digits()) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (!digits()) return false;
  }
  return at == text.size();
}

bool is_scalar(std::string_view text) { return text == "true" || text == "false" || text == "null" || is_number(text); }

std::optional<std::uint32_t> four_hex_digits(std::string_view text, std::size_t at) {
  if (at + 4 > text.size()) return {};
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data() + at, text.data() + at + 4, value, 16);
  if (error != std::errc{} || end != text.data() + at + 4) return {};
  return value;
}

// Reads the digits of a \u escape at `at`, and those of its other half. A lone surrogate becomes U+FFFD.
std::optional<std::uint32_t> unicode_escape(std::string_view text, std::size_t& at) {
  const auto first = four_hex_digits(text, at);
  if (!first) return {};
  at += 4;
  if (*first < 0xD800 || *first > 0xDFFF) return first;
  if (*first <= 0xDBFF && text.substr(at).starts_with("\\u")) {
    const auto second = four_hex_digits(text, at + 2);
    if (second && *second >= 0xDC00 && *second <= 0xDFFF) {
      at += 6;
      return 0x10000 + ((*first - 0xD800) << 10) + (*second - 0xDC00);
    }
  }
  return 0xFFFD;
}

char simple_escape(char c) {
  switch (c) {
    case '"':
      return '"';
    case '\\':
      return '\\';
    case '/':
      return '/';
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return '\0';
  }
}

bool has_escape(std::string_view text) { return std::memchr(text.data(), '\\', text.size()) != nullptr; }

// Replaces `out`. Where it is broken: the place; else npos.
std::size_t unescape(std::string_view text, std::string& out) {
  out.clear();
  std::size_t at = 0;
  while (at < text.size()) {
    const auto* slash = static_cast<const char*>(std::memchr(text.data() + at, '\\', text.size() - at));
    const auto end = slash != nullptr ? static_cast<std::size_t>(slash - text.data()) : text.size();
    out.append(text, at, end - at);
    if (slash == nullptr) break;
    if (end + 1 >= text.size()) return end;
    at = end + 2;
    if (text[end + 1] == 'u') {
      const auto point = unicode_escape(text, at);
      if (!point) return end;
      append_code_point(out, *point);
    } else if (const char plain = simple_escape(text[end + 1])) {
      out += plain;
    } else {
      return end;
    }
  }
  return std::string_view::npos;
}

}  // namespace

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::object:
      return "an object";
    case Kind::array:
      return "an array";
    case Kind::string:
      return "a string";
    case Kind::number:
      return "a number";
    case Kind::boolean:
      return "a boolean";
    case Kind::null:
      return "null";
    case Kind::nothing:
      return "nothing";
  }
  return "nothing";
}

char Cursor::here() const { return next_ < count_ ? text_[structurals_[next_]] : '\0'; }

std::size_t Cursor::offset() const { return next_ < count_ ? structurals_[next_] : size_; }

Kind Cursor::kind() const {
  switch (here()) {
    case '{':
      return Kind::object;
    case '[':
      return Kind::array;
    case '"':
      return Kind::string;
    case 't':
    case 'f':
      return Kind::boolean;
    case 'n':
      return Kind::null;
    case '\0':
    case '}':
    case ']':
    case ',':
    case ':':
      return Kind::nothing;
    default:
      return Kind::number;
  }
}

std::size_t Cursor::scalar_end() const {
  auto at = offset();
  while (at < size_ && !ends_scalar(text_[at])) ++at;
  return at;
}

// Of the closing quote: nothing but white space stands between it and the next structural character.
std::size_t Cursor::string_end() const {
  auto at = next_ + 1 < count_ ? structurals_[next_ + 1] : size_;
  while (at > 0 && is_white(text_[at - 1])) --at;
  return at - 1;
}

bool Cursor::malformed(std::size_t offset, std::string_view what) {
  if (ok_) {
    ok_ = false;
    scratch_->problem = {offset, true, std::string(what), {}};
  }
  return false;
}

bool Cursor::fail(std::size_t offset, std::string_view expectation) {
  if (ok_) {
    ok_ = false;
    scratch_->problem = {offset, false, std::string(expectation), {}};
  }
  return false;
}

bool Cursor::missing(std::size_t object_offset, std::string_view member) {
  if (ok_) {
    ok_ = false;
    scratch_->problem = {object_offset, false, "is required", std::string(member)};
  }
  return false;
}

bool Cursor::expected(std::string_view what) {
  const auto found = kind();
  if (found == Kind::nothing) return malformed(offset(), "expected a value");
  return fail(offset(), "expected " + std::string(what) + ", got " + std::string(to_string(found)));
}

bool Cursor::open_container() {
  if (++depth_ > limits::json_nesting_max) return malformed(offset(), "nested deeper than 128 levels");
  ++next_;
  return true;
}

bool Cursor::enter_object() {
  if (!ok_) return false;
  if (here() != '{') return expected("an object");
  return open_container();
}

bool Cursor::enter_array() {
  if (!ok_) return false;
  if (here() != '[') return expected("an array");
  return open_container();
}

// True when a further member or element begins; false at the closing bracket, which is taken.
bool Cursor::between(char closing, std::string_view expectation) {
  const char opening = closing == '}' ? '{' : '[';
  const bool first = text_[structurals_[next_ - 1]] == opening;
  const char found = here();
  if (found == closing) {
    ++next_;
    --depth_;
    return false;
  }
  if (first) return true;
  if (found != ',') return malformed(offset(), expectation);
  ++next_;
  return true;
}

bool Cursor::next_element() {
  if (!ok_ || !between(']', "expected ',' or ']'")) return false;
  if (kind() == Kind::nothing) return malformed(offset(), "expected a value");
  return true;
}

bool Cursor::next_field(std::string_view& key) {
  if (!ok_ || !between('}', "expected ',' or '}'")) return false;
  if (here() != '"') return malformed(offset(), "expected a member name in quotes");
  const auto begin = structurals_[next_] + 1U;
  const auto end = string_end();
  if (end < begin || text_[end] != '"') return malformed(offset(), "expected a closing quote");
  key = {text_ + begin, end - begin};
  if (has_escape(key)) {
    if (const auto broken = unescape(key, scratch_->key); broken != std::string_view::npos)
      return malformed(begin + broken, "a broken escape");
    key = scratch_->key;
  }
  ++next_;
  if (here() != ':') return malformed(offset(), "expected ':'");
  ++next_;
  if (kind() == Kind::nothing) return malformed(offset(), "expected a value");
  return true;
}

bool Cursor::check_scalar() {
  const auto begin = offset();
  const auto end = scalar_end();
  if (end == begin) return malformed(begin, "expected a value");
  if (!is_scalar({text_ + begin, end - begin})) return malformed(begin, "a word that JSON does not have");
  ++next_;
  return true;
}

bool Cursor::skip() {
  if (!ok_) return false;
  const char first = here();
  if (first == '"') {
    std::string_view text;
    return string_text(text);
  }
  if (first != '{' && first != '[') return check_scalar();
  std::size_t depth = depth_;
  while (next_ < count_) {
    const auto step = nesting_steps[static_cast<std::uint8_t>(text_[structurals_[next_]])];
    depth += static_cast<std::size_t>(step);
    if (depth > limits::json_nesting_max) return malformed(offset(), "nested deeper than 128 levels");
    ++next_;
    if (depth == depth_) return true;
  }
  return malformed(size_, "the text ends inside a value");
}

bool Cursor::raw(std::string_view& text) {
  if (!ok_) return false;
  const auto begin = offset();
  const char first = here();
  std::size_t end = 0;
  if (first == '"') {
    end = string_end() + 1;
  } else if (first != '{' && first != '[') {
    end = scalar_end();
  }
  if (!skip()) return false;
  if (end == 0) end = structurals_[next_ - 1] + 1U;
  text = {text_ + begin, end - begin};
  return true;
}

bool Cursor::string_text(std::string_view& escaped) {
  if (!ok_) return false;
  if (here() != '"') return expected("a string");
  const auto begin = structurals_[next_] + 1U;
  const auto end = string_end();
  if (end < begin || text_[end] != '"') return malformed(offset(), "expected a closing quote");
  escaped = {text_ + begin, end - begin};
  ++next_;
  return true;
}

bool Cursor::string(std::string_view& text) {
  if (!string_text(text)) return false;
  if (!has_escape(text)) return true;
  const auto broken = unescape(text, scratch_->value);
  if (broken != std::string_view::npos)
    return malformed(static_cast<std::size_t>(text.data() - text_) + broken, "a broken escape");
  text = scratch_->value;
  return true;
}

bool Cursor::string(std::string& text) {
  std::string_view escaped;
  if (!string_text(escaped)) return false;
  const auto broken = unescape(escaped, text);
  if (broken != std::string_view::npos)
    return malformed(static_cast<std::size_t>(escaped.data() - text_) + broken, "a broken escape");
  return true;
}

bool Cursor::integer(std::int64_t& number) {
  if (!ok_) return false;
  if (kind() != Kind::number) return expected("a whole number");
  const auto begin = offset();
  const std::string_view text{text_ + begin, scalar_end() - begin};
  if (!check_scalar()) return false;
  const auto* end = text.data() + text.size();
  if (const auto whole = std::from_chars(text.data(), end, number); whole.ec == std::errc{} && whole.ptr == end)
    return true;
  double real = 0;
  const auto parsed = std::from_chars(text.data(), end, real);
  constexpr double exact_max = 9007199254740992.0;
  if (parsed.ec != std::errc{} || std::abs(real) > exact_max) return fail(begin, "the number is too large");
  if (real != std::floor(real)) return fail(begin, "expected a whole number");
  number = static_cast<std::int64_t>(real);
  return true;
}

bool Cursor::number(double& number) {
  if (!ok_) return false;
  if (kind() != Kind::number) return expected("a number");
  const auto begin = offset();
  const std::string_view text{text_ + begin, scalar_end() - begin};
  if (!check_scalar()) return false;
  if (std::from_chars(text.data(), text.data() + text.size(), number).ec != std::errc{})
    return fail(begin, "the number is too large or too small");
  return true;
}

bool Cursor::boolean(bool& value) {
  if (!ok_) return false;
  const char found = here();
  if (found != 't' && found != 'f') return expected("true or false");
  value = found == 't';
  return check_scalar();
}

bool Cursor::null() { return ok_ && here() == 'n' && check_scalar(); }

bool Cursor::at_end() {
  if (!ok_) return false;
  return next_ >= count_ || malformed(offset(), "expected the end of the text");
}

bool Cursor::check() {
  std::array<bool, limits::json_nesting_max + 1> in_object{};
  const auto base = depth_;
  do {
    const char first = ok_ ? here() : '\0';
    if (first == '{' || first == '[') {
      if (!open_container()) return false;
      in_object[depth_] = first == '{';
    } else if (first == '"') {
      std::string_view text;
      if (!string(text)) return false;
    } else if (!check_scalar()) {
      return false;
    }
    std::string_view key;
    while (ok_ && depth_ > base && !(in_object[depth_] ? next_field(key) : next_element())) {
    }
  } while (ok_ && depth_ > base);
  return ok_;
}

Error Cursor::error() const {
  const auto& problem = scratch_->problem;
  if (problem.malformed) {
    return {ErrorKind::invalid_request,
            "the body is not valid JSON: " + problem.what + " at byte " + std::to_string(problem.offset)};
  }
  Error error{ErrorKind::invalid_request, {}};
  error.field_path = path_at({text_, size_}, problem.offset);
  if (!problem.member.empty()) {
    if (!error.field_path.empty()) error.field_path += '.';
    error.field_path += problem.member;
  }
  error.message = (error.field_path.empty() ? "the body" : error.field_path) + ": " + problem.what;
  return error;
}

}  // namespace maestro::json
