// All workers of the process: where a snapshot goes to every one of them, and where a scrape asks each.
#pragma once

#include <memory>
#include <vector>

#include "gateway/worker.h"

namespace maestro::gateway {

class Fleet final {
 public:
  // unavailable: the address cannot be listened on.
  Result<void> open(const Settings& settings, const net::ProxySettings& proxies);
  void start();
  std::uint16_t port() const { return workers_.front()->port(); }

  // By any thread. Each worker has it before its next request.
  void post_routes(const std::shared_ptr<const Routes>& routes);
  void post_keys(const std::shared_ptr<const Keys>& keys);
  void post_leases(const std::shared_ptr<const Leases>& leases);
  void drain();
  void stop();
  void join();

  // Called on a worker's loop: asks every worker in turn, on its own thread, and gives the sum.
  struct Sum {
    Metrics metrics;
    std::uint64_t open_connections = 0;
  };
  net::Awaitable<Sum> sum(net::Loop& asking);
  net::ByteBudget& budget() { return *budget_; }
  // Requests and connections that are left, for the end of a drain. By any thread, blocking.
  std::uint64_t open_connections_now();

 private:
  std::unique_ptr<net::ByteBudget> budget_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace maestro::gateway
