// Which credentials a provider has, and what each gives leave to do: pure, from what is declared, stored and set in the
// environment. A variable wins over what is stored; an empty one counts as unset; one that holds a client key of ours
// is never sent to a provider. Without any, the provider is called without a credential if that is allowed.
//
// Every provider has at least one Credential, with a sentence that says what is missing and what to do.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "auth/auth_file.h"
#include "auth/provider.h"
#include "base/secret.h"

namespace maestro::auth {

enum class CredentialKind : std::uint8_t { none, api_key, environment, oauth, anonymous };
enum class CredentialState : std::uint8_t { active, failing, login_required };

struct Header {
  std::string name{};  // lower case
  Secret value{};
};

// Leave to call a provider. Without headers: call it without a credential.
struct Lease {
  std::vector<Header> headers{};
  std::string origin{};
};

struct Credential {
  std::string provider_id{};
  std::string credential_id{};  // "key-1", "environment", "oauth", "anonymous"; empty: there is none
  CredentialKind kind = CredentialKind::none;
  CredentialState state = CredentialState::active;
  std::string problem{};  // what is wrong and what to do; also with an active one that waits for something
  Secret secret{};        // what the generation is counted by
  std::uint64_t generation = 0;
  std::optional<Lease> lease{};
};

struct Surroundings {
  // Empty when the variable is unset.
  std::function<std::string(const std::string& name)> variable;
  // True for a client key of this installation.
  std::function<bool(std::string_view text)> is_client_key;
  // Told of each variable that is refused; never of its value.
  std::function<void(const std::string& name)> refused_variable;
};

std::vector<Credential> credentials_of(const Provider& provider, const StoredCredential* stored,
                                       const Surroundings& surroundings);

// For a stored credential whose provider nobody has declared: it waits.
std::vector<Credential> undeclared_credentials(const StoredCredential& stored);

std::string key_id(std::size_t position);                                 // "key-1" for 0
std::optional<std::size_t> key_position(std::string_view credential_id);  // the reverse

// Empty when `key` may be sent as a header's value; else why not.
std::string why_unfit(std::string_view key);

}  // namespace maestro::auth
