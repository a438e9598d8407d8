#include "gateway/snapshots.h"

#include <cstring>

#include <sodium.h>

namespace maestro::gateway {

Result<Upstream> parse_upstream(std::string_view base_url) {
  auto base = net::parse_base_url(base_url);
  if (!base) return base.error();
  Upstream upstream;
  upstream.origin = base->origin.text();
  upstream.host_header = base->origin.host_header();
  upstream.base = std::move(*base);
  return upstream;
}

Result<std::shared_ptr<const Keys>> Keys::build(std::string revision, std::string_view salt,
                                                std::vector<Entry> entries) {
  auto keys = std::make_shared<Keys>();
  if (salt.size() != hash_bytes)
    return Error{ErrorKind::invalid_request, "The salt of the key set must have 32 bytes."};
  std::memcpy(keys->salt_.data(), salt.data(), hash_bytes);
  keys->revision_ = std::move(revision);
  keys->entries_ = std::move(entries);
  for (std::uint32_t i = 0; i < keys->entries_.size(); ++i) {
    std::uint64_t prefix = 0;
    std::memcpy(&prefix, keys->entries_[i].hash.data(), sizeof prefix);
    keys->by_prefix_.emplace(prefix, i);
  }
  return std::shared_ptr<const Keys>(std::move(keys));
}

const route::Principal* Keys::find(std::string_view key, std::chrono::system_clock::time_point now) const {
  Hash hash;
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(key.data()), key.size(),
                     salt_.data(), salt_.size());
  std::uint64_t prefix = 0;
  std::memcpy(&prefix, hash.data(), sizeof prefix);
  // The prefix of a salted hash tells nothing about the key; the rest is compared in constant time.
  const auto [first, last] = by_prefix_.equal_range(prefix);
  for (auto found = first; found != last; ++found) {
    const auto& entry = entries_[found->second];
    if (sodium_memcmp(entry.hash.data(), hash.data(), hash.size()) != 0) continue;
    if (entry.expires && *entry.expires <= now) continue;
    return &entry.principal;
  }
  return nullptr;
}

Lease::~Lease() {
  if (!header_lines.empty()) sodium_memzero(header_lines.data(), header_lines.size());
}

const Lease* Leases::usable(const std::string& provider, std::chrono::steady_clock::time_point now) const {
  const auto found = by_provider.find(provider);
  if (found == by_provider.end()) return nullptr;
  for (const auto& lease : found->second)
    if (!lease.valid_until || *lease.valid_until > now) return &lease;
  return nullptr;
}

}  // namespace maestro::gateway
