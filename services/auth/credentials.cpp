#include "auth/credentials.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/limits.h"

namespace maestro::auth {
namespace {

constexpr std::string_view client_key_prefix = "sk-rm-";
constexpr std::string_view sealed_prefix = "sealed:";

std::string login_command(const std::string& provider_id) { return "run router-maestro auth login " + provider_id; }

std::string what_to_do(const Provider& provider) {
  const auto variable = key_variable(provider);
  const auto login = login_command(provider.id);
  return variable.empty() ? login : "set " + variable + " or " + login;
}

std::string trimmed(std::string text) {
  constexpr auto blanks = " \t\r\n";
  text.erase(0, std::min(text.find_first_not_of(blanks), text.size()));
  const auto last = text.find_last_not_of(blanks);
  text.resize(last == std::string::npos ? 0 : last + 1);
  return text;
}

Header header_for(AuthStyle style, const Secret& key) {
  switch (style) {
    case AuthStyle::x_api_key:
      return {"x-api-key", key};
    case AuthStyle::x_goog_api_key:
      return {"x-goog-api-key", key};
    case AuthStyle::none:
    case AuthStyle::bearer:
    case AuthStyle::github_copilot:
      break;
  }
  return {"authorization", Secret("Bearer " + std::string(key.reveal()))};
}

Credential make(const Provider& provider, std::string credential_id, CredentialKind kind) {
  Credential credential;
  credential.provider_id = provider.id;
  credential.credential_id = std::move(credential_id);
  credential.kind = kind;
  return credential;
}

void fail(Credential& credential, CredentialState state, std::string problem) {
  credential.state = state;
  credential.problem = std::move(problem);
  credential.lease.reset();
}

// A key with its lease, or with the reason why there is none. `bound_origin` is where it may go; empty: to the
// provider's own address.
Credential with_key(const Provider& provider, std::string credential_id, CredentialKind kind, const Secret& key,
                    const std::string& bound_origin) {
  Credential credential = make(provider, std::move(credential_id), kind);
  credential.secret = key;
  if (key.reveal().starts_with(sealed_prefix)) {
    fail(credential, CredentialState::login_required,
         "the key is sealed, and this server has nothing to open it with: " + login_command(provider.id));
    return credential;
  }
  if (const auto why = why_unfit(key.reveal()); !why.empty()) {
    fail(credential, CredentialState::login_required, "the key " + why + ": " + what_to_do(provider));
    return credential;
  }
  const auto origin = origin_of(provider.base_url);
  if (origin.empty()) {
    credential.problem = "the provider's address is no http or https URL: mend its baseURL";
    credential.state = CredentialState::failing;
    return credential;
  }
  if (!bound_origin.empty() && origin_of(bound_origin) != origin) {
    fail(credential, CredentialState::login_required,
         "the key was stored for " + bound_origin + " and the provider is at " + origin +
             " now: " + login_command(provider.id));
    return credential;
  }
  Lease lease;
  lease.headers.push_back(header_for(provider.style, key));
  lease.origin = origin;
  credential.lease = std::move(lease);
  return credential;
}

Credential without_credential(const Provider& provider) {
  Credential credential = make(provider, "anonymous", CredentialKind::anonymous);
  Lease lease;
  lease.origin = origin_of(provider.base_url);
  if (lease.origin.empty()) {
    fail(credential, CredentialState::failing, "the provider's address is no http or https URL: mend its baseURL");
  } else {
    credential.lease = std::move(lease);
  }
  return credential;
}

// The key in the provider's variable, if it may be used.
std::optional<Secret> key_from_environment(const Provider& provider, const Surroundings& surroundings,
                                           std::string& problem) {
  const auto variable = key_variable(provider);
  if (variable.empty()) return std::nullopt;
  Secret value(trimmed(surroundings.variable(variable)));
  if (value.empty()) return std::nullopt;
  if (value.reveal().starts_with(client_key_prefix) || surroundings.is_client_key(value.reveal())) {
    surroundings.refused_variable(variable);
    problem = variable + " holds a client key of router-maestro, which is never sent to a provider: set it to " +
              "the provider's own key";
    return std::nullopt;
  }
  return value;
}

std::vector<Credential> from_copilot(const Provider& provider, const StoredCredential* stored) {
  const bool logged_in = stored && std::holds_alternative<OauthTokens>(stored->secret);
  Credential credential =
      make(provider, logged_in ? "oauth" : "", logged_in ? CredentialKind::oauth : CredentialKind::none);
  if (logged_in) {
    fail(credential, CredentialState::failing,
         "this version of auth does not renew GitHub tokens: use another provider");
  } else {
    fail(credential, CredentialState::login_required, "not logged in: " + login_command(provider.id));
  }
  std::vector<Credential> result;
  result.push_back(std::move(credential));
  return result;
}

}  // namespace

std::vector<Credential> credentials_of(const Provider& provider, const StoredCredential* stored,
                                       const Surroundings& surroundings) {
  if (provider.style == AuthStyle::github_copilot) return from_copilot(provider, stored);
  std::vector<Credential> result;
  if (provider.style == AuthStyle::none) {
    result.push_back(without_credential(provider));
    return result;
  }
  std::string problem;
  if (auto key = key_from_environment(provider, surroundings, problem)) {
    result.push_back(with_key(provider, "environment", CredentialKind::environment, *key, {}));
    return result;
  }
  if (const auto* keys = stored ? std::get_if<ApiKeys>(&stored->secret) : nullptr) {
    for (std::size_t i = 0; i < keys->keys.size(); ++i) {
      auto credential = with_key(provider, key_id(i), CredentialKind::api_key, keys->keys[i], keys->origin);
      if (surroundings.is_client_key(keys->keys[i].reveal()))
        fail(credential, CredentialState::login_required,
             "the stored key is a client key of router-maestro: " + login_command(provider.id));
      result.push_back(std::move(credential));
    }
    return result;
  }
  if (provider.anonymous_allowed) {
    result.push_back(without_credential(provider));
    result.back().problem = problem;
    return result;
  }
  Credential missing = make(provider, "", CredentialKind::none);
  fail(missing, CredentialState::login_required, problem.empty() ? "no key: " + what_to_do(provider) : problem);
  result.push_back(std::move(missing));
  return result;
}

std::vector<Credential> undeclared_credentials(const StoredCredential& stored) {
  Provider provider;
  provider.id = stored.provider_id;
  std::vector<Credential> result;
  const auto* keys = std::get_if<ApiKeys>(&stored.secret);
  const std::size_t count = keys ? keys->keys.size() : 1;
  for (std::size_t i = 0; i < count; ++i) {
    auto credential =
        make(provider, keys ? key_id(i) : "oauth", keys ? CredentialKind::api_key : CredentialKind::oauth);
    if (keys) credential.secret = keys->keys[i];
    credential.problem =
        "no provider of this name is configured: add it to providers.json, or run router-maestro "
        "auth logout " +
        provider.id;
    result.push_back(std::move(credential));
  }
  return result;
}

std::string key_id(std::size_t position) { return "key-" + std::to_string(position + 1); }

std::optional<std::size_t> key_position(std::string_view credential_id) {
  constexpr std::string_view prefix = "key-";
  if (!credential_id.starts_with(prefix)) return std::nullopt;
  credential_id.remove_prefix(prefix.size());
  std::size_t number = 0;
  const auto* end = credential_id.data() + credential_id.size();
  const auto [stop, error] = std::from_chars(credential_id.data(), end, number);
  if (error != std::errc{} || stop != end || number == 0) return std::nullopt;
  return number - 1;
}

std::string why_unfit(std::string_view key) {
  if (key.empty()) return "is empty";
  if (key.size() > limits::api_key_bytes_max)
    return "is longer than " + std::to_string(limits::api_key_bytes_max) + " bytes";
  const bool fits = std::all_of(key.begin(), key.end(), [](char letter) { return letter > 0x20 && letter < 0x7f; });
  return fits ? "" : "holds a blank or a character that no HTTP header can carry";
}

}  // namespace maestro::auth
