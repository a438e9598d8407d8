#include "cli/environment.h"

#include <unistd.h>

namespace maestro::cli {

Environment own_environment() {
  Environment environment;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

std::optional<std::string> value_of(const Environment& environment, std::string_view name) {
  const auto found = environment.find(name);
  if (found == environment.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

Environment without_keys(const Environment& environment) {
  Environment rest;
  for (const auto& [name, value] : environment) {
    if (!name.ends_with("_API_KEY")) rest.emplace(name, value);
  }
  return rest;
}

Environment without_server_key(const Environment& environment) {
  Environment rest = environment;
  const auto found = rest.find(server_key_variable);
  if (found != rest.end()) rest.erase(found);
  return rest;
}

}  // namespace maestro::cli
