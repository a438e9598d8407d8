#include "net/client_pool.h"

#include <algorithm>

#include "base/limits.h"

namespace maestro::net {

ClientPool::ClientPool(Loop& loop, const ProxySettings& proxies)
    : loop_(loop), proxies_(proxies), resolver_(loop), sweep_(loop.wheel(), &ClientPool::sweep, this) {}

ClientPool::~ClientPool() = default;

std::unique_ptr<ClientStream> ClientPool::take_idle(const Origin& origin, const std::string& key) {
  const auto found = by_origin_.find(key);
  if (found == by_origin_.end()) return nullptr;
  auto& streams = found->second;
  while (!streams.empty()) {
    auto stream = std::move(streams.back());
    streams.pop_back();
    --idle_;
    if (stream->origin() == origin) return stream;
  }
  return nullptr;
}

Awaitable<Result<void>> ClientPool::connect(ClientStream& stream, Deadline deadline) {
  co_return co_await stream.connect(resolver_, tls_, proxies_.proxy_for(stream.origin()), deadline);
}

void ClientPool::give_back(std::unique_ptr<ClientStream> stream, const std::string& key) {
  if (!stream->reusable()) return;
  stream->finish_exchange();
  auto& streams = by_origin_[key];
  if (streams.size() >= limits::idle_connections_per_origin_max) return;
  stream->idle_since_ = Wheel::Clock::now();
  streams.push_back(std::move(stream));
  ++idle_;
  if (!sweep_.is_set()) sweep_.set(Wheel::Clock::now() + limits::idle_connection_time_max);
}

void ClientPool::close_idle() {
  by_origin_.clear();
  idle_ = 0;
}

void ClientPool::sweep(void* self) {
  auto& pool = *static_cast<ClientPool*>(self);
  const auto oldest = Wheel::Clock::now() - limits::idle_connection_time_max;
  for (auto& [key, streams] : pool.by_origin_) {
    // Oldest first, since the newest are taken first.
    const auto fresh = std::find_if(streams.begin(), streams.end(),
                                    [oldest](const auto& stream) { return stream->idle_since_ > oldest; });
    pool.idle_ -= static_cast<std::size_t>(fresh - streams.begin());
    streams.erase(streams.begin(), fresh);
  }
  std::erase_if(pool.by_origin_, [](const auto& entry) { return entry.second.empty(); });
  if (pool.idle_ > 0) pool.sweep_.set(Wheel::Clock::now() + limits::idle_connection_time_max / 4);
}

}  // namespace maestro::net
