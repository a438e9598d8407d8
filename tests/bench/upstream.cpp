// bench-upstream: a provider that costs next to nothing. It answers POST .../chat/completions with one prepared OpenAI
// Chat completion of 1 KB, or, when the body asks for a stream, with events paced by a timer wheel of 1 ms. The client
// says how many (x-bench-chunks), how far apart (x-bench-gap-ms) and how large (x-bench-size) by request headers.
#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <sys/prctl.h>

#include "base/limits.h"
#include "bench/socket.h"
#include "bench/stamp.h"

namespace maestro::bench {
namespace {

constexpr std::size_t receive_bytes = 256 * 1024;
constexpr std::size_t wheel_slots = 8192;  // of 1 ms
constexpr unsigned gap_ms_max = 8000;
constexpr unsigned chunks_max = 1'000'000;
constexpr unsigned event_bytes_max = 16 * 1024;
constexpr std::size_t unsent_bytes_max = 1024 * 1024;
constexpr std::string_view stream_head =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
    "x-request-id: req_bench\r\nTransfer-Encoding: chunked\r\n\r\n";

std::string http_reply(std::string_view status, std::string_view body) {
  return "HTTP/1.1 " + std::string{status} +
         "\r\nContent-Type: application/json\r\nx-request-id: req_bench\r\nopenai-version: 2020-10-01\r\n"
         "Content-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + std::string{body};
}

std::string whole_completion() {
  return R"({"id":"chatcmpl-bench","object":"chat.completion","created":1700000000,"model":"bench-model",)"
         R"("choices":[{"index":0,"message":{"role":"assistant","content":")" +
         std::string(760, 'y') +
         R"("},"finish_reason":"stop"}],"usage":{"prompt_tokens":12,"completion_tokens":345,"total_tokens":357}})";
}

std::string http_chunk(std::string_view bytes) {
  std::array<char, 16> size{};
  const auto end = std::to_chars(size.data(), size.data() + size.size(), bytes.size(), 16).ptr;
  return std::string(size.data(), end) + "\r\n" + std::string{bytes} + "\r\n";
}

std::string event(std::string_view rest) {
  return R"(data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,)"
         R"("model":"bench-model",)" +
         std::string{rest} + "}\n\n";
}

// One event of a given size as an HTTP chunk; only the digits of its stamp change.
struct EventTemplate {
  std::string bytes;
  std::size_t digits_at = 0;

  explicit EventTemplate(std::size_t size) {
    const auto text = [](std::size_t letters) {
      return event(std::string{stamp_name} + std::string(stamp_digits, '0') +
                   R"(,"choices":[{"index":0,"delta":{"content":")" + std::string(letters, 'x') +
                   R"("},"finish_reason":null}])");
    };
    const auto least = text(1).size();
    bytes = http_chunk(text(size > least ? size - least + 1 : 1));
    digits_at = bytes.find(stamp_name) + stamp_name.size();
  }
};

// What follows the last event, in the same write: finish, usage, the end of the stream and of the HTTP body.
std::string stream_tail() {
  return http_chunk(event(R"("choices":[{"index":0,"delta":{},"finish_reason":"stop"}])")) +
         http_chunk(event(R"("choices":[],"usage":{"prompt_tokens":12,"completion_tokens":345,"total_tokens":357})")) +
         http_chunk(stream_end) + "0\r\n\r\n";
}

std::optional<std::string_view> header(std::string_view head, std::string_view name) {
  const auto same = [](char a, char b) { return (a | 0x20) == (b | 0x20); };
  for (auto at = head.find("\r\n"); at != std::string_view::npos; at = head.find("\r\n", at + 2)) {
    const auto line = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
    if (line.size() <= name.size() || line[name.size()] != ':') continue;
    if (!std::equal(name.begin(), name.end(), line.begin(), same)) continue;
    const auto value = line.substr(name.size() + 1);
    return value.substr(std::min(value.find_first_not_of(' '), value.size()));
  }
  return {};
}

unsigned number_of(std::string_view head, std::string_view name, unsigned otherwise, unsigned max) {
  const auto text = header(head, name);
  unsigned value = otherwise;
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return std::min(value, max);
}

// memmem, because a search that stops at each quotation mark would cost more than the whole reply.
bool asks_for_stream(std::string_view body) {
  constexpr std::string_view name = "\"stream\":";
  const auto* at = static_cast<const char*>(memmem(body.data(), body.size(), name.data(), name.size()));
  if (at == nullptr) return false;
  auto value = body.substr(static_cast<std::size_t>(at - body.data()) + name.size());
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  return value.starts_with("true");
}

