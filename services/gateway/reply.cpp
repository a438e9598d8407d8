#include "gateway/reply.h"

#include <charconv>

#include "dialect/provider_words.h"
#include "http/headers.h"
#include "json/writer.h"

namespace maestro::gateway {
namespace {

// Errors outside the dialects' paths keep the plain shape that the original's command line reads.
dialect::ErrorReply plain_error(int status, const Error& error) {
  dialect::ErrorReply reply;
  reply.status = status;
  reply.headers.add("content-type", "application/json");
  if (status == 401) reply.headers.add("www-authenticate", "Bearer");
  json::Writer writer{reply.body};
  writer.begin_object();
  writer.key("detail");
  writer.string(error.message);
  writer.end_object();
  return reply;
}

net::Awaitable<Result<void>> send_error(Exchange& exchange, const Error& error, const dialect::ErrorReply& reply) {
  auto& record = exchange.record;
  record.end = End::refused;
  record.problem = std::string(to_string(error.kind)) + ": " + error.message;
  if (!error.detail.empty()) record.problem += " (" + error.detail + ")";
  // What of the request is still to come is not waited for: the connection cannot be used again.
  if (!exchange.client.request_body_complete()) exchange.keep_alive = false;
  PlainReply plain;
  plain.status = reply.status;
  plain.body = reply.body;
  for (const auto& header : reply.headers)
    if (!http::equal_ignoring_case(header.name, "content-type")) plain.headers.add(header.name, header.value);
  if (!record.target.empty()) {  // which provider's words these are
    plain.headers.set("x-maestro-target", std::string(record.target));
    plain.headers.set("x-maestro-attempts", std::to_string(record.attempts));
  }
  if (reply.status == 405) plain.headers.set("allow", std::string(exchange.endpoint.allowed));
  co_return co_await send_reply(exchange, plain);
}

}  // namespace

void add_header(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  out += value;
  out += "\r\n";
}

void begin_head(std::string& out, Exchange& exchange, int status, BodyKind kind, std::size_t content_length) {
  exchange.record.status = status;
  if (exchange.client.draining() || kind == BodyKind::until_close) exchange.keep_alive = false;
  char digits[24];
  out += "HTTP/1.1 ";
  out.append(digits, std::to_chars(digits, digits + sizeof digits, status).ptr);
  out += ' ';
  out += http::reason_of(status);
  out += "\r\nx-request-id: ";
  out += exchange.record.request_id();
  out += "\r\ndate: ";
  out += exchange.worker.http_date();
  out += "\r\n";
  switch (kind) {
    case BodyKind::sized:
      out += "content-length: ";
      out.append(digits, std::to_chars(digits, digits + sizeof digits, content_length).ptr);
      out += "\r\n";
      break;
    case BodyKind::chunked:
      out += "transfer-encoding: chunked\r\n";
      break;
    case BodyKind::until_close:
      break;
  }
  if (!exchange.keep_alive) {
    out += "connection: close\r\n";
  } else if (exchange.head.http_1_0) {
    out += "connection: keep-alive\r\n";
  }
  // Any origin, but never with credentials; not on paths that administer or measure.
  if (exchange.endpoint.handler != Handler::metrics && exchange.head.find("origin")) {
    out += "access-control-allow-origin: *\r\naccess-control-expose-headers: *\r\n";
  }
}

net::Awaitable<Result<void>> send_reply(Exchange& exchange, const PlainReply& reply) {
  std::string bytes;
  bytes.reserve(512 + reply.body.size());
  begin_head(bytes, exchange, reply.status, BodyKind::sized, reply.body.size());
  add_header(bytes, "content-type", reply.content_type);
  for (const auto& header : reply.headers) add_header(bytes, header.name, header.value);
  bytes += "\r\n";
  if (exchange.head.method != "HEAD") bytes += reply.body;
  exchange.record.reply_bytes += bytes.size();
  auto sent = co_await exchange.client.write(net::Gather{bytes});
  if (!sent) exchange.record.end = End::client_left;
  co_return sent;
}

net::Awaitable<Result<void>> refuse(Exchange& exchange, const Error& error) {
  if (error.kind == ErrorKind::client_left) {
    exchange.record.end = End::client_left;
    co_return error;
  }
  const auto reply = exchange.endpoint.dialect != nullptr
                         ? exchange.endpoint.dialect->encode_error(error, exchange.record.request_id())
                         : plain_error(dialect::client_status(error), error);
  co_return co_await send_error(exchange, error, reply);
}

net::Awaitable<> refuse_or_close(Exchange& exchange, const Error& error) {
  auto sent = co_await refuse(exchange, error);
  if (!sent) exchange.keep_alive = false;
}

Error no_catalog_yet() {
  Error error{ErrorKind::unavailable,
              "This gateway has no catalog yet: it waits for the registry. Try again in a moment."};
  error.retry_after = limits::try_again_time;
  return error;
}

net::Awaitable<Result<void>> refuse_as(Exchange& exchange, int status, const Error& error) {
  const auto reply = exchange.endpoint.dialect != nullptr
                         ? exchange.endpoint.dialect->encode_error_as(status, error, exchange.record.request_id())
                         : plain_error(status, error);
  co_return co_await send_error(exchange, error, reply);
}

}  // namespace maestro::gateway
