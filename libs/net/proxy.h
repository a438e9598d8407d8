// Outbound proxies from the environment: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY (http:// with CONNECT, socks5://,
// socks5h://) and NO_PROXY, in either case of letters. Read once at start.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "net/origin.h"

namespace maestro::net {

struct Proxy {
  enum class Kind : std::uint8_t { http, socks5 };
  Kind kind = Kind::http;
  std::string host;
  std::uint16_t port = 0;
  std::string user;
  Secret password;
};

class ProxySettings {
 public:
  // `variable` gives the value of an environment variable, or nothing.
  using Variable = std::function<std::optional<std::string>(const char* name)>;
  // invalid_request names the variable that makes no sense.
  static Result<ProxySettings> from(const Variable& variable);

  // nullptr: go straight.
  const Proxy* proxy_for(const Origin& origin) const;

 private:
  std::optional<Proxy> http_;
  std::optional<Proxy> https_;
  std::vector<std::string> direct_;  // of NO_PROXY: "host", ".suffix", "*"
};

}  // namespace maestro::net
