// HTTP/1.1 framing, strict on both legs, without a socket: heads as views, bodies as bytes. What two readers could
// understand differently is refused (RFC 9112 sections 2.2, 5.2, 6.1, 6.3, 11.2): any Transfer-Encoding but one exact
// "chunked"; that with Content-Length, in either order; repeated Content-Length or Host; a list in Content-Length;
// folded lines; bare LF; Transfer-Encoding in HTTP/1.0. Beast's parser checks the grammar of the rest.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/limits.h"
#include "base/result.h"
#include "http/head.h"

namespace maestro::net {

// Bytes of a complete head with its empty line, or 0 while it is not all there. `searched` remembers how far earlier
// calls looked; begin with 0.
std::size_t head_size(std::string_view bytes, std::size_t& searched);

// The field_path of an error about the request's target, which has a status of its own (414).
inline constexpr std::string_view target_field = "target";

// `head` is exactly what head_size measured; `into` holds views into it and reuses its memory. invalid_request says
// what is wrong (provider_failed for a reply).
Result<void> parse_request_head(std::string_view head, http::RequestHead& into);
// `request_was_head`: a reply to HEAD has no body. Replies of 1xx are the caller's to skip.
enum class RequestMethod : std::uint8_t { head, other };
Result<void> parse_reply_head(std::string_view head, RequestMethod method, http::ReplyHead& into);

// Takes the framing off a body, in place and incrementally.
class BodyReader {
 public:
  void start(http::Framing framing, std::uint64_t content_length);

  struct Piece {
    std::size_t consumed = 0;  // raw bytes used, from the front
    std::size_t produced = 0;  // payload bytes, moved to the front of the same memory
  };
  // Compacts the payload of `bytes` to its front. Uses everything unless the body ends before. An error is
  // invalid_request: the caller makes it provider_failed where a provider sent it.
  Result<Piece> read(char* bytes, std::size_t size);
  // The connection ended: right for a body that ends so, else an error.
  Result<void> end_of_connection();

  bool ended() const { return ended_; }
  // With Framing::length: what is still to come.
  std::uint64_t left() const { return left_; }

 private:
  enum class State : std::uint8_t {
    size,
    extension,
    size_end,
    data,
    data_cr,
    data_lf,
    trailer,
    trailer_line,
    trailer_lf,
    last_lf
  };
  Result<void> size_byte(char byte);
  Result<void> control_byte(char byte);

  http::Framing framing_ = http::Framing::none;
  State state_ = State::size;
  bool ended_ = true;
  std::uint8_t digits_ = 0;
  std::uint32_t extra_bytes_ = 0;  // of extensions of this chunk, or of trailers
  std::uint64_t left_ = 0;
};

}  // namespace maestro::net