struct Connection {
  Descriptor socket;
  std::uint64_t key = 0;
  std::string input;       // a request that came in pieces
  std::size_t wanted = 0;  // bytes of it, once its head is here
  Outbox outbox;
  bool waits_to_write = false;
  unsigned chunks_left = 0;
  unsigned gap_ms = 0;
  const EventTemplate* event = nullptr;
};

class Upstream final {
 public:
  explicit Upstream(Descriptor listener) : listener_(std::move(listener)) { poller_.add(listener_, listener_key); }

  [[noreturn]] void run() {
    tick_ = now_ms();
    for (;;) {
      for (const auto& ready : poller_.wait(streams_ > 0 ? 1 : 1000)) {
        if (ready.data.u64 == listener_key)
          accept_all();
        else if (auto* connection = find(ready.data.u64))
          serve(*connection, ready.events);
      }
      turn_wheel();
    }
  }

 private:
  static constexpr std::uint64_t listener_key = ~std::uint64_t{0};

  static std::int64_t now_ms() { return now_ns() / 1'000'000; }

  // A key is the descriptor and a count, so that what is left of a closed connection finds nobody.
  Connection* find(std::uint64_t key) {
    const auto fd = static_cast<std::size_t>(key & 0xffffffffU);
    auto* connection = fd < connections_.size() ? connections_[fd].get() : nullptr;
    return connection != nullptr && connection->key == key ? connection : nullptr;
  }

  void accept_all() {
    while (auto socket = accept_from(listener_)) {
      const auto fd = static_cast<std::size_t>(socket.get());
      if (fd >= connections_.size()) connections_.resize(fd + 1024);
      auto connection = std::make_unique<Connection>();
      connection->key = (++accepted_ << 32) | fd;
      poller_.add(socket, connection->key);
      connection->socket = std::move(socket);
      connections_[fd] = std::move(connection);
    }
  }

  void close(Connection& connection) {
    if (connection.chunks_left > 0) --streams_;
    connections_[static_cast<std::size_t>(connection.key & 0xffffffffU)].reset();
  }

  void serve(Connection& connection, std::uint32_t events) {
    if ((events & EPOLLOUT) != 0 && !connection.outbox.flush(connection.socket)) return close(connection);
    watch_writing(connection);
    if ((events & ~std::uint32_t{EPOLLOUT}) == 0) return;
    const auto received = receive(connection.socket, buffer_);
    if (received.end == IoEnd::closed) return close(connection);
    if (received.end == IoEnd::would_block) return;
    auto bytes = std::string_view{buffer_.data(), received.bytes};
    auto& input = connection.input;
    const bool in_pieces = !input.empty();
    if (in_pieces) {
      input.append(bytes);
      if (input.size() < connection.wanted) return;
      bytes = input;
    }
    const auto key = connection.key;
    while (!bytes.empty()) {
      const auto taken = take_request(connection, bytes);
      if (find(key) == nullptr) return;
      if (taken == 0) break;
      bytes.remove_prefix(taken);
    }
    // The input keeps its capacity: the next request of the connection is as large.
    if (in_pieces)
      input.erase(0, input.size() - bytes.size());
    else
      input.assign(bytes);
  }

  // Answers one request if it is whole; returns its bytes, or 0 with `wanted` set.
  std::size_t take_request(Connection& connection, std::string_view bytes) {
    const auto end = bytes.find("\r\n\r\n");
    connection.wanted = 0;
    if (end == std::string_view::npos) {
      if (bytes.size() > limits::head_bytes_max) close(connection);
      return 0;
    }
    const auto head = bytes.substr(0, end + 2);
    if (header(head, "transfer-encoding")) {
      reply(connection, not_chunked_);
      if (find(connection.key) != nullptr) close(connection);
      return 0;
    }
    const auto size =
        end + 4 + number_of(head, "content-length", 0, static_cast<unsigned>(limits::request_body_bytes_max));
    if (bytes.size() < size) {
      connection.wanted = size;
      return 0;
    }
    answer(connection, head, bytes.substr(end + 4, size - end - 4));
    return size;
  }

