#include "gateway/chat/reply_writer.h"

#include <charconv>

namespace maestro::gateway {

void ReplyWriter::start(int status, BodyKind kind, std::size_t content_length, std::string_view lines) {
  started_ = true;
  kind_ = kind == BodyKind::chunked && exchange_.head.http_1_0 ? BodyKind::until_close : kind;
  head_.reserve(1024);
  begin_head(head_, exchange_, status, kind_, content_length);
  head_ += lines;
  head_ += "\r\n";
}

net::Awaitable<Result<void>> ReplyWriter::write(std::string_view piece, More more) {
  net::Gather bytes;
  bytes.add(head_);
  char size[20];
  if (kind_ == BodyKind::chunked) {
    if (!piece.empty()) {
      auto* end = std::to_chars(size, size + 16, piece.size(), 16).ptr;
      *end++ = '\r';
      *end++ = '\n';
      bytes.add({size, static_cast<std::size_t>(end - size)});
      bytes.add(piece);
      bytes.add(more == More::ends ? "\r\n0\r\n\r\n" : "\r\n");
    } else if (more == More::ends) {
      bytes.add("0\r\n\r\n");
    }
  } else {
    bytes.add(piece);
  }
  exchange_.record.reply_bytes += head_.size() + piece.size();
  Result<void> sent;
  switch (exchange_.client.write_now(bytes)) {
    case net::Gather::Outcome::sent:
      break;
    case net::Gather::Outcome::blocked:
      sent = co_await exchange_.client.write_rest(bytes);
      break;
    case net::Gather::Outcome::failed:
      sent = Error{ErrorKind::client_left, "The client closed the connection."};
      break;
  }
  if (!head_.empty()) head_ = std::string();
  co_return sent;
}

}  // namespace maestro::gateway
