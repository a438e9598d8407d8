// maestro-registry: one loop, one thread; gRPC brings calls to it.
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <string>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <nlohmann/json.hpp>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "log/log.h"
#include "net/client_pool.h"
#include "net/proxy.h"
#include "registry/catalog_service.h"
#include "registry/net_fetcher.h"
#include "registry/options.h"
#include "registry/registry.h"
#include "registry/registry_service.h"
#include "rpc/channel.h"
#include "rpc/server.h"
#include "store/file.h"

namespace maestro::registry {
namespace {

constexpr int failed_exit_code = 1;

void write_whole(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::string instance_id() {
  char host[256] = "localhost";
  if (::gethostname(host, sizeof host - 1) != 0) host[0] = '\0';
  return std::string(host) + ":registry-" + std::to_string(randombytes_random());
}

// All that serves, in the order in which it is built.
struct House {
  House(net::Loop& loop, const net::ProxySettings& proxies, std::unique_ptr<store::Store> opened,
        std::shared_ptr<grpc::Channel> auth_channel, const Options& options)
      : pool(loop, proxies),
        store(std::move(opened)),
        auth(loop.executor(), std::move(auth_channel), instance_id()),
        registry(loop.executor(), *store, auth, make_fetcher(pool),
                 Settings{options.config_dir, options.state_dir, options.openai_base_url, options.demo}),
        catalog_service(loop.executor(), registry, options.plaintext_peers),
        registry_service(loop.executor(), registry) {}

  net::ClientPool pool;
  std::unique_ptr<store::Store> store;
  AuthLink auth;
  Registry registry;
  CatalogService catalog_service;
  RegistryService registry_service;
};

const std::string& address_of(const rpc::Server& server) {
  return server.addresses().empty() ? server.public_addresses().front() : server.addresses().front();
}

void say_ready(int descriptor, const rpc::Server& server) {
  if (descriptor < 0) return;
  nlohmann::ordered_json line;
  line["service"] = "registry";
  line["address"] = address_of(server);
  write_whole(descriptor, line.dump() + '\n');
  ::close(descriptor);
}

rpc::Awaitable<void> serve(House& house, rpc::Server& server, int ready_descriptor) {
  const auto executor = co_await boost::asio::this_coro::executor;
  boost::asio::basic_signal_set<rpc::Executor> signals(executor, SIGTERM, SIGINT);
  co_await house.registry.start();
  say_ready(ready_descriptor, server);
  log::info("serving", {{"address", address_of(server)}});
  co_await signals.async_wait(boost::asio::as_tuple(rpc::use_awaitable));
  log::info("draining", {});
  server.say_serving(false);
  house.registry.stop();
  co_await server.drain(Deadline::in(limits::drain_time_max));
  house.pool.close_idle();
}

Result<int> run(const Options& options) {
  const auto variable = [](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  auto proxies = net::ProxySettings::from(variable);
  if (!proxies) return proxies.error();
  net::Loop loop;
  auto store = store::open_files(loop.context(), store::Directories{options.config_dir, options.data_dir});
  if (!store) return store.error();
  if (auto made = store::make_directory(options.state_dir); !made) return made.error();
  auto channel = rpc::make_channel(options.auth);
  if (!channel) return channel.error();
  House house(loop, *proxies, std::move(*store), std::move(*channel), options);
  rpc::ServerOptions listening;
  listening.listen = options.listen;
  listening.public_listen = options.public_listen;
  listening.peer_services = {&house.catalog_service};
  listening.public_services = {&house.registry_service};
  listening.plaintext_peers = options.plaintext_peers;
  auto server = rpc::Server::start(std::move(listening));
  if (!server) return server.error();

  int exit_code = failed_exit_code;
  const auto ended = [&](std::exception_ptr escaped) {
    if (escaped) {
      log::error("died", {{"why", "an exception escaped"}});
    } else {
      exit_code = 0;
    }
    loop.context().stop();
  };
  boost::asio::co_spawn(loop.executor(), serve(house, **server, options.ready_descriptor), ended);
  loop.context().run();
  // What was cancelled still comes to its end here.
  house.store.reset();
  loop.context().restart();
  loop.context().run_for(limits::last_words_time_max);
  log::info("ended", {{"exit_code", exit_code}});
  return exit_code;
}

}  // namespace
}  // namespace maestro::registry

int main(int argument_count, char** arguments) {
  using namespace maestro;
  auto read = registry::read_options(argument_count, arguments);
  if (const auto* farewell = std::get_if<registry::Farewell>(&read)) {
    registry::write_whole(farewell->exit_code == 0 ? STDOUT_FILENO : STDERR_FILENO, farewell->text);
    return farewell->exit_code;
  }
  const auto& options = std::get<registry::Options>(read);
  if (options.asks_for_health) {
    const auto health =
        rpc::check_health(options.listen.empty() ? options.public_listen.front() : options.listen.front());
    if (!health) registry::write_whole(STDERR_FILENO, health.error().message + '\n');
    return health ? 0 : registry::failed_exit_code;
  }
  ::umask(077);
  std::signal(SIGPIPE, SIG_IGN);
  if (sodium_init() < 0) {
    registry::write_whole(STDERR_FILENO, "The machine gives no random numbers.\n");
    return registry::failed_exit_code;
  }
  log::start("registry", options.log_level);
  auto result = registry::run(options);
  if (!result) log::error("not_started", {{"why", result.error().message}, {"detail", result.error().detail}});
  log::stop();
  // Exit without destructors of statics: gRPC's threads may still be on their way out.
  ::_exit(result ? *result : registry::failed_exit_code);
}
