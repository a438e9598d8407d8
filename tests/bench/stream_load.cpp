#include <algorithm>
#include <vector>

#include "bench/histogram.h"
#include "bench/load.h"
#include "bench/reply_reader.h"
#include "bench/socket.h"
#include "bench/stamp.h"

namespace maestro::bench {
namespace {

struct Stream {
  Descriptor socket;
  ReplyReader reader;
  Outbox outbox;
  StampFinder stamps;
  unsigned events = 0;
};

class StreamLoad final {
 public:
  explicit StreamLoad(const LoadOptions& options)
      : options_(options),
        request_(request_bytes(options, "x-bench-chunks: " + std::to_string(options.chunks) +
                                            "\r\nx-bench-gap-ms: " + std::to_string(options.gap_ms) +
                                            "\r\nx-bench-size: " + std::to_string(options.size_bytes) + "\r\n")) {}

  Result<std::string> run() {
    streams_.resize(options_.connections);
    const auto started = now_ns();
    const auto limit = started + static_cast<std::int64_t>(options_.time_limit_seconds * 1e9);
    auto now = started;
    while (complete_ + failed_ < options_.connections && now < limit) {
      if (const auto more = start_due(now - started); !more) return more.error();
      const int timeout_ms = started_ < options_.connections ? 1 : 100;
      for (const auto& ready : poller_.wait(timeout_ms)) serve(ready.data.u64, ready.events);
      now = now_ns();
    }
    failed_ = options_.connections - complete_;
    return to_json(static_cast<double>(now - started) / 1e9);
  }

 private:
  Result<void> start_due(std::int64_t elapsed_ns) {
    const auto ramp_ns = std::int64_t{options_.ramp_ms} * 1'000'000;
    const auto due = elapsed_ns >= ramp_ns ? options_.connections
                                           : static_cast<unsigned>(options_.connections * elapsed_ns / ramp_ns);
    for (; started_ < due; ++started_) {
      auto socket = connect_to_loopback(options_.port);
      if (!socket) return socket.error();
      auto& stream = streams_[started_];
      stream.socket = std::move(*socket);
      if (!stream.outbox.send_or_keep(stream.socket, request_)) {
        fail(stream);
        continue;
      }
      poller_.add(stream.socket, started_, stream.outbox.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT);
    }
    return {};
  }

  void serve(std::size_t at, std::uint32_t events) {
    auto& stream = streams_[at];
    if ((events & EPOLLOUT) != 0) {
      if (!stream.outbox.flush(stream.socket)) return fail(stream);
      if (stream.outbox.empty()) poller_.change(stream.socket, at, EPOLLIN);
    }
    if ((events & ~std::uint32_t{EPOLLOUT}) == 0) return;
    const auto received = receive(stream.socket, buffer_);
    if (received.end == IoEnd::would_block) return;
    if (received.end == IoEnd::closed) return fail(stream);
    ++reads_;
    const auto now = now_ns();
    stream.reader.feed({buffer_.data(), received.bytes}, [&](std::string_view body) {
      stream.stamps.feed(body, [&](std::int64_t written_at_ns) { count(stream, now - written_at_ns); });
    });
    if (stream.reader.malformed()) return fail(stream);
    if (stream.reader.done()) finish(stream);
  }

  void count(Stream& stream, std::int64_t latency_ns) {
    ++events_;
    latency_.add(latency_ns);
    if (++stream.events == 1 && ++flowing_ == options_.connections) say_open(flowing_);
  }

  void finish(Stream& stream) {
    const bool whole = stream.reader.status() == 200 && stream.events == options_.chunks && stream.stamps.ended_well();
    if (!whole) return fail(stream);
    ++complete_;
    stream.socket.close();
  }

  void fail(Stream& stream) {
    if (stream.reader.status() != 0 && stream.reader.status() != 200) ++refused_;
    ++failed_;
    stream.socket.close();
  }

  std::string to_json(double seconds) const {
    return "{\"mode\":\"streams\",\"streams\":" + std::to_string(options_.connections) +
           ",\"complete\":" + std::to_string(complete_) + ",\"failed\":" + std::to_string(failed_) +
           ",\"refused\":" + std::to_string(refused_) + ",\"events\":" + std::to_string(events_) +
           ",\"reads\":" + std::to_string(reads_) + ",\"seconds\":" + std::to_string(seconds) +
           ",\"latency_us\":" + latency_.to_json() + "}";
  }

  const LoadOptions& options_;
  const std::string request_;
  Poller poller_;
  std::vector<Stream> streams_;
  std::vector<char> buffer_ = std::vector<char>(64 * 1024);
  Histogram latency_;
  std::uint64_t events_ = 0;
  std::uint64_t reads_ = 0;
  unsigned started_ = 0;
  unsigned flowing_ = 0;  // have had their first event
  unsigned complete_ = 0;
  unsigned failed_ = 0;
  unsigned refused_ = 0;
};

}  // namespace

Result<std::string> run_streams(const LoadOptions& options) { return StreamLoad{options}.run(); }

}  // namespace maestro::bench
