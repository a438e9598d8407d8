#include "net/resolver.h"

#include "base/limits.h"

namespace maestro::net {

Awaitable<Result<Resolver::Addresses>> Resolver::resolve(const std::string& host, Wait& wait) {
  boost::system::error_code failure;
  if (const auto address = asio::ip::make_address(host, failure); !failure) co_return Addresses{address};
  const auto now = Wheel::Clock::now();
  if (const auto known = known_.find(host); known != known_.end() && known->second.until > now)
    co_return known->second.addresses;

  asio::ip::basic_resolver<asio::ip::tcp, Executor> resolver{loop_.executor()};
  wait.resolver = &resolver;
  const auto [problem, found] = co_await resolver.async_resolve(host, "", as_result);
  wait.resolver = nullptr;
  if (problem)
    co_return Error{ErrorKind::provider_failed, "Cannot find the host " + host + ": " + problem.message() + "."};
  Addresses addresses;
  for (const auto& entry : found)
    if (std::find(addresses.begin(), addresses.end(), entry.endpoint().address()) == addresses.end())
      addresses.push_back(entry.endpoint().address());
  if (known_.size() >= names_max) known_.clear();
  known_[host] = {addresses, now + limits::resolve_cache_time_max};
  co_return addresses;
}

}  // namespace maestro::net
