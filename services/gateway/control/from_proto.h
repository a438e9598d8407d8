// The pushed messages in the gateway's own form, checked as a whole: what does not hold together is refused with a
// reason, and what the gateway has stays.
#pragma once

#include <memory>

#include "gateway/snapshots.h"
#include "maestro/auth/v1/lease_service.pb.h"
#include "maestro/registry/v1/catalog.pb.h"

namespace maestro::gateway {

// The highest reader_format_min that this gateway understands, of both.
inline constexpr std::uint32_t reader_format = 1;

Result<std::shared_ptr<const Routes>> routes_from(const registry::v1::Catalog& catalog);
Result<std::shared_ptr<const Keys>> keys_from(const auth::v1::KeySet& keys);
std::shared_ptr<const Leases> leases_from(const auth::v1::CredentialSet& credentials);

}  // namespace maestro::gateway
