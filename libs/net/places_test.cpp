#include <map>

#include <gtest/gtest.h>

#include "net/buffer_pool.h"
#include "net/origin.h"
#include "net/proxy.h"

namespace maestro::net {
namespace {

TEST(BaseUrlTest, table) {
  struct Case {
    const char* url;
    const char* origin;
    const char* host_header;
    const char* path;
  };
  const Case cases[] = {
      {"http://localhost:11434/v1", "http://localhost:11434", "localhost:11434", "/v1"},
      {"https://API.openai.com/v1/", "https://api.openai.com:443", "api.openai.com", "/v1"},
      {"https://h:8443", "https://h:8443", "h:8443", ""},
      {"http://[::1]:80/a/b//", "http://[::1]:80", "[::1]", "/a/b"},
      {"http://10.0.0.1/", "http://10.0.0.1:80", "10.0.0.1", ""},
  };
  for (const auto& c : cases) {
    const auto base = parse_base_url(c.url);
    ASSERT_TRUE(base) << c.url;
    EXPECT_EQ(base->origin.text(), c.origin);
    EXPECT_EQ(base->origin.host_header(), c.host_header);
    EXPECT_EQ(base->path, c.path);
  }
  for (const auto* url : {"", "localhost:1", "ftp://h/", "http://", "http://u:p@h/", "http://h/?q", "http://h/#f",
                          "http://h:99999/", "not a url"})
    EXPECT_FALSE(parse_base_url(url)) << url;
}

ProxySettings settings(std::map<std::string, std::string> variables) {
  auto made = ProxySettings::from([&](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
  return made ? *made : ProxySettings{};
}

Origin origin(const char* url) { return parse_base_url(url)->origin; }

TEST(ProxyTest, is_chosen_by_scheme_and_left_out_by_no_proxy) {
  const auto proxies = settings({{"HTTPS_PROXY", "http://user:pa%40ss@proxy:3128"},
                                 {"ALL_PROXY", "socks5://socks:1080"},
                                 {"NO_PROXY", "localhost,.internal, exact.com:8443"}});
  const auto* https = proxies.proxy_for(origin("https://api.openai.com"));
  ASSERT_NE(https, nullptr);
  EXPECT_EQ(https->host, "proxy");
  EXPECT_EQ(https->port, 3128);
  EXPECT_EQ(https->user, "user");
  EXPECT_EQ(https->password.reveal(), "pa@ss");
  const auto* http = proxies.proxy_for(origin("http://example.com"));
  ASSERT_NE(http, nullptr);
  EXPECT_EQ(http->kind, Proxy::Kind::socks5);
  for (const auto* direct : {"http://localhost:1", "https://a.internal", "https://internal", "https://exact.com:8443"})
    EXPECT_EQ(proxies.proxy_for(origin(direct)), nullptr) << direct;
  for (const auto* proxied : {"https://notinternal", "https://exact.com"})
    EXPECT_NE(proxies.proxy_for(origin(proxied)), nullptr) << proxied;
  EXPECT_EQ(settings({{"http_proxy", "http://p:1"}, {"no_proxy", "*"}}).proxy_for(origin("http://h")), nullptr);
}

TEST(ProxyTest, a_variable_that_makes_no_sense_is_named) {
  for (const auto* value : {"ftp://p:1", "http://", "::"}) {
    const auto made = ProxySettings::from([value](const char* name) -> std::optional<std::string> {
      return std::string_view(name) == "https_proxy" ? std::optional<std::string>(value) : std::nullopt;
    });
    ASSERT_FALSE(made) << value;
    EXPECT_NE(made.error().message.find("https_proxy"), std::string::npos);
  }
}

TEST(BufferPoolTest, buffers_come_back_and_large_ones_are_let_go) {
  BufferPool pool;
  char* first = nullptr;
  {
    auto buffer = pool.take(100);
    EXPECT_EQ(buffer.capacity(), BufferPool::class_bytes[0]);
    first = buffer.data();
    auto moved = std::move(buffer);
    EXPECT_EQ(moved.data(), first);
  }
  EXPECT_EQ(pool.take(4096).data(), first);
  EXPECT_EQ(pool.take(300'000).capacity(), 300'000u);
}

}  // namespace
}  // namespace maestro::net
