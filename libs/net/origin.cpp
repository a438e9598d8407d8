#include "net/origin.h"

#include <charconv>

#include <boost/url/parse.hpp>

namespace maestro::net {

std::string Origin::text() const {
  const bool bracketed = host.find(':') != std::string::npos;
  return std::string(tls() ? "https://" : "http://") + (bracketed ? "[" + host + "]" : host) + ":" +
         std::to_string(port);
}

std::string Origin::host_header() const {
  const bool bracketed = host.find(':') != std::string::npos;
  auto name = bracketed ? "[" + host + "]" : host;
  if (port != (tls() ? 443 : 80)) name += ":" + std::to_string(port);
  return name;
}

Result<BaseUrl> parse_base_url(std::string_view url) {
  const auto refuse = [url](std::string_view why) {
    return Error{ErrorKind::invalid_request,
                 "\"" + std::string(url.substr(0, 200)) + "\" is not a base URL: " + std::string(why)};
  };
  const auto parsed = boost::urls::parse_uri(boost::core::string_view(url.data(), url.size()));
  if (!parsed) return refuse("write it like https://host:port/v1.");
  BaseUrl base;
  if (parsed->scheme() == "https") {
    base.origin.scheme = Origin::Scheme::https;
    base.origin.port = 443;
  } else if (parsed->scheme() != "http") {
    return refuse("it must begin with http:// or https://.");
  }
  if (parsed->has_userinfo()) return refuse("a user or password has no place in it.");
  if (parsed->has_query() || parsed->has_fragment()) return refuse("it has a query or fragment.");
  base.origin.host = parsed->host_type() == boost::urls::host_type::ipv6
                         ? std::string(parsed->encoded_host().substr(1, parsed->encoded_host().size() - 2))
                         : std::string(parsed->host());
  if (base.origin.host.empty()) return refuse("it names no host.");
  for (auto& c : base.origin.host)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  if (parsed->has_port() && !parsed->port().empty()) {
    const std::string_view digits{parsed->port().data(), parsed->port().size()};
    const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), base.origin.port);
    if (failure != std::errc{} || end != digits.data() + digits.size() || base.origin.port == 0)
      return refuse("its port is not a number from 1 to 65535.");
  }
  base.path = std::string(parsed->encoded_path());
  while (!base.path.empty() && base.path.back() == '/') base.path.pop_back();
  return base;
}

}  // namespace maestro::net
