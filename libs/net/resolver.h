// Host names to addresses, looked up off the loop and kept for limits::resolve_cache_time_max. One a worker.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include <boost/asio/ip/basic_resolver.hpp>

#include "base/deadline.h"
#include "base/result.h"
#include "net/loop.h"

namespace maestro::net {

class Resolver {
 public:
  using Addresses = std::vector<asio::ip::address>;
  static constexpr std::size_t names_max = 256;

  explicit Resolver(Loop& loop) : loop_(loop) {}

  // Lets the one who waits for a look-up be told to stop.
  struct Wait {
    asio::ip::basic_resolver<asio::ip::tcp, Executor>* resolver = nullptr;
    void cancel() {
      if (resolver != nullptr) resolver->cancel();
    }
  };

  // provider_failed: no such host. The caller's expiry calls wait.cancel().
  Awaitable<Result<Addresses>> resolve(const std::string& host, Wait& wait);

 private:
  struct Known {
    Addresses addresses;
    Wheel::Clock::time_point until;
  };
  Loop& loop_;
  std::unordered_map<std::string, Known> known_;
};

}  // namespace maestro::net
