#include <algorithm>
#include <vector>

#include "bench/load.h"
#include "bench/reply_reader.h"
#include "bench/socket.h"

namespace maestro::bench {
namespace {

constexpr unsigned in_flight_max = 32;  // so that the proxy's own upstream pool stays small

struct Client {
  Descriptor socket;
  ReplyReader reader;
  Outbox outbox;
};

class IdleLoad final {
 public:
  explicit IdleLoad(const LoadOptions& options) : options_(options), request_(request_bytes(options, "")) {}

  Result<std::string> run() {
    clients_.resize(options_.connections);
    const auto limit = now_ns() + static_cast<std::int64_t>(options_.time_limit_seconds * 1e9);
    while (answered_ + failed_ < options_.connections && now_ns() < limit) {
      for (; opened_ < options_.connections && opened_ - answered_ - failed_ < in_flight_max; ++opened_)
        if (const auto opened = open(opened_); !opened) return opened.error();
      for (const auto& ready : poller_.wait(100)) serve(ready.data.u64, ready.events);
    }
    say_open(answered_);
    const auto until = now_ns() + static_cast<std::int64_t>(options_.seconds * 1e9);
    while (now_ns() < until)
      for (const auto& ready : poller_.wait(100)) serve(ready.data.u64, ready.events);
    return "{\"mode\":\"idle\",\"connections\":" + std::to_string(options_.connections) +
           ",\"answered\":" + std::to_string(answered_) + ",\"errors\":" + std::to_string(failed_) +
           ",\"closed_early\":" + std::to_string(closed_) + "}";
  }

 private:
  Result<void> open(std::size_t at) {
    auto socket = connect_to_loopback(options_.port);
    if (!socket) return socket.error();
    auto& client = clients_[at];
    client.socket = std::move(*socket);
    if (!client.outbox.send_or_keep(client.socket, request_)) {
      ++failed_;
      client.socket.close();
      return {};
    }
    poller_.add(client.socket, at, client.outbox.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT);
    return {};
  }

  void serve(std::size_t at, std::uint32_t events) {
    auto& client = clients_[at];
    if ((events & EPOLLOUT) != 0 && client.outbox.flush(client.socket) && client.outbox.empty())
      poller_.change(client.socket, at, EPOLLIN);
    if ((events & ~std::uint32_t{EPOLLOUT}) == 0) return;
    const auto received = receive(client.socket, buffer_);
    if (received.end == IoEnd::would_block) return;
    const bool was_done = client.reader.done();
    if (received.end == IoEnd::progress) client.reader.feed({buffer_.data(), received.bytes}, [](std::string_view) {});
    if (received.end == IoEnd::closed || client.reader.malformed()) {
      ++(was_done ? closed_ : failed_);
      return client.socket.close();
    }
    if (was_done || !client.reader.done()) return;
    ++(client.reader.status() == 200 ? answered_ : failed_);
    if (client.reader.status() != 200) client.socket.close();
  }

  const LoadOptions& options_;
  const std::string request_;
  Poller poller_;
  std::vector<Client> clients_;
  std::vector<char> buffer_ = std::vector<char>(64 * 1024);
  unsigned opened_ = 0;
  unsigned answered_ = 0;
  unsigned failed_ = 0;
  unsigned closed_ = 0;
};

}  // namespace

Result<std::string> run_idle(const LoadOptions& options) { return IdleLoad{options}.run(); }

}  // namespace maestro::bench
