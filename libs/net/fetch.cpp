#include "net/fetch.h"

#include "base/limits.h"

namespace maestro::net {
namespace {

std::string head_of(const BaseUrl& base, const http::Request& request, const ClientStream& stream) {
  std::string head = request.method + " " + std::string(stream.target_prefix()) + base.path + request.target +
                     " HTTP/1.1\r\nHost: " + base.origin.host_header() + "\r\n";
  if (!stream.proxy_authorization().empty())
    head += "Proxy-Authorization: " + std::string(stream.proxy_authorization()) + "\r\n";
  for (const auto& header : request.headers) head += header.name + ": " + header.value + "\r\n";
  if (!request.body.empty() || request.method == "POST")
    head += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
  return head + "\r\n";
}

Awaitable<Result<http::Reply>> exchange(ClientStream& stream, const BaseUrl& base, const http::Request& request,
                                        std::size_t body_bytes_max, Deadline deadline) {
  const auto head_bytes = head_of(base, request, stream);
  Gather bytes{head_bytes};
  bytes.add(request.body);
  auto sent = co_await stream.send(bytes, deadline);
  if (!sent) co_return sent.error();
  auto head =
      co_await stream.read_head(request.method == "HEAD" ? RequestMethod::head : RequestMethod::other, deadline);
  if (!head) co_return head.error();
  http::Reply reply;
  reply.status = (*head)->status;
  for (const auto& header : (*head)->headers) reply.headers.add(std::string(header.name), std::string(header.value));
  while (!stream.ended()) {
    auto piece = co_await stream.read_some(deadline);
    if (!piece) co_return piece.error();
    if (reply.body.size() + piece->size() > body_bytes_max)
      co_return Error{ErrorKind::provider_failed, "The reply of " + base.origin.host + " is larger than the limit of " +
                                                      std::to_string(body_bytes_max) + " bytes."};
    reply.body += *piece;
  }
  co_return reply;
}

}  // namespace

Awaitable<Result<http::Reply>> fetch(ClientPool& pool, BaseUrl base, http::Request request, std::size_t body_bytes_max,
                                     Deadline deadline) {
  const auto key = base.origin.text();
  for (auto stream = pool.take_idle(base.origin, key);; stream = nullptr) {
    if (!stream) {
      stream = pool.make(base.origin);
      auto connected = co_await pool.connect(*stream, deadline.but_at_most(limits::connect_time_max));
      if (!connected) co_return connected.error();
    }
    auto reply = co_await exchange(*stream, base, request, body_bytes_max, deadline);
    // Stale: it was closed while it lay idle. Replaced once.
    if (!reply && reply.error().kind == ErrorKind::provider_failed && stream->reused() && !stream->saw_reply_bytes())
      continue;
    pool.give_back(std::move(stream), key);
    co_return reply;
  }
}

}  // namespace maestro::net
