#include "auth/contract.h"

#include <set>

#include "base/limits.h"

namespace maestro::auth {
namespace {

constexpr std::uint32_t key_set_format = 1;
constexpr std::size_t text_bytes_max = 4096;

v1::CredentialKind to_message(CredentialKind kind) {
  switch (kind) {
    case CredentialKind::none:
      return v1::CREDENTIAL_KIND_UNSPECIFIED;
    case CredentialKind::api_key:
      return v1::CREDENTIAL_KIND_API_KEY;
    case CredentialKind::environment:
      return v1::CREDENTIAL_KIND_ENVIRONMENT;
    case CredentialKind::oauth:
      return v1::CREDENTIAL_KIND_OAUTH;
    case CredentialKind::anonymous:
      return v1::CREDENTIAL_KIND_ANONYMOUS;
  }
  return v1::CREDENTIAL_KIND_UNSPECIFIED;
}

v1::CredentialState to_message(CredentialState state) {
  switch (state) {
    case CredentialState::active:
      return v1::CREDENTIAL_STATE_ACTIVE;
    case CredentialState::failing:
      return v1::CREDENTIAL_STATE_FAILING;
    case CredentialState::login_required:
      return v1::CREDENTIAL_STATE_LOGIN_REQUIRED;
  }
  return v1::CREDENTIAL_STATE_UNSPECIFIED;
}

v1::AuthStyle to_message(AuthStyle style) {
  switch (style) {
    case AuthStyle::none:
      return v1::AUTH_STYLE_NONE;
    case AuthStyle::bearer:
      return v1::AUTH_STYLE_BEARER;
    case AuthStyle::x_api_key:
      return v1::AUTH_STYLE_X_API_KEY;
    case AuthStyle::x_goog_api_key:
      return v1::AUTH_STYLE_X_GOOG_API_KEY;
    case AuthStyle::github_copilot:
      return v1::AUTH_STYLE_GITHUB_COPILOT;
  }
  return v1::AUTH_STYLE_UNSPECIFIED;
}

// A style that is not known yet counts as bearer, which is what most take.
AuthStyle from_message(v1::AuthStyle style) {
  if (style == v1::AUTH_STYLE_NONE) return AuthStyle::none;
  if (style == v1::AUTH_STYLE_X_API_KEY) return AuthStyle::x_api_key;
  if (style == v1::AUTH_STYLE_X_GOOG_API_KEY) return AuthStyle::x_goog_api_key;
  if (style == v1::AUTH_STYLE_GITHUB_COPILOT) return AuthStyle::github_copilot;
  return AuthStyle::bearer;
}

Error bad_field(const std::string& field_path, const std::string& message) {
  Error error(ErrorKind::invalid_request, message);
  error.field_path = field_path;
  return error;
}

}  // namespace

v1::Revision to_message(const Revision& revision) {
  v1::Revision message;
  message.set_epoch(revision.epoch);
  message.set_number(revision.number);
  return message;
}

Revision from_message(const v1::Revision& revision) { return Revision{revision.epoch(), revision.number()}; }

v1::Key server_key_message(const Ledger& ledger) {
  v1::Key key;
  key.set_id("server");
  key.set_name("server");
  key.add_scopes(v1::SCOPE_INFERENCE);
  key.add_scopes(v1::SCOPE_ADMIN);
  key.set_hint(ledger.server_verifier().hint);
  key.mutable_create_time()->set_seconds(ledger.server_verifier().created_seconds);
  return key;
}

v1::KeySet key_set(const Ledger& ledger) {
  v1::KeySet set;
  *set.mutable_revision() = to_message(ledger.keys_revision());
  set.set_reader_format_min(key_set_format);
  set.set_salt(ledger.salt());
  auto* verifier = set.add_verifiers();
  verifier->set_hash(ledger.server_verifier().hash);
  *verifier->mutable_key() = server_key_message(ledger);
  return set;
}

v1::CredentialStatus status_message(const Credential& credential) {
  v1::CredentialStatus message;
  message.set_provider_id(credential.provider_id);
  message.set_credential_id(credential.credential_id);
  message.set_kind(to_message(credential.kind));
  message.set_state(to_message(credential.state));
  message.set_problem(credential.problem);
  message.set_generation(credential.generation);
  return message;
}

v1::Lease lease_message(const Credential& credential) {
  v1::Lease message;
  message.set_provider_id(credential.provider_id);
  message.set_credential_id(credential.credential_id);
  message.set_generation(credential.generation);
  message.set_origin(credential.lease->origin);
  for (const auto& header : credential.lease->headers) {
    auto* added = message.add_headers();
    added->set_name(header.name);
    added->set_value(std::string(header.value.reveal()));
  }
  return message;
}

v1::CredentialSet credential_set(const Vault& vault) {
  v1::CredentialSet set;
  *set.mutable_revision() = to_message(vault.ledger().credentials_revision());
  for (const auto& credential : vault.credentials()) {
    if (credential.lease) *set.add_leases() = lease_message(credential);
    *set.add_statuses() = status_message(credential);
  }
  return set;
}

v1::ProviderAuth to_message(const Provider& provider) {
  v1::ProviderAuth message;
  message.set_provider_id(provider.id);
  message.set_display_name(provider.display_name);
  message.set_style(to_message(provider.style));
  message.set_base_url(provider.base_url);
  message.set_api_key_env(key_variable(provider));
  message.set_anonymous_allowed(provider.anonymous_allowed);
  message.set_builtin(provider.builtin);
  return message;
}

Result<Provider> from_message(const v1::ProviderAuth& message, const std::string& path) {
  const bool too_long = message.provider_id().size() > 128 || message.display_name().size() > text_bytes_max ||
                        message.base_url().size() > text_bytes_max || message.api_key_env().size() > text_bytes_max;
  if (too_long) return bad_field(path, "A text of this provider is too long.");
  if (message.provider_id().empty()) return bad_field(path + ".provider_id", "Give the provider's name.");
  Provider provider;
  provider.id = message.provider_id();
  provider.display_name = message.display_name();
  provider.style = from_message(message.style());
  provider.base_url = message.base_url();
  provider.api_key_env = message.api_key_env();
  provider.anonymous_allowed = message.anonymous_allowed();
  provider.builtin = message.builtin();
  return provider;
}

Result<std::vector<Provider>> providers_from(const v1::DeclareProvidersRequest& request) {
  if (static_cast<std::size_t>(request.providers_size()) > limits::providers_max)
    return bad_field("providers", "More than " + std::to_string(limits::providers_max) + " providers.");
  std::vector<Provider> providers;
  std::set<std::string> seen;
  for (int i = 0; i < request.providers_size(); ++i) {
    const std::string path = "providers[" + std::to_string(i) + "]";
    auto provider = from_message(request.providers(i), path);
    if (!provider) return provider.error();
    if (!seen.insert(provider->id).second) return bad_field(path + ".provider_id", "This provider is declared twice.");
    providers.push_back(std::move(*provider));
  }
  return providers;
}

}  // namespace maestro::auth
