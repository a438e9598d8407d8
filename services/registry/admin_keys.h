// Judges the client keys of admin calls by what auth pushes: hashes only, compared in constant time.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "maestro/auth/v1/lease_service.pb.h"

namespace maestro::registry {

class AdminKeys final {
 public:
  // invalid_request: the set needs a newer reader, or makes no sense; the one before stays.
  Result<void> replace(auth::v1::KeySet keys);

  // Any of the presented keys suffices. unauthenticated: none is known; forbidden: known, without the admin scope;
  // unavailable: no keys have come from auth yet.
  Result<void> judge(const std::vector<std::string_view>& presented, std::chrono::system_clock::time_point now) const;

  const auth::v1::Revision& revision() const { return keys_.revision(); }
  bool known() const { return known_; }

 private:
  bool known_ = false;
  auth::v1::KeySet keys_;
};

}  // namespace maestro::registry
