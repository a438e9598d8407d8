// Idle connections to providers, by origin, newest first. One a worker. A connection that went stale while it lay here
// fails before the first byte of a reply; whoever uses it replaces it once (ClientStream::reused, saw_reply_bytes).
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/client_stream.h"

namespace maestro::net {

class ClientPool {
 public:
  // `proxies` is the process's and outlives the pool.
  ClientPool(Loop& loop, const ProxySettings& proxies);
  ~ClientPool();

  // nullptr when none is idle: connect a new one.
  std::unique_ptr<ClientStream> take_idle(const Origin& origin, const std::string& key);
  std::unique_ptr<ClientStream> make(const Origin& origin) { return std::make_unique<ClientStream>(loop_, origin); }
  Awaitable<Result<void>> connect(ClientStream& stream, Deadline deadline);
  // Kept if it can be used again, else closed.
  void give_back(std::unique_ptr<ClientStream> stream, const std::string& key);

  std::size_t idle_connections() const { return idle_; }
  Loop& loop() { return loop_; }
  void close_idle();

 private:
  static void sweep(void* self);

  Loop& loop_;
  const ProxySettings& proxies_;
  Resolver resolver_;
  TlsContext tls_;
  Wheel::Entry sweep_;
  std::size_t idle_ = 0;
  std::unordered_map<std::string, std::vector<std::unique_ptr<ClientStream>>> by_origin_;
};

}  // namespace maestro::net
