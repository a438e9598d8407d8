#include "net/framing.h"

#include <charconv>
#include <cstring>
#include <string>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>

namespace maestro::net {
namespace {

namespace beast_http = boost::beast::http;
using BeastText = boost::beast::string_view;

std::string_view view(BeastText text) { return {text.data(), text.size()}; }

// Collects what Beast's parser finds, as views into the bytes it was given (one contiguous buffer, never folded).
template <bool is_request>
class Collector final : public beast_http::basic_parser<is_request> {
 public:
  explicit Collector(http::Head& head) : head_(head) {
    this->header_limit(static_cast<std::uint32_t>(limits::head_bytes_max + 1));
    this->body_limit(boost::none);
    this->skip(true);
  }
  std::string_view method, target;
  int status = 0;
  int version = 11;
  bool too_many = false;

 private:
  using Failure = boost::beast::error_code;

  void on_request_impl(beast_http::verb, BeastText method_text, BeastText target_text, int http_version,
                       Failure&) override {
    method = view(method_text);
    target = view(target_text);
    version = http_version;
  }
  void on_response_impl(int code, BeastText, int http_version, Failure&) override {
    status = code;
    version = http_version;
  }
  void on_field_impl(beast_http::field, BeastText name, BeastText value, Failure& failure) override {
    if (head_.headers.size() == limits::headers_max) {
      too_many = true;
      failure = beast_http::error::header_limit;
      return;
    }
    head_.headers.push_back({view(name), view(value)});
  }
  void on_header_impl(Failure&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Failure&) override {}
  std::size_t on_body_impl(BeastText body, Failure&) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t, BeastText, Failure&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, BeastText body, Failure&) override { return body.size(); }
  void on_finish_impl(Failure&) override {}

  http::Head& head_;
};

constexpr unsigned chunk_size_digits_max = 15;

Error broken_body(const char* what) {
  return Error{ErrorKind::invalid_request, std::string("Malformed chunked body: ") + what};
}

Error malformed(std::string what) {
  return Error{ErrorKind::invalid_request, "Malformed HTTP head: " + std::move(what)};
}

// What must be refused before any parser makes sense of it.
Result<void> check_lines(std::string_view head) {
  for (std::size_t at = 0; at < head.size();) {
    const auto* lf = static_cast<const char*>(std::memchr(head.data() + at, '\n', head.size() - at));
    if (lf == nullptr) break;
    const auto position = static_cast<std::size_t>(lf - head.data());
    if (position == 0 || head[position - 1] != '\r') return malformed("a line ends in a bare LF.");
    const auto next = position + 1;
    if (next < head.size() && (head[next] == ' ' || head[next] == '\t'))
      return malformed("a header line is folded; send it in one line.");
    at = next;
  }
  return {};
}

bool is_chunked(std::string_view value) { return http::equal_ignoring_case(value, "chunked"); }

struct Seen {
  int lengths = 0;
  int hosts = 0;
  int encodings = 0;
  bool close = false;
  bool keep_alive = false;
};

Result<void> look_at(const http::HeaderView& header, http::Head& into, Seen& seen) {
  using http::equal_ignoring_case;
  switch (header.name.size()) {
    case 4:
      if (equal_ignoring_case(header.name, "host")) ++seen.hosts;
      break;
    case 10:
      if (equal_ignoring_case(header.name, "connection")) {
        auto rest = header.value;
        while (!rest.empty()) {
          auto token = rest.substr(0, rest.find(','));
          rest.remove_prefix(std::min(rest.size(), token.size() + 1));
          while (!token.empty() && (token.front() == ' ' || token.front() == '\t')) token.remove_prefix(1);
          while (!token.empty() && (token.back() == ' ' || token.back() == '\t')) token.remove_suffix(1);
          seen.close |= equal_ignoring_case(token, "close");
          seen.keep_alive |= equal_ignoring_case(token, "keep-alive");
        }
      }
      break;
    case 14:
      if (equal_ignoring_case(header.name, "content-length")) {
        ++seen.lengths;
        const auto [end, failure] =
            std::from_chars(header.value.data(), header.value.data() + header.value.size(), into.content_length);
        if (header.value.empty() || failure != std::errc{} || end != header.value.data() + header.value.size() ||
            header.value.front() == '-')
          return malformed("Content-Length must be one decimal number.");
      }
      break;
    case 17:
      if (equal_ignoring_case(header.name, "transfer-encoding")) {
        ++seen.encodings;
        if (!is_chunked(header.value)) return malformed("the only Transfer-Encoding taken here is \"chunked\".");
      }
      break;
    default:
      break;
  }
  return {};
}

Result<Seen> look_at_all(http::Head& into, int version) {
  Seen seen;
  for (const auto& header : into.headers)
    if (auto fine = look_at(header, into, seen); !fine) return fine.error();
  if (seen.lengths > 1) return malformed("Content-Length is given more than once.");
  if (seen.encodings > 1) return malformed("Transfer-Encoding is given more than once.");
  if (seen.lengths > 0 && seen.encodings > 0)
    return malformed("Content-Length and Transfer-Encoding exclude each other.");
  if (seen.encodings > 0 && version < 11) return malformed("Transfer-Encoding needs HTTP/1.1.");
  into.http_1_0 = version < 11;
  into.keep_alive = !seen.close && (version >= 11 || seen.keep_alive);
  return seen;
}

template <bool is_request>
Result<void> run(Collector<is_request>& collector, std::string_view head) {
  boost::beast::error_code failure;
  collector.put(boost::asio::buffer(head.data(), head.size()), failure);
  if (failure == beast_http::error::need_more) failure = {};
  if (collector.too_many || failure == beast_http::error::header_limit)
    return Error{ErrorKind::too_large, "The request head has too many headers; at most " +
                                           std::to_string(limits::headers_max) + " are taken."};
  if (failure) return malformed(failure.message() + ".");
  if (!collector.is_header_done()) return malformed("it ends too early.");
  return {};
}

void start_head(http::Head& into) {
  into.headers.clear();
  into.framing = http::Framing::none;
  into.content_length = 0;
  into.keep_alive = true;
}

}  // namespace

