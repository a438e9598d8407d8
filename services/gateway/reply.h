// Replies of our own making, and the head of every reply. All of them go out through here: request id, CORS, date,
// connection.
#pragma once

#include <string>
#include <string_view>

#include "gateway/exchange.h"

namespace maestro::gateway {

enum class BodyKind : std::uint8_t { sized, chunked, until_close };

// Appends "HTTP/1.1 200 OK" and the headers that every reply has, and the framing. The caller adds its own and the
// empty line.
void begin_head(std::string& out, Exchange& exchange, int status, BodyKind kind, std::size_t content_length);
void add_header(std::string& out, std::string_view name, std::string_view value);

struct PlainReply {
  int status = 200;
  std::string_view content_type = "application/json";
  std::string body;
  http::Headers headers;
};
net::Awaitable<Result<void>> send_reply(Exchange& exchange, const PlainReply& reply);

// The error in the words of the endpoint's dialect. Sets the record's status, end and problem.
net::Awaitable<Result<void>> refuse(Exchange& exchange, const Error& error);
// The same for those who have nothing more to do: a client that is gone ends the connection.
net::Awaitable<> refuse_or_close(Exchange& exchange, const Error& error);
// With a status that the kind does not tell: 415, 426.
net::Awaitable<Result<void>> refuse_as(Exchange& exchange, int status, const Error& error);

// No snapshot has come yet: 503, and when to try again.
Error no_catalog_yet();

}  // namespace maestro::gateway
