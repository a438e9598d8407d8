// What auth and registry push, in the form that requests use: immutable, pinned by a request for its whole life.
#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "net/origin.h"
#include "route/catalog.h"
#include "route/plan.h"

namespace maestro::gateway {

// Where a provider's requests go, taken apart once.
struct Upstream {
  net::BaseUrl base;
  std::string origin;  // key of the connection pool: "https://host:port"
  std::string host_header;
};
Result<Upstream> parse_upstream(std::string_view base_url);

struct Routes {
  std::shared_ptr<const route::Catalog> catalog;
  std::vector<std::optional<Upstream>> upstreams;  // by provider; nothing for one without a base URL
  std::string config_revision;

  const Upstream* upstream_of(const route::Provider& provider) const {
    const auto& upstream = upstreams[static_cast<std::size_t>(&provider - catalog->providers().data())];
    return upstream ? &*upstream : nullptr;
  }
};

// Verifiers of client keys. A key is hashed with the deployment's salt and compared in constant time; the keys
// themselves are never here.
class Keys {
 public:
  static constexpr std::size_t hash_bytes = 32;
  using Hash = std::array<unsigned char, hash_bytes>;
  struct Entry {
    Hash hash;
    route::Principal principal;
    std::optional<std::chrono::system_clock::time_point> expires;
  };

  // invalid_request: a salt or hash of another size.
  static Result<std::shared_ptr<const Keys>> build(std::string revision, std::string_view salt,
                                                   std::vector<Entry> entries);

  // nullptr: no such key. One that has expired is no key either.
  const route::Principal* find(std::string_view key, std::chrono::system_clock::time_point now) const;
  const std::string& revision() const { return revision_; }
  std::size_t size() const { return entries_.size(); }

 private:
  std::string revision_;
  Hash salt_{};
  std::vector<Entry> entries_;
  std::unordered_multimap<std::uint64_t, std::uint32_t> by_prefix_;
};

// Leave to call one provider, in memory only.
struct Lease {
  std::string credential_id;
  std::uint64_t generation = 0;
  std::string header_lines;  // "authorization: Bearer ...\r\n"; wiped when it dies
  std::vector<std::string> header_names;
  net::Origin origin;
  std::optional<Upstream> upstream;  // the account's own; nothing: the catalog's
  std::optional<std::chrono::steady_clock::time_point> valid_until;

  Lease() = default;
  Lease(Lease&&) noexcept = default;
  Lease& operator=(Lease&&) noexcept = default;
  ~Lease();
};

struct Leases {
  std::unordered_map<std::string, std::vector<Lease>> by_provider;
  std::unordered_map<std::string, std::string> problems;  // of providers without a lease: what to do

  const Lease* usable(const std::string& provider, std::chrono::steady_clock::time_point now) const;
};

}  // namespace maestro::gateway
