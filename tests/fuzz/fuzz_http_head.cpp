// Heads and bodies of HTTP messages. Whatever the bytes: no crash, no read outside, no payload larger than its input,
// and the same outcome however the bytes of a body are cut.
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "net/framing.h"

namespace {

using maestro::net::BodyReader;

struct Outcome {
  std::string payload;
  bool ended = false;
  bool broken = false;
  bool operator==(const Outcome&) const = default;
};

Outcome read_in_pieces(std::string_view body, maestro::http::Framing framing, std::uint64_t length,
                       std::size_t piece_bytes) {
  BodyReader reader;
  reader.start(framing, length);
  Outcome outcome;
  while (!body.empty() && !reader.ended()) {
    std::string piece{body.substr(0, piece_bytes)};
    body.remove_prefix(piece.size());
    const auto read = reader.read(piece.data(), piece.size());
    if (!read) {
      outcome.broken = true;
      return outcome;
    }
    if (read->produced > piece.size() || read->consumed > piece.size()) std::abort();
    outcome.payload.append(piece, 0, read->produced);
  }
  outcome.ended = reader.ended();
  return outcome;
}

void check_body(std::string_view body, const maestro::http::Head& head) {
  const auto whole = read_in_pieces(body, head.framing, head.content_length, body.size() + 1);
  if (whole.payload.size() > body.size()) std::abort();
  for (const std::size_t piece_bytes : {1, 2, 7}) {
    const auto cut = read_in_pieces(body, head.framing, head.content_length, piece_bytes);
    // A broken body may show more of its good beginning in small pieces, never another.
    if (cut.broken != whole.broken || (!cut.broken && !(cut == whole))) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  std::size_t searched = 0;
  const auto head_bytes = maestro::net::head_size(bytes, searched);
  if (head_bytes == 0) return 0;
  if (head_bytes > bytes.size()) std::abort();
  const auto head = bytes.substr(0, head_bytes);
  const auto rest = bytes.substr(head_bytes);
  maestro::http::RequestHead request;
  if (maestro::net::parse_request_head(head, request)) {
    if (request.framing == maestro::http::Framing::until_close) std::abort();  // a request never ends so
    check_body(rest, request);
  }
  maestro::http::ReplyHead reply;
  if (maestro::net::parse_reply_head(head, maestro::net::RequestMethod::other, reply)) check_body(rest, reply);
  return 0;
}
