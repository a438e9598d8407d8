#include "registry/admin_keys.h"

#include <array>
#include <utility>

#include <sodium.h>

#include "base/limits.h"

namespace maestro::registry {
namespace {

constexpr std::size_t hash_bytes = 32;
constexpr std::size_t salt_bytes = 32;
constexpr std::uint32_t reader_format = 1;

bool has_ended(const auth::v1::Key& key, std::chrono::system_clock::time_point now) {
  if (!key.has_expire_time()) return false;
  return std::chrono::system_clock::time_point(std::chrono::seconds(key.expire_time().seconds())) <= now;
}

bool is_admin(const auth::v1::Key& key) {
  for (const int scope : key.scopes()) {
    if (scope == auth::v1::SCOPE_ADMIN) return true;
  }
  return false;
}

}  // namespace

Result<void> AdminKeys::replace(auth::v1::KeySet keys) {
  if (keys.reader_format_min() > reader_format) {
    return Error(ErrorKind::invalid_request, "the keys need a newer registry; update it");
  }
  if (keys.salt().size() != salt_bytes) {
    return Error(ErrorKind::invalid_request, "the salt of the keys is not 32 bytes long");
  }
  for (const auth::v1::KeyVerifier& verifier : keys.verifiers()) {
    if (verifier.hash().size() != hash_bytes) {
      return Error(ErrorKind::invalid_request, "the hash of key " + verifier.key().id() + " is not 32 bytes long");
    }
  }
  keys_ = std::move(keys);
  known_ = true;
  return success();
}

Result<void> AdminKeys::judge(const std::vector<std::string_view>& presented,
                              std::chrono::system_clock::time_point now) const {
  if (!known_) {
    return Error(ErrorKind::unavailable, "The client keys have not come from auth yet. Try again in a moment.");
  }
  if (presented.empty()) {
    return Error(ErrorKind::unauthenticated, "No client key. Send \"authorization: Bearer KEY\".");
  }
  bool is_known = false;
  for (const std::string_view key : presented) {
    if (key.size() > limits::api_key_bytes_max) continue;
    std::array<unsigned char, hash_bytes> hash{};
    crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(key.data()), key.size(),
                       reinterpret_cast<const unsigned char*>(keys_.salt().data()), keys_.salt().size());
    for (const auth::v1::KeyVerifier& verifier : keys_.verifiers()) {
      if (sodium_memcmp(hash.data(), verifier.hash().data(), hash.size()) != 0) continue;
      if (has_ended(verifier.key(), now)) continue;
      if (is_admin(verifier.key())) return success();
      is_known = true;
    }
  }
  if (is_known) return Error(ErrorKind::forbidden, "This client key has no admin scope. Use one that has.");
  return Error(ErrorKind::unauthenticated,
               "The client key is not valid here. `router-maestro server show-key` shows the server key.");
}

}  // namespace maestro::registry
