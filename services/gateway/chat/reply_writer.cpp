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

bool ReplyWriter::write_now(std::string_view piece, More more, Result<void>& sent) {
  bytes_ = net::Gather{head_};
  if (kind_ == BodyKind::chunked) {
    if (!piece.empty()) {
      auto* end = std::to_chars(size_, size_ + 16, piece.size(), 16).ptr;
      *end++ = '\r';
      *end++ = '\n';
      bytes_.add({size_, static_cast<std::size_t>(end - size_)});
      bytes_.add(piece);
      bytes_.add(more == More::ends ? "\r\n0\r\n\r\n" : "\r\n");
    } else if (more == More::ends) {
      bytes_.add("0\r\n\r\n");
    }
  } else {
    bytes_.add(piece);
  }
  exchange_.record.reply_bytes += head_.size() + piece.size();
  const auto outcome = exchange_.client.write_now(bytes_);
  if (outcome == net::Gather::Outcome::blocked) return false;
  if (outcome == net::Gather::Outcome::failed)
    sent = Error{ErrorKind::client_left, "The client closed the connection."};
  if (!head_.empty()) head_ = std::string();
  return true;
}

net::Awaitable<Result<void>> ReplyWriter::write(std::string_view piece, More more) {
  Result<void> sent;
  if (!write_now(piece, more, sent)) {
    sent = co_await write_rest();
    head_ = std::string();
  }
  co_return sent;
}

}  // namespace maestro::gateway