std::size_t head_size(std::string_view bytes, std::size_t& searched) {
  const auto from = searched > 3 ? searched - 3 : 0;
  // Also a bare LF LF ends the search: check_lines refuses it, instead of waiting for bytes that never come.
  const auto end = bytes.find("\r\n\r\n", from);
  const auto bare = bytes.substr(0, end).find("\n\n", from);
  searched = bytes.size();
  if (bare != std::string_view::npos) return bare + 2;
  return end == std::string_view::npos ? 0 : end + 4;
}

Result<void> parse_request_head(std::string_view head, http::RequestHead& into) {
  start_head(into);
  if (auto fine = check_lines(head); !fine) return fine;
  Collector<true> collector{into};
  if (auto fine = run(collector, head); !fine) return fine;
  auto seen = look_at_all(into, collector.version);
  if (!seen) return seen.error();
  if (seen->hosts > 1) return malformed("Host is given more than once.");
  if (seen->hosts == 0 && collector.version >= 11) return malformed("HTTP/1.1 needs a Host header.");
  into.method = collector.method;
  into.target = collector.target;
  if (into.target.size() > limits::target_bytes_max) {
    Error error{ErrorKind::too_large, "The request target is too long; at most " +
                                          std::to_string(limits::target_bytes_max) + " bytes are taken."};
    error.field_path = target_field;
    return error;
  }
  const auto question = into.target.find('?');
  into.path = into.target.substr(0, question);
  into.query = question == std::string_view::npos ? std::string_view{} : into.target.substr(question + 1);
  if (seen->encodings > 0) {
    into.framing = http::Framing::chunked;
  } else if (seen->lengths > 0 && into.content_length > 0) {
    into.framing = http::Framing::length;
  }
  const auto expect = into.find("expect");
  into.expects_continue = expect && http::equal_ignoring_case(*expect, "100-continue");
  return {};
}

Result<void> parse_reply_head(std::string_view head, RequestMethod method, http::ReplyHead& into) {
  start_head(into);
  auto as_provider_failure = [](Error error) {
    error.kind = ErrorKind::provider_failed;
    return error;
  };
  if (auto fine = check_lines(head); !fine) return as_provider_failure(fine.error());
  Collector<false> collector{into};
  if (auto fine = run(collector, head); !fine) return as_provider_failure(fine.error());
  auto seen = look_at_all(into, collector.version);
  if (!seen) return as_provider_failure(seen.error());
  into.status = collector.status;
  const bool no_body = method == RequestMethod::head || into.status == 204 || into.status == 304 ||
                       (into.status >= 100 && into.status < 200);
  if (no_body) {
    into.framing = http::Framing::none;
  } else if (seen->encodings > 0) {
    into.framing = http::Framing::chunked;
  } else if (seen->lengths > 0) {
    into.framing = into.content_length > 0 ? http::Framing::length : http::Framing::none;
  } else {
    into.framing = http::Framing::until_close;
    into.keep_alive = false;
  }
  return {};
}

