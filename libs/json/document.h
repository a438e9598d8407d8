// A whole JSON text as a tree (Boost.JSON) on an arena of its own: one allocation for most, freed at once. Reads say
// what was expected where: "messages[3].role: expected a string, got a number". Nesting is bounded by
// limits::json_nesting_max. The order of keys is kept; the text of numbers is not (Cursor::raw has it).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <boost/json/value.hpp>

#include "base/result.h"

namespace maestro::json {

class Document {
 public:
  // Error: invalid_request that says the byte offset.
  static Result<Document> parse(std::string_view text);
  Document(Document&&) noexcept;
  Document& operator=(Document&&) noexcept;
  ~Document();

  const boost::json::value& root() const;

  // A member, or nullptr when it is absent or null, or `at` is no object.
  static const boost::json::value* find(const boost::json::value& at, std::string_view key);
  // An optional member of one kind: nothing when absent or of another kind. For texts that are read leniently.
  static std::string_view string_or_empty(const boost::json::value& at, std::string_view key);
  static const boost::json::value* object_or_null(const boost::json::value& at, std::string_view key);
  static const boost::json::value* array_or_null(const boost::json::value& at, std::string_view key);

  // Strict reads. The Error is invalid_request with the path.
  Result<std::string_view> string(const boost::json::value& at) const;
  Result<std::int64_t> integer(const boost::json::value& at) const;  // also 3.0; never a value that does not fit
  Result<const boost::json::value*> member(const boost::json::value& at, std::string_view key) const;
  Error expected(const boost::json::value& at, std::string_view what) const;
  std::string path_of(const boost::json::value& at) const;

 private:
  struct Tree;
  explicit Document(std::unique_ptr<Tree> tree);
  std::unique_ptr<Tree> tree_;
};

}  // namespace maestro::json
