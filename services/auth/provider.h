// A provider as auth knows it: how it wants its credential, and where that may go. The registry declares all of them;
// until it has, the built-in ones are known with their own addresses.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace maestro::auth {

enum class AuthStyle : std::uint8_t { none, bearer, x_api_key, x_goog_api_key, github_copilot };

struct Provider {
  std::string id{};
  std::string display_name{};
  AuthStyle style = AuthStyle::bearer;
  std::string base_url{};
  std::string api_key_env{};  // empty: derived
  bool anonymous_allowed = false;
  bool builtin = false;

  bool operator==(const Provider&) const = default;
};

const std::vector<Provider>& builtin_providers();

// "https://host:port", lower case, without the scheme's own port; empty when `url` is no http or https address of a
// host, or holds user information.
std::string origin_of(std::string_view url);

// The variable that a provider's key may stand in: for a built-in one ROUTER_MAESTRO_<NAME>_API_KEY and no other; else
// the configured name, or the one derived from the id ("my.provider-v2": MY_PROVIDER_V2_API_KEY). Empty: none.
std::string key_variable(const Provider& provider);

}  // namespace maestro::auth
