#include "registry/net_fetcher.h"

#include <utility>

#include "net/fetch.h"

namespace maestro::registry {
namespace {

rpc::Awaitable<Result<http::Reply>> fetch_from(net::ClientPool& pool, std::string base_url, http::Request request,
                                               std::size_t body_bytes_max, Deadline deadline) {
  auto base = net::parse_base_url(base_url);
  if (!base) co_return base.error();
  net::BaseUrl whole = std::move(*base);
  co_return co_await net::fetch(pool, std::move(whole), std::move(request), body_bytes_max, deadline);
}

}  // namespace

Fetcher make_fetcher(net::ClientPool& pool) {
  return [&pool](std::string base_url, http::Request request, std::size_t body_bytes_max, Deadline deadline) {
    return fetch_from(pool, std::move(base_url), std::move(request), body_bytes_max, deadline);
  };
}

}  // namespace maestro::registry
