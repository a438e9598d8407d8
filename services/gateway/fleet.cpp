#include "gateway/fleet.h"

#include <algorithm>
#include <future>
#include <thread>

namespace maestro::gateway {
namespace {

// Runs `ask` on the loop of `to` and resumes on that of `back` with what it gave.
template <class Function>
net::Awaitable<std::invoke_result_t<Function&>> ask_on(net::Loop& to, net::Loop& back, Function ask) {
  using Value = std::invoke_result_t<Function&>;
  auto initiate = [&to, &back, ask](auto handler) mutable {
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    auto there = [&back, ask, shared]() mutable {
      auto value = std::make_shared<Value>(ask());
      auto here = [shared, value] { std::move (*shared)(std::move(*value)); };
      back.post(std::move(here));
    };
    to.post(std::move(there));
  };
  return boost::asio::async_initiate<const boost::asio::use_awaitable_t<net::Executor>, void(Value)>(
      std::move(initiate), boost::asio::use_awaitable_t<net::Executor>{});
}

}  // namespace

Result<void> Fleet::open(const Settings& settings, const net::ProxySettings& proxies) {
  budget_ = std::make_unique<net::ByteBudget>(settings.body_budget_bytes_max);
  const auto count = settings.workers > 0 ? settings.workers : std::max(1u, std::thread::hardware_concurrency());
  auto port = settings.port;
  for (unsigned i = 0; i < count; ++i) {
    auto& worker = workers_.emplace_back(std::make_unique<Worker>(settings, proxies, *budget_, *this));
    if (auto bound = worker->bind(port); !bound) return bound;
    port = worker->port();
  }
  return {};
}

void Fleet::start() {
  for (auto& worker : workers_) worker->start();
}
void Fleet::post_routes(const std::shared_ptr<const Routes>& routes) {
  for (auto& worker : workers_) worker->post_routes(routes);
}
void Fleet::post_keys(const std::shared_ptr<const Keys>& keys) {
  for (auto& worker : workers_) worker->post_keys(keys);
}
void Fleet::post_leases(const std::shared_ptr<const Leases>& leases) {
  for (auto& worker : workers_) worker->post_leases(leases);
}
void Fleet::drain() {
  for (auto& worker : workers_) worker->drain();
}
void Fleet::stop() {
  for (auto& worker : workers_) worker->stop();
}
void Fleet::join() {
  for (auto& worker : workers_) worker->join();
}

net::Awaitable<Fleet::Sum> Fleet::sum(net::Loop& asking) {
  Sum sum;
  for (auto& worker : workers_) {
    auto* const of = worker.get();
    auto copy = [of] { return std::pair<Metrics, std::uint64_t>{of->metrics(), of->open_connections()}; };
    const auto part = co_await ask_on(of->loop(), asking, copy);
    sum.metrics.merge(part.first);
    sum.open_connections += part.second;
  }
  co_return sum;
}

std::uint64_t Fleet::open_connections_now() {
  std::uint64_t open = 0;
  for (auto& worker : workers_) {
    auto answer = std::make_shared<std::promise<std::uint64_t>>();
    auto* const of = worker.get();
    of->loop().post([of, answer] { answer->set_value(of->open_connections()); });
    open += answer->get_future().get();
  }
  return open;
}

}  // namespace maestro::gateway
