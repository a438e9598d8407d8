// Configuration files as JSON text: read with the place of what is wrong, order of members kept, a member that stands
// twice refused; and where each member lies, so that one can be replaced while all others keep their bytes.
// Messages never repeat a value of the file: it may be a secret that somebody put in the wrong place.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"

namespace maestro::registry {

using Json = nlohmann::ordered_json;

// What members that stand twice mean: refused, or left to the caller, who sees them in members_of().
enum class Doubles { refuse, keep_last };

// The error's message begins with "LINE:COLUMN: "; its kind is invalid_request.
Result<Json> parse_json(std::string_view text, Doubles doubles);

// Keys sorted at every level, no spaces, UTF-8 as it is.
std::string canonical_text(const Json& json);

// "3:14", both from 1, of a byte of the text.
std::string place_of(std::string_view text, std::size_t offset);

struct Member {
  std::string key;
  std::size_t key_begin;
  std::size_t value_begin;
  std::size_t value_end;
};
// Of the object that begins at `offset` in a text that parse_json accepts.
std::vector<Member> members_of(std::string_view text, std::size_t offset);
// Where the value of the whole text begins.
std::size_t root_of(std::string_view text);

// "a text", "a number": for messages.
std::string_view type_of(const Json& json);
// A name out of a file, fit for one line of a log or a terminal: control characters escaped, long ones cut.
std::string shown(std::string_view name);

}  // namespace maestro::registry
