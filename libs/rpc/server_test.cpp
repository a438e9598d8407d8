#include <fstream>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "rpc/listener.h"
#include "rpc/peer.h"
#include "rpc/rpc_test_service.h"

namespace maestro::rpc {
namespace {

using namespace std::chrono_literals;

TEST(ListenerTest, reads_addresses_and_knows_the_loopback) {
  struct Case {
    std::string address;
    std::string canonical;  // empty: refused
    bool loopback = false;
  };
  const Case cases[] = {
      {"unix:/run/a.sock", "unix:/run/a.sock", true},
      {"unix:///run/a.sock", "unix:/run/a.sock", true},
      {"127.0.0.1:0", "127.0.0.1:0", true},
      {"127.8.9.1:1", "127.8.9.1:1", true},
      {"localhost:80", "localhost:80", true},
      {"[::1]:80", "[::1]:80", true},
      {"0.0.0.0:80", "0.0.0.0:80", false},
      {"[::]:80", "[::]:80", false},
      {"auth.example:80", "auth.example:80", false},
      {"127.evil.example:80", "127.evil.example:80", false},
      {"unix:relative.sock", "", false},
      {"unix-abstract:x", "", false},
      {"unix:/" + std::string(120, 'x'), "", false},
      {"::1:80", "", false},
      {":80", "", false},
      {"host", "", false},
      {"host:", "", false},
      {"host:65536", "", false},
      {"host:8o", "", false},
      {"", "", false},
  };
  for (const auto& row : cases) {
    const auto listener = parse_listener(row.address);
    EXPECT_EQ(listener.has_value(), !row.canonical.empty()) << row.address;
    if (!listener) continue;
    EXPECT_EQ(listener->address(), row.canonical);
    EXPECT_EQ(listener->is_loopback(), row.loopback) << row.address;
  }
}

TEST_F(RpcTest, reports_the_ports_it_was_given_and_keeps_the_socket_to_its_owner) {
  ASSERT_EQ(server->addresses().size(), 2u);
  EXPECT_FALSE(server->addresses()[1].ends_with(":0"));
  EXPECT_FALSE(server->public_addresses().at(0).ends_with(":0"));
  struct stat found{};
  ASSERT_EQ(::stat((directory / "s.sock").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0077, 0u);
}

TEST_F(RpcTest, the_public_listener_has_only_the_public_services) {
  auth_words.function = [](auto&) { return success(); };
  on_server([this] { lease_words.broadcast.publish(keys_numbered(1)); });
  const auto public_channel = *make_channel(server->public_addresses().at(0));
  auth_stub = auth::v1::AuthService::NewStub(public_channel);
  lease_stub = auth::v1::LeaseService::NewStub(public_channel);
  auto client = [this]() -> Awaitable<void> {
    EXPECT_TRUE(co_await get_status(Deadline::in(10s)));
    auto watch = watch_keys("g-1");
    EXPECT_FALSE(co_await watch.next());
    EXPECT_EQ(watch.outcome().error().kind, ErrorKind::method_not_allowed);
  };
  run(client());
}

TEST_F(RpcTest, health_is_served_and_follows_what_is_said) {
  for (const auto& address : {server->addresses()[0], server->addresses()[1], server->public_addresses()[0]}) {
    const auto health = check_health(address);
    EXPECT_TRUE(health) << health.error().message;
  }
  server->say_serving(false);
  EXPECT_EQ(check_health(server->addresses()[0]).error().kind, ErrorKind::unavailable);
  server->say_serving(true);
  EXPECT_TRUE(check_health(server->addresses()[0]));
}

TEST_F(RpcTest, a_path_that_is_not_free_is_refused_with_its_reason) {
  const auto start_at = [](const std::string& path) {
    ServerOptions options;
    options.listen = {"unix:" + path};
    return Server::start(std::move(options));
  };
  auto busy = start_at(directory / "s.sock");
  ASSERT_FALSE(busy);
  EXPECT_NE(busy.error().message.find("another process listens there"), std::string::npos);

  std::filesystem::create_symlink(directory / "elsewhere", directory / "link.sock");
  auto link = start_at(directory / "link.sock");
  ASSERT_FALSE(link);
  EXPECT_NE(link.error().message.find("symbolic link"), std::string::npos);

  std::ofstream(directory / "file.sock") << "text";
  auto file = start_at(directory / "file.sock");
  ASSERT_FALSE(file);
  EXPECT_NE(file.error().message.find("no socket"), std::string::npos);

  EXPECT_FALSE(start_at(directory / "missing/x.sock"));
}

TEST_F(RpcTest, a_stale_socket_is_replaced) {
  const std::string path = directory / "stale.sock";
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  path.copy(name.sun_path, sizeof(name.sun_path) - 1);
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(::bind(descriptor, reinterpret_cast<const sockaddr*>(&name), sizeof(name)), 0);
  ::close(descriptor);
  ServerOptions options;
  options.listen = {"unix:" + path};
  EXPECT_TRUE(Server::start(std::move(options)));
}

TEST_F(RpcTest, a_port_that_is_taken_is_refused) {
  ServerOptions options;
  options.listen = {server->addresses()[1]};
  EXPECT_FALSE(Server::start(std::move(options)));
}

TEST(ServerTest, peers_from_other_machines_need_to_be_asked_for_by_name) {
  ServerOptions options;
  options.listen = {"0.0.0.0:0"};
  auto refused = Server::start(options);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("--insecure-plaintext-peers"), std::string::npos);
  options.plaintext_peers = PlaintextPeers::asked_for;
  EXPECT_TRUE(Server::start(options));
  EXPECT_FALSE(Server::start(ServerOptions{}));
}

TEST(ChannelTest, an_address_of_no_known_form_is_refused) {
  EXPECT_TRUE(make_channel("dns:///auth:50051"));
  EXPECT_TRUE(make_channel("127.0.0.1:1"));
  EXPECT_FALSE(make_channel("http://x"));
  EXPECT_FALSE(make_channel("relative/path"));
}

}  // namespace
}  // namespace maestro::rpc
