// JSON of the documents that people edit by hand: order and unknown members are kept, errors say the line and never
// quote the text, because it may hold a key.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/result.h"

namespace maestro::auth {

using Json = nlohmann::ordered_json;

// The root must be an object. `name` is the document's, for the message.
Result<Json> parse_object(std::string_view name, std::string_view bytes);

// Two blanks of indent and a final newline, as people find it.
std::string print(const Json& object);

// The member of an object, or null when it is missing or `object` is no object.
const Json* member(const Json& object, const char* name);
// The member when it is a text, else empty.
std::string text_member(const Json& object, const char* name);

}  // namespace maestro::auth
