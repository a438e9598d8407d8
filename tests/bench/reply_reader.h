// Reads HTTP/1.1 replies from the bytes of one connection, in any cut. It knows as much HTTP as the benchmark meets:
// a status line, Content-Length or chunked framing, keep-alive. What it cannot read is `malformed`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace maestro::bench {

class ReplyReader final {
 public:
  enum class State : std::uint8_t { head, length_body, chunk_size, chunk_data, chunk_end, trailer, done, malformed };

  // Takes bytes until the reply is done; returns how many. Body bytes go to on_body, without their framing.
  template <class OnBody>
  std::size_t feed(std::string_view bytes, OnBody&& on_body) {
    std::size_t taken = 0;
    while (taken < bytes.size() && state_ != State::done && state_ != State::malformed) {
      const auto step = advance(bytes.substr(taken));
      if (!step.body.empty()) on_body(step.body);
      taken += step.taken;
    }
    return taken;
  }

  // Before the next reply of the connection.
  void restart();

  State state() const { return state_; }
  bool done() const { return state_ == State::done; }
  bool malformed() const { return state_ == State::malformed; }
  bool in_body() const { return state_ != State::head && !done() && !malformed(); }
  int status() const { return status_; }
  bool keep_alive() const { return keep_alive_; }

 private:
  struct Step {
    std::size_t taken = 0;
    std::string_view body{};
  };

  Step advance(std::string_view bytes);
  Step take_head(std::string_view bytes);
  Step take_line(std::string_view bytes);
  Step take_body(std::string_view bytes);
  void read_head(std::string_view head);
  void read_line(std::string_view line);

  State state_ = State::head;
  int status_ = 0;
  bool keep_alive_ = true;
  std::uint64_t left_ = 0;  // of the body or the chunk
  std::string partial_;     // of a head or a line that came in pieces; bounded by head_bytes_max
};

}  // namespace maestro::bench
