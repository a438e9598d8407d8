#include "json/outline.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

#include <simdjson.h>

#include "base/limits.h"
#include "json/scratch.h"
#include "json/utf8.h"

namespace maestro::json {
namespace {

static_assert(padding_bytes >= simdjson::SIMDJSON_PADDING);

// Buffers larger than this are given back after the text that needed them.
constexpr std::size_t kept_bytes_max = 4 * 1024 * 1024;
constexpr std::size_t path_bytes_max = 256;

std::size_t first_broken_byte(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto bytes = code_point_bytes(text, at);
    if (bytes == 0) return at;
    at += bytes;
  }
  return text.size();
}

// Of the closing quote of the string that opens at `at`, or the size of the text.
std::size_t closing_quote(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at)
    if (text[at] == '\\') ++at;
  return std::min(at, text.size());
}

std::size_t first_bare_control(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '"') continue;
    const auto end = closing_quote(text, at);
    for (; at < end; ++at)
      if (static_cast<unsigned char>(text[at]) < 0x20) return at;
  }
  return text.size();
}

Error scan_error(std::string_view text, simdjson::error_code code) {
  std::string why;
  std::size_t at = text.size();
  if (code == simdjson::UTF8_ERROR) {
    why = "broken UTF-8";
    at = first_broken_byte(text);
  } else if (code == simdjson::UNESCAPED_CHARS) {
    why = "a bare control character in a string";
    at = first_bare_control(text);
  } else if (code == simdjson::UNCLOSED_STRING) {
    why = "a string without an end";
  } else if (code == simdjson::EMPTY) {
    return {ErrorKind::invalid_request, "the body is empty: send a JSON object"};
  } else if (code == simdjson::MEMALLOC) {
    return {ErrorKind::internal, "no memory is left to read the body"};
  } else {
    why = "not readable";
  }
  return {ErrorKind::invalid_request, "the body is not valid JSON: " + why + " at byte " + std::to_string(at)};
}

struct Level {
  bool is_array;
  std::size_t index;
  std::string_view key;
};

std::string path_of(const std::vector<Level>& levels) {
  std::string path;
  for (const auto& level : levels) {
    if (level.is_array) {
      path += '[' + std::to_string(level.index) + ']';
    } else if (!level.key.empty()) {
      if (!path.empty()) path += '.';
      path += level.key;
    }
    if (path.size() > path_bytes_max) return path.substr(0, path_bytes_max) + "...";
  }
  return path;
}

}  // namespace

struct OutlineParser::Engine {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> stages;
  std::string padded;
  Cursor::Scratch scratch;

  // simdjson's stage 1 needs room for one index a byte.
  simdjson::error_code make_room(std::size_t bytes) {
    constexpr std::size_t bytes_min = 4096;
    const auto wanted = std::max(bytes, bytes_min);
    const auto have = stages ? stages->capacity() : 0;
    if (have >= wanted && (have <= kept_bytes_max || wanted > kept_bytes_max)) return simdjson::SUCCESS;
    const auto room = wanted <= kept_bytes_max ? std::min(wanted + wanted / 2, kept_bytes_max) : wanted;
    if (stages) return stages->allocate(room, limits::json_nesting_max);
    return simdjson::get_active_implementation()->create_dom_parser_implementation(room, limits::json_nesting_max,
                                                                                   stages);
  }
};

OutlineParser::OutlineParser() : engine_(std::make_unique<Engine>()) {}
OutlineParser::~OutlineParser() = default;
OutlineParser::OutlineParser(OutlineParser&&) noexcept = default;
OutlineParser& OutlineParser::operator=(OutlineParser&&) noexcept = default;

Result<Cursor> OutlineParser::scan(std::string_view text, std::size_t capacity) {
  if (text.size() >= std::numeric_limits<std::uint32_t>::max() - padding_bytes)
    return Error{ErrorKind::too_large, "the body is too large to be read"};
  auto& engine = *engine_;
  if (capacity < text.size() + padding_bytes) {
    if (engine.padded.capacity() > kept_bytes_max && text.size() <= kept_bytes_max / 2) engine.padded = {};
    engine.padded.reserve(text.size() + padding_bytes);
    engine.padded.assign(text);
    engine.padded.append(padding_bytes, '\0');
    text = std::string_view(engine.padded).substr(0, text.size());
  }
  if (const auto error = engine.make_room(text.size())) return scan_error(text, error);
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  if (const auto error = engine.stages->stage1(bytes, text.size(), simdjson::stage1_mode::regular))
    return scan_error(text, error);
  Cursor cursor;
  cursor.text_ = text.data();
  cursor.size_ = text.size();
  cursor.structurals_ = engine.stages->structural_indexes.get();
  cursor.count_ = engine.stages->n_structural_indexes;
  cursor.scratch_ = &engine.scratch;
  return cursor;
}

std::string path_at(std::string_view text, std::size_t offset) {
  std::vector<Level> levels;
  for (std::size_t at = 0; at < offset && at < text.size(); ++at) {
    switch (text[at]) {
      case '{':
        levels.push_back({false, 0, {}});
        break;
      case '[':
        levels.push_back({true, 0, {}});
        break;
      case '}':
      case ']':
        if (!levels.empty()) levels.pop_back();
        break;
      case ',':
        if (levels.empty()) break;
        ++levels.back().index;
        levels.back().key = {};
        break;
      case '"': {
        const auto end = closing_quote(text, at);
        if (!levels.empty() && !levels.back().is_array && levels.back().key.empty())
          levels.back().key = text.substr(at + 1, end - at - 1);
        at = end;
        break;
      }
      default:
        break;
    }
  }
  return path_of(levels);
}

std::string spliced(std::string_view text, std::size_t at, std::size_t size, std::string_view replacement) {
  std::string out;
  out.reserve(text.size() - size + replacement.size());
  out.append(text.substr(0, at));
  out.append(replacement);
  out.append(text.substr(at + size));
  return out;
}

}  // namespace maestro::json
