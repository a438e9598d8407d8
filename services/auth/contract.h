// Our words to the messages of maestro.auth.v1 and back. Only the lease messages hold a secret.
#pragma once

#include <vector>

#include "auth/vault.h"
#include "base/result.h"
#include "maestro/auth/v1/auth.pb.h"
#include "maestro/auth/v1/auth_service.pb.h"
#include "maestro/auth/v1/lease_service.pb.h"
#include "maestro/auth/v1/secret.pb.h"

namespace maestro::auth {

v1::Revision to_message(const Revision& revision);
Revision from_message(const v1::Revision& revision);

v1::Key server_key_message(const Ledger& ledger);
v1::KeySet key_set(const Ledger& ledger);

v1::CredentialStatus status_message(const Credential& credential);
// Of a credential that has a lease.
v1::Lease lease_message(const Credential& credential);
v1::CredentialSet credential_set(const Vault& vault);

v1::ProviderAuth to_message(const Provider& provider);
// invalid_request with the field's path below `path`.
Result<Provider> from_message(const v1::ProviderAuth& provider, const std::string& path);
Result<std::vector<Provider>> providers_from(const v1::DeclareProvidersRequest& request);

}  // namespace maestro::auth