  void answer(Connection& connection, std::string_view head, std::string_view body) {
    const auto target = head.substr(0, head.find(" HTTP/1.1"));
    if (target.starts_with("GET ") && target.ends_with("/models")) return reply(connection, models_);
    if (!target.starts_with("POST ") || !target.ends_with("/chat/completions")) return reply(connection, not_found_);
    if (!asks_for_stream(body)) return reply(connection, completion_);
    if (connection.chunks_left > 0) return close(connection);  // pipelined behind a stream
    connection.chunks_left = std::max(1U, number_of(head, "x-bench-chunks", 20, chunks_max));
    connection.gap_ms = std::max(1U, number_of(head, "x-bench-gap-ms", 50, gap_ms_max));
    const auto size = number_of(head, "x-bench-size", 200, event_bytes_max);
    connection.event = &templates_.try_emplace(size, size).first->second;
    ++streams_;
    schedule(connection, now_ms() + 1 + phase_of(connection) % connection.gap_ms);
    reply(connection, stream_head);
  }

  // Spreads the streams over the gap, the same way in each run.
  static std::int64_t phase_of(const Connection& connection) {
    return static_cast<std::int64_t>(((connection.key >> 32) * 2654435761U) & 0xffffU);
  }

  void reply(Connection& connection, std::string_view bytes) {
    if (!connection.outbox.send_or_keep(connection.socket, bytes) || connection.outbox.size() > unsent_bytes_max)
      return close(connection);
    watch_writing(connection);
  }

  void watch_writing(Connection& connection) {
    const bool wanted = !connection.outbox.empty();
    if (wanted == connection.waits_to_write) return;
    connection.waits_to_write = wanted;
    poller_.change(connection.socket, connection.key, wanted ? EPOLLIN | EPOLLOUT : EPOLLIN);
  }

  void schedule(const Connection& connection, std::int64_t at_ms) {
    wheel_[static_cast<std::size_t>(std::max(at_ms, tick_ + 1)) % wheel_slots].push_back(connection.key);
  }

  void turn_wheel() {
    for (const auto now = now_ms(); tick_ < now;) {
      ++tick_;
      due_.swap(wheel_[static_cast<std::size_t>(tick_) % wheel_slots]);
      for (const auto key : due_)
        if (auto* connection = find(key)) send_event(*connection);
      due_.clear();
    }
  }

  void send_event(Connection& connection) {
    scratch_.assign(connection.event->bytes);
    write_stamp(scratch_.data() + connection.event->digits_at, now_ns());
    if (connection.chunks_left == 1) scratch_.append(tail_);
    const auto key = connection.key;
    reply(connection, scratch_);
    if (find(key) == nullptr) return;
    if (--connection.chunks_left > 0)
      schedule(connection, tick_ + connection.gap_ms);
    else
      --streams_;
  }

  Descriptor listener_;
  Poller poller_;
  std::vector<std::unique_ptr<Connection>> connections_;  // by descriptor
  std::uint64_t accepted_ = 0;
  std::size_t streams_ = 0;
  std::int64_t tick_ = 0;
  std::vector<std::vector<std::uint64_t>> wheel_{wheel_slots};
  std::vector<std::uint64_t> due_;
  std::vector<char> buffer_ = std::vector<char>(receive_bytes);
  std::string scratch_;
  std::map<unsigned, EventTemplate> templates_;  // by size
  const std::string completion_ = http_reply("200 OK", whole_completion());
  const std::string models_ =
      http_reply("200 OK", R"({"object":"list","data":[{"id":"bench-model","object":"model","owned_by":"bench"}]})");
  const std::string not_found_ = http_reply("404 Not Found", R"({"error":{"message":"bench-upstream: no such path"}})");
  const std::string not_chunked_ =
      http_reply("411 Length Required", R"({"error":{"message":"bench-upstream takes Content-Length only"}})");
  const std::string tail_ = stream_tail();
};

}  // namespace
}  // namespace maestro::bench

int main(int argc, char** argv) {
  CLI::App app{"A mock provider that costs next to nothing: OpenAI Chat, whole and streamed"};
  std::uint16_t port = 0;
  app.add_option("--port", port, "port on 127.0.0.1; 0 takes a free one and prints it");
  CLI11_PARSE(app, argc, argv);
  prctl(PR_SET_PDEATHSIG, SIGTERM);  // it never outlives the run that started it
  auto listener = maestro::bench::listen_on_loopback(port);
  if (!listener) {
    std::fputs((listener.error().message + "\n").c_str(), stderr);
    return 1;
  }
  const auto bound = maestro::bench::port_of(*listener);
  if (!bound) {
    std::fputs((bound.error().message + "\n").c_str(), stderr);
    return 1;
  }
  std::fputs((std::to_string(*bound) + "\n").c_str(), stdout);
  std::fflush(stdout);
  maestro::bench::Upstream{std::move(*listener)}.run();
}
