#include "gateway/chat/serve_chat.h"

#include "gateway/chat/open_reply.h"
#include "gateway/chat/relay.h"
#include "gateway/reply.h"

namespace maestro::gateway {
namespace {

// Unwatched on every way out.
class PeerWatch {
 public:
  PeerWatch(net::ServerStream& client, PeerAbort& abort) : client_(client) {
    client.watch_peer(&PeerAbort::on_left, &abort);
  }
  PeerWatch(const PeerWatch&) = delete;
  PeerWatch& operator=(const PeerWatch&) = delete;
  ~PeerWatch() { client_.unwatch_peer(); }

 private:
  net::ServerStream& client_;
};

}  // namespace

net::Awaitable<> serve_chat(Exchange& exchange) {
  auto& worker = exchange.worker;
  auto& record = exchange.record;
  const auto& dialect = *exchange.endpoint.dialect;

  Result<net::Body> body = net::Body{};
  if (auto here = exchange.client.body_now(worker.budget())) {
    body = std::move(*here);
  } else {
    body = co_await exchange.client.read_body(worker.budget());
  }
  if (!body) co_return co_await refuse_or_close(exchange, body.error());
  record.request_bytes = body->bytes().size();

  auto outline = dialect.outline(worker.outline_parser(), body->bytes(), body->capacity());
  if (!outline) co_return co_await refuse_or_close(exchange, outline.error());
  record.model = outline->model;

  if (!exchange.routes) co_return co_await refuse_or_close(exchange, no_catalog_yet());
  auto plan = route::make_plan(*exchange.routes->catalog, *exchange.principal, outline->model, outline->needs);
  if (!plan) co_return co_await refuse_or_close(exchange, plan.error());

  PeerAbort abort;
  const PeerWatch watch{exchange.client, abort};
  ReplyWriter writer{exchange};
  Pulse pulse{exchange, writer, outline->stream ? chat::Delivery::stream : chat::Delivery::whole};
  const Asked asked{*outline, *body, abort, pulse};
  auto reply = co_await open_reply(exchange, *plan, asked);
  body->release();
  if (!reply) {
    if (!exchange.head_sent) co_return co_await refuse_or_close(exchange, reply.error());
    // The head said 200 to keep the client patient: the failure travels in the stream.
    record.end = End::cut;
    record.problem = std::string(to_string(reply.error().kind)) + ": " + reply.error().message;
    auto sent = co_await writer.write(dialect.encode_stream_failure(reply.error(), record.request_id()),
                                      ReplyWriter::More::ends);
    if (!sent) exchange.keep_alive = false;
    co_return;
  }
  if ((*reply)->source) {
    co_await relay_events(exchange, **reply, writer, *outline);
  } else {
    co_await relay_verbatim(exchange, **reply, writer, pulse);
  }
}

}  // namespace maestro::gateway
