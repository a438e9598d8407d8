// One thread, one loop, one acceptor, one pool of provider connections, one pointer to each snapshot; nothing shared
// with other workers. All of it is touched by its own thread only, after start(); others post.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>

#include "gateway/metrics.h"
#include "gateway/settings.h"
#include "gateway/snapshots.h"
#include "json/outline.h"
#include "net/client_pool.h"
#include "net/listener.h"
#include "net/loop.h"

namespace maestro::gateway {

class Fleet;

class Worker final {
 public:
  Worker(const Settings& settings, const net::ProxySettings& proxies, net::ByteBudget& budget, Fleet& fleet);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  // Before start().
  Result<void> bind(std::uint16_t port) { return listener_.bind(settings_.host, port); }
  std::uint16_t port() const { return listener_.port(); }
  void start();

  // By any thread.
  void post_routes(std::shared_ptr<const Routes> routes);
  void post_keys(std::shared_ptr<const Keys> keys);
  void post_leases(std::shared_ptr<const Leases> leases);
  void drain();
  void stop();  // when drained, or when it takes too long: what still waits is aborted, and the loop runs out
  void join();

  // By its own thread.
  const Settings& settings() const { return settings_; }
  Fleet& fleet() { return fleet_; }
  net::Loop& loop() { return loop_; }
  net::ClientPool& pool() { return pool_; }
  net::ByteBudget& budget() { return budget_; }
  Metrics& metrics() { return metrics_; }
  json::OutlineParser& outline_parser() { return outline_parser_; }
  std::string& log_scratch() { return log_scratch_; }
  const std::shared_ptr<const Routes>& routes() const { return routes_; }
  const std::shared_ptr<const Keys>& keys() const { return keys_; }
  const std::shared_ptr<const Leases>& leases() const { return leases_; }
  bool ready() const { return routes_ != nullptr && keys_ != nullptr && !draining_; }
  bool draining() const { return draining_; }
  std::size_t open_connections() const { return listener_.open_connections(); }
  std::uint64_t random() { return random_(); }
  // "Tue, 24 Nov 2026 06:38:51 GMT", made once a second.
  std::string_view http_date();

 private:
  const Settings& settings_;
  Fleet& fleet_;
  net::ByteBudget& budget_;
  net::Loop loop_;
  net::ClientPool pool_;
  net::Listener listener_;
  Metrics metrics_;
  json::OutlineParser outline_parser_;
  std::string log_scratch_;
  std::shared_ptr<const Routes> routes_;
  std::shared_ptr<const Keys> keys_;
  std::shared_ptr<const Leases> leases_ = std::make_shared<const Leases>();
  bool draining_ = false;
  std::mt19937_64 random_;
  std::time_t date_second_ = 0;
  char date_[32] = {};
  boost::asio::executor_work_guard<net::Executor> work_{loop_.executor()};
  std::thread thread_;
};

}  // namespace maestro::gateway
