#include "auth/provider.h"

#include <algorithm>

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

namespace maestro::auth {
namespace {

bool is_letter_or_digit(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9');
}
char to_upper(char letter) { return letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter; }
char to_lower(char letter) { return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter; }

// Runs of what is no letter or digit become one "_", none at either end.
std::string derived_variable(std::string_view id) {
  std::string name;
  for (const char letter : id) {
    if (is_letter_or_digit(letter)) {
      name += to_upper(letter);
    } else if (!name.empty() && name.back() != '_') {
      name += '_';
    }
  }
  if (!name.empty() && name.back() == '_') name.pop_back();
  return name.empty() ? name : name + "_API_KEY";
}

}  // namespace

const std::vector<Provider>& builtin_providers() {
  static const std::vector<Provider> providers{
      {"github-copilot", "GitHub Copilot", AuthStyle::github_copilot, "https://api.githubcopilot.com", "", false, true},
      {"openai", "OpenAI", AuthStyle::bearer, "https://api.openai.com/v1", "", false, true},
      {"anthropic", "Anthropic", AuthStyle::x_api_key, "https://api.anthropic.com/v1", "", false, true},
      {"gemini", "Google Gemini", AuthStyle::x_goog_api_key, "https://generativelanguage.googleapis.com/v1beta", "",
       false, true},
  };
  return providers;
}

std::string origin_of(std::string_view url) {
  const auto parsed = boost::urls::parse_uri(boost::urls::string_view(url.data(), url.size()));
  if (!parsed || parsed->has_userinfo() || parsed->encoded_host().empty()) return {};
  const auto to_text = [](boost::urls::string_view part) {
    std::string text(part.data(), part.size());
    std::transform(text.begin(), text.end(), text.begin(), to_lower);
    return text;
  };
  const std::string scheme = to_text(parsed->scheme());
  if (scheme != "https" && scheme != "http") return {};
  std::string origin = scheme + "://" + to_text(parsed->encoded_host());
  const std::string port = to_text(parsed->port());
  if (!port.empty() && port != (scheme == "https" ? "443" : "80")) origin += ":" + port;
  return origin;
}

std::string key_variable(const Provider& provider) {
  if (provider.style == AuthStyle::none || provider.style == AuthStyle::github_copilot) return {};
  if (provider.builtin) {
    const auto derived = derived_variable(provider.id);
    return derived.empty() ? derived : "ROUTER_MAESTRO_" + derived;
  }
  return provider.api_key_env.empty() ? derived_variable(provider.id) : provider.api_key_env;
}

}  // namespace maestro::auth
