// Where a provider's requests go: scheme, host and port of its base URL, and the path before each endpoint.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace maestro::net {

struct Origin {
  enum class Scheme : std::uint8_t { http, https };
  Scheme scheme = Scheme::http;
  std::string host;  // lower case; an IPv6 address without brackets
  std::uint16_t port = 80;

  bool operator==(const Origin&) const = default;
  bool tls() const { return scheme == Scheme::https; }
  std::string text() const;         // "https://host:port", always with the port
  std::string host_header() const;  // without the scheme's own port
};

struct BaseUrl {
  Origin origin;
  std::string path;  // "/v1", without a final "/"; may be empty
};

// invalid_request: not an absolute http or https URL, or one with a user, query or fragment.
Result<BaseUrl> parse_base_url(std::string_view url);

}  // namespace maestro::net
