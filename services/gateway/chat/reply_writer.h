// The body of a reply on its way to the client: chunks for HTTP/1.1, plain bytes until close for HTTP/1.0, one gather
// write for each piece. Every piece is flushed at once: an event that waits in a buffer is an event too late.
#pragma once

#include <string>
#include <string_view>

#include "gateway/exchange.h"
#include "gateway/reply.h"

namespace maestro::gateway {

class ReplyWriter {
 public:
  explicit ReplyWriter(Exchange& exchange) : exchange_(exchange) {}

  // Once, before any piece. `lines` are further header lines, each ending in CR LF. Nothing is sent yet: the head
  // leaves with the first piece.
  void start(int status, BodyKind kind, std::size_t content_length, std::string_view lines);
  bool started() const { return started_; }

  enum class More : std::uint8_t { follows, ends };
  // What can be sent without waiting. False: write_rest() must be awaited; its result is the write's.
  bool write_now(std::string_view piece, More more, Result<void>& sent);
  net::Awaitable<Result<void>> write_rest() { return exchange_.client.write_rest(bytes_); }
  // client_left when the client is gone. An empty piece sends the head, or the end, alone.
  net::Awaitable<Result<void>> write(std::string_view piece, More more);

 private:
  Exchange& exchange_;
  std::string head_;
  net::Gather bytes_;
  char size_[20];
  BodyKind kind_ = BodyKind::sized;
  bool started_ = false;
};

}  // namespace maestro::gateway