void BodyReader::start(http::Framing framing, std::uint64_t content_length) {
  framing_ = framing;
  state_ = State::size;
  digits_ = 0;
  extra_bytes_ = 0;
  left_ = framing == http::Framing::length ? content_length : 0;
  ended_ = framing == http::Framing::none || (framing == http::Framing::length && content_length == 0);
}

Result<BodyReader::Piece> BodyReader::read(char* bytes, std::size_t size) {
  Piece piece;
  if (ended_) return piece;
  if (framing_ == http::Framing::until_close) return Piece{size, size};
  if (framing_ == http::Framing::length) {
    const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(left_, size));
    left_ -= taken;
    ended_ = left_ == 0;
    return Piece{taken, taken};
  }
  while (piece.consumed < size && !ended_) {
    if (state_ == State::data) {
      const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(left_, size - piece.consumed));
      if (piece.produced != piece.consumed) std::memmove(bytes + piece.produced, bytes + piece.consumed, taken);
      piece.produced += taken;
      piece.consumed += taken;
      left_ -= taken;
      if (left_ == 0) state_ = State::data_cr;
      continue;
    }
    if (auto fine = control_byte(bytes[piece.consumed]); !fine) return fine.error();
    ++piece.consumed;
  }
  return piece;
}

Result<void> BodyReader::size_byte(char byte) {
  int digit = -1;
  if (byte >= '0' && byte <= '9') digit = byte - '0';
  if (byte >= 'a' && byte <= 'f') digit = byte - 'a' + 10;
  if (byte >= 'A' && byte <= 'F') digit = byte - 'A' + 10;
  if (digit >= 0) {
    if (++digits_ > chunk_size_digits_max) return broken_body("a chunk size has too many digits.");
    left_ = left_ * 16 + static_cast<unsigned>(digit);
    return {};
  }
  if (digits_ == 0) return broken_body("a chunk size is missing.");
  extra_bytes_ = 0;
  if (byte == '\r') {
    state_ = State::size_end;
  } else if (byte == ';') {
    state_ = State::extension;
  } else {
    return broken_body("a chunk size holds something else than hexadecimal digits.");
  }
  return {};
}

Result<void> BodyReader::control_byte(char byte) {
  switch (state_) {
    case State::size:
      return size_byte(byte);
    case State::extension:
      if (byte == '\r') {
        state_ = State::size_end;
      } else if (byte == '\n' || byte == '\0') {
        return broken_body("a chunk extension holds a control character.");
      } else if (++extra_bytes_ > limits::chunk_extension_bytes_max) {
        return broken_body("a chunk extension is too long.");
      }
      return {};
    case State::size_end:
      if (byte != '\n') return broken_body("a chunk size does not end in CR LF.");
      digits_ = 0;
      extra_bytes_ = 0;
      state_ = left_ > 0 ? State::data : State::trailer;
      return {};
    case State::data_cr:
      if (byte != '\r') return broken_body("a chunk is longer than its size.");
      state_ = State::data_lf;
      return {};
    case State::data_lf:
      if (byte != '\n') return broken_body("a chunk does not end in CR LF.");
      state_ = State::size;
      return {};
    case State::trailer:
      if (byte == '\r') {
        state_ = State::last_lf;
        return {};
      }
      [[fallthrough]];
    case State::trailer_line:
      if (++extra_bytes_ > limits::trailer_bytes_max) return broken_body("the trailers are too long.");
      if (byte == '\n') return broken_body("a trailer ends in a bare LF.");
      state_ = byte == '\r' ? State::trailer_lf : State::trailer_line;
      return {};
    case State::trailer_lf:
      if (byte != '\n') return broken_body("a trailer does not end in CR LF.");
      state_ = State::trailer;
      return {};
    case State::last_lf:
      if (byte != '\n') return broken_body("the body does not end in CR LF.");
      ended_ = true;
      return {};
    case State::data:
      break;
  }
  return {};
}

Result<void> BodyReader::end_of_connection() {
  if (framing_ == http::Framing::until_close) ended_ = true;
  if (ended_) return {};
  return Error{ErrorKind::invalid_request, "The connection closed before the body was complete."};
}

}  // namespace maestro::net
