// The process environment as a value, so that tests pass a map and children get exactly what they may see.
// A variable that is set to nothing counts as unset.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace maestro::cli {

using Environment = std::map<std::string, std::string, std::less<>>;

Environment own_environment();
std::optional<std::string> value_of(const Environment& environment, std::string_view name);

// What registry and gateway may see: everything but the variables that hold keys (those that end in _API_KEY).
Environment without_keys(const Environment& environment);
// What auth may see: provider keys are its business, the server key comes by descriptor.
Environment without_server_key(const Environment& environment);

inline constexpr std::string_view server_key_variable = "ROUTER_MAESTRO_API_KEY";

}  // namespace maestro::cli
