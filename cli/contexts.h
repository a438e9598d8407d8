// contexts.json: which server the commands talk to and with which key. Read only here: `{"current": name, "contexts":
// {name: {"endpoint": url, "api_key": text or null}}}`. A missing file, or a current name that is not in it, means the
// server at http://localhost:8080 and no key; then the key of ROUTER_MAESTRO_API_KEY serves.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "cli/environment.h"

namespace maestro::cli {

struct Context {
  std::string name = "local";
  std::string endpoint = "http://localhost:8080";  // without a trailing slash
  Secret api_key{};                                // empty: none
};

inline constexpr std::string_view local_context = "local";

Result<Context> current_context(const std::filesystem::path& config_directory, const Environment& environment);
Result<Context> context_named(const std::filesystem::path& config_directory, std::string_view name);

}  // namespace maestro::cli
