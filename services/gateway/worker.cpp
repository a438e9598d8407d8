#include "gateway/worker.h"

#include <ctime>

#include "gateway/session.h"

namespace maestro::gateway {

Worker::Worker(const Settings& settings, const net::ProxySettings& proxies, net::ByteBudget& budget, Fleet& fleet)
    : settings_(settings),
      fleet_(fleet),
      budget_(budget),
      pool_(loop_, proxies),
      listener_(loop_, settings_.server, [this](net::ServerStream& client) { return serve_connection(*this, client); }),
      random_(std::random_device{}()) {}

Worker::~Worker() { join(); }

void Worker::start() {
  listener_.start();
  thread_ = std::thread([this] { loop_.context().run(); });
}

void Worker::post_routes(std::shared_ptr<const Routes> routes) {
  loop_.post([this, routes = std::move(routes)]() mutable { routes_ = std::move(routes); });
}
void Worker::post_keys(std::shared_ptr<const Keys> keys) {
  loop_.post([this, keys = std::move(keys)]() mutable { keys_ = std::move(keys); });
}
void Worker::post_leases(std::shared_ptr<const Leases> leases) {
  loop_.post([this, leases = std::move(leases)]() mutable { leases_ = std::move(leases); });
}
void Worker::drain() {
  loop_.post([this] {
    draining_ = true;
    listener_.drain();
  });
}
void Worker::stop() {
  loop_.post([this] {
    draining_ = true;
    listener_.abort();
    pool_.close_idle();
    loop_.wheel().close();
    work_.reset();
  });
}
void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

std::string_view Worker::http_date() {
  const auto now = std::time(nullptr);
  if (now != date_second_) {
    std::tm utc{};
    gmtime_r(&now, &utc);
    std::strftime(date_, sizeof date_, "%a, %d %b %Y %H:%M:%S GMT", &utc);
    date_second_ = now;
  }
  return date_;
}

}  // namespace maestro::gateway
