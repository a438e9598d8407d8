// Finding a few values in a JSON text without building a document: simdjson's first stage says where the structural
// characters stand (and that the text is UTF-8 with closed strings), a Cursor walks over them. No allocation once warm.
// Law: a Cursor's views live as long as the text and the parser's last scan. The parser belongs to one thread.
// Nesting beyond limits::json_nesting_max is an error wherever the cursor passes it. Values that are skipped are
// checked for balance only; json/document.h checks whole texts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace maestro::json {

// Bytes that must be readable after a text so that it is scanned where it lies.
inline constexpr std::size_t padding_bytes = 64;

enum class Kind : std::uint8_t { object, array, string, number, boolean, null, nothing };
std::string_view to_string(Kind kind);  // "an object"

// Walks forward over one text. Errors are kept: after the first one every read is false, and error() has it. So a
// caller may read a whole shape and ask once.
class Cursor {
 public:
  Cursor() = default;

  Kind kind() const;           // of the next value
  std::size_t offset() const;  // of the next value, in bytes

  // Objects: if (enter_object()) while (next_field(key)) { read or skip exactly one value }.
  bool enter_object();
  bool next_field(std::string_view& key);
  bool enter_array();
  bool next_element();

  bool skip();                          // one value of any kind
  bool raw(std::string_view& text);     // one value of any kind, its exact text
  bool string(std::string_view& text);  // unescaped; valid until the next call of string() or next_field()
  bool string(std::string& text);       // unescaped, replaces text
  bool integer(std::int64_t& number);   // a number without a fraction that fits
  bool number(double& number);
  bool boolean(bool& value);
  bool null();    // reads a null; another kind is left unread, and no error
  bool at_end();  // nothing but white space follows; else an error
  // One value of any kind, read by the whole grammar: what skip() does not look at.
  bool check();

  bool ok() const { return ok_; }
  // Marks the value at `offset` as wrong: "<path>: <expectation>".
  bool fail(std::size_t offset, std::string_view expectation);
  // Fails with "<path of the object>.<member>: is required".
  bool missing(std::size_t object_offset, std::string_view member);
  // Fails with "expected <what>, got <kind of the next value>".
  bool expected(std::string_view what);
  // Takes over that a copy of this cursor, which looked ahead, has failed.
  bool adopt(const Cursor& copy) {
    ok_ = ok_ && copy.ok_;
    return ok_;
  }
  // invalid_request, with the JSON path of the value in field_path and in the message.
  Error error() const;

 private:
  friend class OutlineParser;
  struct Scratch;

  char here() const;
  std::size_t scalar_end() const;
  std::size_t string_end() const;
  bool malformed(std::size_t offset, std::string_view what);
  bool open_container();
  bool between(char closing, std::string_view expectation);
  bool string_text(std::string_view& escaped);
  bool check_scalar();

  const char* text_ = nullptr;
  std::size_t size_ = 0;
  const std::uint32_t* structurals_ = nullptr;
  std::size_t count_ = 0;
  std::size_t next_ = 0;
  std::size_t depth_ = 0;
  Scratch* scratch_ = nullptr;  // of the parser; also holds the error
  bool ok_ = true;
};

class OutlineParser {
 public:
  OutlineParser();
  ~OutlineParser();
  OutlineParser(OutlineParser&&) noexcept;
  OutlineParser& operator=(OutlineParser&&) noexcept;

  // Error: invalid_request that says the byte offset. The text is copied when capacity is below size + padding_bytes.
  Result<Cursor> scan(std::string_view text, std::size_t capacity);

 private:
  struct Engine;
  std::unique_ptr<Engine> engine_;
};

// The JSON path of the value at a byte offset: "messages[3].role"; empty for the root.
std::string path_at(std::string_view text, std::size_t offset);

// `text` with the bytes [at, at + size) replaced.
std::string spliced(std::string_view text, std::size_t at, std::size_t size, std::string_view replacement);

}  // namespace maestro::json
