#include "net/proxy.h"

#include <boost/url/parse.hpp>

namespace maestro::net {
namespace {

Result<Proxy> parse_proxy(const std::string& name, std::string url) {
  if (url.find("://") == std::string::npos) url.insert(0, "http://");
  const auto refuse = [&](std::string_view why) {
    return Error{ErrorKind::invalid_request, "The variable " + name + " does not name a proxy: " + std::string(why)};
  };
  const auto parsed = boost::urls::parse_uri(url);
  if (!parsed) return refuse("write it like http://host:port or socks5://host:port.");
  Proxy proxy;
  if (parsed->scheme() == "socks5" || parsed->scheme() == "socks5h") {
    proxy.kind = Proxy::Kind::socks5;
    proxy.port = 1080;
  } else if (parsed->scheme() == "http") {
    proxy.port = 80;
  } else {
    return refuse("only http://, socks5:// and socks5h:// are spoken.");
  }
  proxy.host = std::string(parsed->host());
  if (proxy.host.empty()) return refuse("it names no host.");
  if (proxy.host.front() == '[') proxy.host = proxy.host.substr(1, proxy.host.size() - 2);
  if (parsed->has_port() && parsed->port_number() != 0) proxy.port = parsed->port_number();
  proxy.user = parsed->user();
  proxy.password = Secret(parsed->password());
  return proxy;
}

std::optional<std::pair<std::string, std::string>> first_set(const ProxySettings::Variable& variable,
                                                             std::initializer_list<const char*> names) {
  for (const auto* name : names)
    if (auto value = variable(name); value && !value->empty()) return std::pair<std::string, std::string>(name, *value);
  return {};
}

bool ends_with_label(std::string_view host, std::string_view suffix) {
  if (!host.ends_with(suffix)) return false;
  return host.size() == suffix.size() || host[host.size() - suffix.size() - 1] == '.';
}

}  // namespace

Result<ProxySettings> ProxySettings::from(const Variable& variable) {
  ProxySettings settings;
  struct Wanted {
    std::optional<Proxy>* proxy;
    std::optional<std::pair<std::string, std::string>> given;
  };
  // HTTP_PROXY in capitals can be set by a request header under CGI; this is no CGI program.
  Wanted all[] = {{&settings.http_, first_set(variable, {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"})},
                  {&settings.https_, first_set(variable, {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"})}};
  for (auto& wanted : all) {
    if (!wanted.given) continue;
    auto proxy = parse_proxy(wanted.given->first, wanted.given->second);
    if (!proxy) return proxy.error();
    *wanted.proxy = std::move(*proxy);
  }
  if (auto direct = first_set(variable, {"no_proxy", "NO_PROXY"})) {
    std::string entry;
    for (const char c : direct->second + ",") {
      if (c == ',' || c == ' ') {
        if (!entry.empty()) settings.direct_.push_back(std::exchange(entry, {}));
      } else {
        entry += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
      }
    }
  }
  return settings;
}

const Proxy* ProxySettings::proxy_for(const Origin& origin) const {
  const auto& proxy = origin.tls() ? https_ : http_;
  if (!proxy) return nullptr;
  for (std::string_view entry : direct_) {
    if (entry == "*") return nullptr;
    if (const auto colon = entry.rfind(':'); colon != std::string_view::npos && entry.find(':') == colon) {
      if (entry.substr(colon + 1) != std::to_string(origin.port)) continue;
      entry = entry.substr(0, colon);
    }
    if (entry.starts_with("*.")) entry.remove_prefix(1);
    if (entry.starts_with('.')) entry.remove_prefix(1);
    if (ends_with_label(origin.host, entry)) return nullptr;
  }
  return &*proxy;
}

}  // namespace maestro::net
