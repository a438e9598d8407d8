#include "json/document.h"

#include <array>
#include <vector>

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parser.hpp>

#include "base/limits.h"
#include "json/outline.h"

namespace maestro::json {
namespace {

namespace bj = boost::json;

constexpr std::size_t arena_bytes = 16 * 1024;

std::string_view kind_of(const bj::value& at) {
  switch (at.kind()) {
    case bj::kind::object:
      return to_string(Kind::object);
    case bj::kind::array:
      return to_string(Kind::array);
    case bj::kind::string:
      return to_string(Kind::string);
    case bj::kind::bool_:
      return to_string(Kind::boolean);
    case bj::kind::null:
      return to_string(Kind::null);
    case bj::kind::int64:
    case bj::kind::uint64:
    case bj::kind::double_:
      return to_string(Kind::number);
  }
  return to_string(Kind::nothing);
}

// Depth is bounded by the parser. True when `wanted` is `at` or below it; then `path` leads there.
bool find_path(const bj::value& at, const bj::value* wanted, std::string& path) {
  if (&at == wanted) return true;
  const auto before = path.size();
  if (const auto* object = at.if_object()) {
    for (const auto& member : *object) {
      if (!path.empty()) path += '.';
      path += std::string_view(member.key().data(), member.key().size());
      if (find_path(member.value(), wanted, path)) return true;
      path.resize(before);
    }
  } else if (const auto* array = at.if_array()) {
    std::size_t index = 0;
    for (const auto& element : *array) {
      path += '[' + std::to_string(index++) + ']';
      if (find_path(element, wanted, path)) return true;
      path.resize(before);
    }
  }
  return false;
}

}  // namespace

struct Document::Tree {
  std::array<unsigned char, arena_bytes> first_block;
  bj::monotonic_resource arena{first_block.data(), first_block.size()};
  bj::value root = bj::value(bj::storage_ptr(&arena));
};

Document::Document(std::unique_ptr<Tree> tree) : tree_(std::move(tree)) {}
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;
Document::~Document() = default;

Result<Document> Document::parse(std::string_view text) {
  auto tree = std::unique_ptr<Tree>(new Tree);
  bj::parse_options options;
  options.max_depth = limits::json_nesting_max;
  std::array<unsigned char, 2048> stack;
  bj::parser parser(bj::storage_ptr(), options, stack.data(), stack.size());
  parser.reset(&tree->arena);
  boost::system::error_code failed;
  const auto read = parser.write_some(text.data(), text.size(), failed);
  if (!failed && text.find_first_not_of(" \n\t\r", read) != std::string_view::npos) failed = bj::error::extra_data;
  if (failed) {
    return Error{ErrorKind::invalid_request,
                 "the body is not valid JSON: " + failed.message() + " at byte " + std::to_string(read)};
  }
  tree->root = parser.release();
  return Document(std::move(tree));
}

const bj::value& Document::root() const { return tree_->root; }

const bj::value* Document::find(const bj::value& at, std::string_view key) {
  const auto* object = at.if_object();
  if (object == nullptr) return nullptr;
  const auto* found = object->if_contains({key.data(), key.size()});
  return found == nullptr || found->is_null() ? nullptr : found;
}

std::string_view Document::string_or_empty(const bj::value& at, std::string_view key) {
  const auto* found = find(at, key);
  if (found == nullptr || !found->is_string()) return {};
  return {found->get_string().data(), found->get_string().size()};
}

const bj::value* Document::object_or_null(const bj::value& at, std::string_view key) {
  const auto* found = find(at, key);
  return found != nullptr && found->is_object() ? found : nullptr;
}

const bj::value* Document::array_or_null(const bj::value& at, std::string_view key) {
  const auto* found = find(at, key);
  return found != nullptr && found->is_array() ? found : nullptr;
}

Result<std::string_view> Document::string(const bj::value& at) const {
  if (!at.is_string()) return expected(at, "a string");
  return std::string_view(at.get_string().data(), at.get_string().size());
}

Result<std::int64_t> Document::integer(const bj::value& at) const {
  boost::system::error_code failed;
  const auto number = at.to_number<std::int64_t>(failed);
  if (failed) return expected(at, "a whole number");
  return number;
}

Result<const bj::value*> Document::member(const bj::value& at, std::string_view key) const {
  if (!at.is_object()) return expected(at, "an object");
  if (const auto* found = at.get_object().if_contains({key.data(), key.size()})) return found;
  Error error{ErrorKind::invalid_request, {}};
  error.field_path = path_of(at);
  if (!error.field_path.empty()) error.field_path += '.';
  error.field_path += key;
  error.message = error.field_path + ": is required";
  return error;
}

Error Document::expected(const bj::value& at, std::string_view what) const {
  Error error{ErrorKind::invalid_request, {}};
  error.field_path = path_of(at);
  error.message = (error.field_path.empty() ? "the body" : error.field_path) + ": expected " + std::string(what) +
                  ", got " + std::string(kind_of(at));
  return error;
}

std::string Document::path_of(const bj::value& at) const {
  std::string path;
  find_path(root(), &at, path);
  return path;
}

}  // namespace maestro::json
