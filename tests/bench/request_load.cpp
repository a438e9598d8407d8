#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "bench/histogram.h"
#include "bench/load.h"
#include "bench/reply_reader.h"
#include "bench/socket.h"

namespace maestro::bench {
namespace {

constexpr unsigned failures_max = 1000;  // then the run is not worth going on
constexpr std::int64_t last_replies_ns = 5'000'000'000;

struct Client {
  Descriptor socket;
  ReplyReader reader;
  Outbox outbox;
  std::int64_t sent_at_ns = 0;
  bool waits = false;  // for a reply
};

class RequestLoad final {
 public:
  explicit RequestLoad(const LoadOptions& options) : options_(options), request_(request_bytes(options, "")) {}

  Result<std::string> run() {
    clients_.resize(options_.connections);
    for (std::size_t at = 0; at < clients_.size(); ++at)
      if (const auto opened = open(at); !opened) return opened.error();
    const auto started = now_ns();
    ends_at_ns_ = started + static_cast<std::int64_t>(options_.seconds * 1e9);
    for (std::size_t at = 0; at < clients_.size(); ++at) send_next(at);
    auto now = started;
    while (waiting_ > 0 && failures_ < failures_max && now < ends_at_ns_ + last_replies_ns) {
      for (const auto& ready : poller_.wait(100)) serve(ready.data.u64, ready.events);
      now = now_ns();
    }
    failures_ += waiting_;
    return to_json(static_cast<double>(now - started) / 1e9);
  }

 private:
  Result<void> open(std::size_t at) {
    auto socket = connect_to_loopback(options_.port);
    if (!socket) return socket.error();
    clients_[at] = Client{};
    clients_[at].socket = std::move(*socket);
    poller_.add(clients_[at].socket, at);
    return {};
  }

  bool may_send() const { return now_ns() < ends_at_ns_ && (options_.requests == 0 || sent_ < options_.requests); }

  void send_next(std::size_t at) {
    if (!may_send()) return;
    auto& client = clients_[at];
    client.reader.restart();
    client.waits = true;
    client.sent_at_ns = now_ns();
    ++sent_;
    ++waiting_;
    if (!client.outbox.send_or_keep(client.socket, request_)) return fail(at);
    if (!client.outbox.empty()) poller_.change(client.socket, at, EPOLLIN | EPOLLOUT);
  }

  // The request of this connection is lost; the connection is made anew.
  void fail(std::size_t at) {
    ++failures_;
    reopen(at);
  }

  void reopen(std::size_t at) {
    if (std::exchange(clients_[at].waits, false)) --waiting_;
    if (failures_ < failures_max && open(at)) return send_next(at);
    clients_[at].socket.close();
    failures_ = failures_max;
  }

  void serve(std::size_t at, std::uint32_t events) {
    auto& client = clients_[at];
    if ((events & EPOLLOUT) != 0) {
      if (!client.outbox.flush(client.socket)) return fail(at);
      if (client.outbox.empty()) poller_.change(client.socket, at, EPOLLIN);
    }
    if ((events & ~std::uint32_t{EPOLLOUT}) == 0) return;
    const auto received = receive(client.socket, buffer_);
    if (received.end == IoEnd::would_block) return;
    if (received.end == IoEnd::closed) return client.waits ? fail(at) : client.socket.close();
    body_bytes_ += received.bytes;
    client.reader.feed({buffer_.data(), received.bytes}, [](std::string_view) {});
    if (client.reader.malformed()) return fail(at);
    if (client.reader.done()) finish(at);
  }

  void finish(std::size_t at) {
    auto& client = clients_[at];
    client.waits = false;
    --waiting_;
    ++replies_;
    latency_.add(now_ns() - client.sent_at_ns);
    if (client.reader.status() < 200 || client.reader.status() > 299) ++refusals_;
    if (!client.reader.keep_alive()) {
      ++closes_;
      return reopen(at);
    }
    send_next(at);
  }

  std::string to_json(double seconds) const {
    return "{\"mode\":\"requests\",\"connections\":" + std::to_string(options_.connections) +
           ",\"replies\":" + std::to_string(replies_) + ",\"non_2xx\":" + std::to_string(refusals_) +
           ",\"errors\":" + std::to_string(failures_) + ",\"closed_by_peer\":" + std::to_string(closes_) +
           ",\"received_bytes\":" + std::to_string(body_bytes_) + ",\"seconds\":" + std::to_string(seconds) +
           ",\"latency_us\":" + latency_.to_json() + "}";
  }

  const LoadOptions& options_;
  const std::string request_;
  Poller poller_;
  std::vector<Client> clients_;
  std::vector<char> buffer_ = std::vector<char>(64 * 1024);
  Histogram latency_;
  std::int64_t ends_at_ns_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t replies_ = 0;
  std::uint64_t refusals_ = 0;
  std::uint64_t closes_ = 0;
  std::uint64_t body_bytes_ = 0;
  unsigned waiting_ = 0;
  unsigned failures_ = 0;
};

}  // namespace

Result<std::string> run_requests(const LoadOptions& options) { return RequestLoad{options}.run(); }

}  // namespace maestro::bench
