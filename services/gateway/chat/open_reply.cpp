#include "gateway/chat/open_reply.h"

#include "dialect/all.h"
#include "gateway/chat/upstream_request.h"
#include "gateway/providers/demo.h"
#include "log/log.h"
#include "route/attempts.h"

namespace maestro::gateway {
namespace {

using Opened = std::unique_ptr<OpenReply>;

// The times of one provider: its own, else the gateway's.
Deadline limit_of(const Exchange& exchange, const route::Timeouts::Time& own, Time ours) {
  return exchange.deadline.but_at_most(own.value_or(ours));
}

struct Way {
  const Upstream* upstream = nullptr;
  const Lease* lease = nullptr;
};

// Where the request goes and with which credential, or what the operator must do.
Result<Way> way_to(const Exchange& exchange, const route::Provider& provider) {
  const auto unavailable = [&](std::string why) {
    Error error{ErrorKind::unavailable, "Provider " + provider.id + " cannot be used now: " + std::move(why)};
    error.provider = provider.id;
    return error;
  };
  Way way;
  if (!provider.keyless) {
    way.lease = exchange.leases->usable(provider.id, std::chrono::steady_clock::now());
    if (way.lease == nullptr) {
      const auto problem = exchange.leases->problems.find(provider.id);
      return unavailable(problem != exchange.leases->problems.end() && !problem->second.empty()
                             ? problem->second
                             : "it waits for its credential from the auth service.");
    }
    if (way.lease->upstream) way.upstream = &*way.lease->upstream;
  }
  if (way.upstream == nullptr) way.upstream = exchange.routes->upstream_of(provider);
  if (way.upstream == nullptr) return unavailable("its base URL makes no sense.");
  if (way.lease != nullptr && !way.lease->header_lines.empty() && way.lease->origin != way.upstream->base.origin)
    return unavailable("its credential was stored for " + way.lease->origin.text() + " and goes nowhere else.");
  return way;
}

// The error of a reply whose status is not 2xx. The connection goes back when its body was short.
net::Awaitable<Result<void>> fail_by_status(Exchange& exchange, const dialect::ProviderDialect& spoken,
                                            OpenReply& reply, const http::ReplyHead& head) {
  const int status = head.status;
  std::optional<std::chrono::seconds> retry_after;
  if (const auto value = head.find("retry-after"))
    retry_after = http::retry_after(*value, std::chrono::system_clock::now());
  std::string body;
  const auto deadline = exchange.deadline.but_at_most(limits::error_body_time_max);
  while (!reply.stream->ended() && body.size() < limits::error_body_bytes_max) {
    auto piece = co_await reply.stream->read_some(deadline);
    if (!piece) {
      if (piece.error().kind == ErrorKind::client_left) co_return piece.error();
      break;  // what came is what it said
    }
    body += piece->substr(0, limits::error_body_bytes_max - body.size());
  }
  give_back(exchange, reply);
  if (status >= 300 && status < 400)
    co_return Error{ErrorKind::provider_failed, "it answered with a redirection (" + std::to_string(status) +
                                                    "), which is never followed: correct its base URL."};
  auto error = spoken.decode_error(status, retry_after, body);
  co_return error;
}

// Reads until the commit line: the first event of a stream; a whole reply, or so much of it that it is too long to
// hold.
net::Awaitable<Result<void>> read_to_commit(OpenReply& reply, Pulse& pulse, Deadline limit) {
  auto& stream = *reply.stream;
  auto& observer = *reply.observer;
  for (;;) {
    auto read = [&stream](Deadline deadline) { return stream.read_some(deadline); };
    auto piece = stream.read_buffered();
    if (piece && piece->empty() && !stream.ended())
      piece = pulse.beats() ? co_await patiently<std::string_view>(pulse, limit, read) : co_await read(limit);
    if (!piece) co_return piece.error();
    if (!piece->empty()) {
      auto fine = observer.feed(*piece);
      if (!fine) co_return fine.error();
      if (reply.first.empty() && reply.held.empty()) {
        reply.first = *piece;
      } else {
        if (reply.held.empty()) reply.held = reply.first;
        reply.held += *piece;
        reply.first = reply.held;
      }
    }
    if (stream.ended()) {
      // A stream that is already complete may be cut as well: then its events go out, and the failure after them.
      if (reply.delivery == chat::Delivery::stream && observer.saw_event()) co_return success();
      co_return observer.end();
    }
    const bool long_enough = reply.first.size() >= limits::error_body_bytes_max;
    if (reply.delivery == chat::Delivery::stream ? observer.saw_event() : long_enough) co_return success();
    // The next read overwrites the stream's buffer.
    if (reply.held.empty() && !reply.first.empty()) {
      reply.held = reply.first;
      reply.first = reply.held;
    }
  }
}

bool is_event_stream(const http::ReplyHead& head) {
  const auto type = head.find("content-type");
  constexpr std::string_view wanted = "text/event-stream";
  return type && type->size() >= wanted.size() && http::equal_ignoring_case(type->substr(0, wanted.size()), wanted);
}

net::Awaitable<Result<void>> exchange_once(Exchange& exchange, const route::Target& target, const Way& way,
                                           const Asked& asked, OpenReply& reply) {
  const auto& provider = *target.provider;
  const auto& spoken = *dialect::provider(target.dialect);
  const auto wanted = asked.outline.stream ? chat::Delivery::stream : chat::Delivery::whole;
  const auto& times = provider.timeouts;
  const auto& settings = exchange.worker.settings();
  const auto limit = wanted == chat::Delivery::stream
                         ? limit_of(exchange, times.first_event, settings.first_event_time_max)
                         : limit_of(exchange, times.whole_reply, settings.whole_reply_time_max);
  auto& stream = *reply.stream;
  {
    const auto body = splice_model(asked.body.bytes(), asked.outline, target.model->id);
    const auto head = upstream_head(exchange, provider, *way.upstream, way.lease, stream,
                                    spoken.path(target.model->id, wanted), body.size());
    net::Gather bytes{head};
    body.add_to(bytes);
    if (stream.send_now(bytes) != net::Gather::Outcome::sent) {
      auto sent = co_await stream.send(bytes, limit);
      if (!sent) co_return sent.error();
    }
  }
  auto read = [&stream](Deadline deadline) { return stream.read_head(net::RequestMethod::other, deadline); };
  auto head =
      asked.pulse.beats() ? co_await patiently<const http::ReplyHead*>(asked.pulse, limit, read) : co_await read(limit);
  if (!head) co_return head.error();
  const auto& reply_head = **head;
  if (reply_head.status < 200 || reply_head.status >= 300)
    co_return co_await fail_by_status(exchange, spoken, reply, reply_head);
  reply.status = reply_head.status;
  reply.delivery = is_event_stream(reply_head) ? chat::Delivery::stream : chat::Delivery::whole;
  if (exchange.head_sent && reply.delivery == chat::Delivery::whole)
    co_return Error{ErrorKind::provider_failed,
                    "it answered a request for a stream in one piece, when the stream had begun."};
  for (const auto& header : reply_head.headers)
    if (travels_back(header.name)) add_header(reply.passed_lines, header.name, header.value);
  reply.observer = spoken.make_observer(reply.delivery, exchange.worker.outline_parser());
  co_return co_await read_to_commit(reply, asked.pulse, limit);
}

net::Awaitable<Result<Opened>> open_verbatim(Exchange& exchange, const route::Target& target, const Asked& asked) {
  if (asked.abort.left) co_return Error{ErrorKind::client_left, "The client closed the connection."};
  auto way = way_to(exchange, *target.provider);
  if (!way) co_return way.error();
  auto& pool = exchange.worker.pool();
  auto reply = std::make_unique<OpenReply>();
  reply->target = &target;
  reply->abort = &asked.abort;
  reply->pool_key = &way->upstream->origin;
  for (reply->stream = pool.take_idle(way->upstream->base.origin, *reply->pool_key);; reply->stream = nullptr) {
    if (!reply->stream) {
      reply->stream = pool.make(way->upstream->base.origin);
      asked.abort.stream = reply->stream.get();
      auto connected = co_await pool.connect(*reply->stream, limit_of(exchange, target.provider->timeouts.connect,
                                                                      exchange.worker.settings().connect_time_max));
      if (!connected) {
        asked.abort.stream = nullptr;
        co_return connected.error();
      }
    }
    asked.abort.stream = reply->stream.get();
    auto opened = co_await exchange_once(exchange, target, *way, asked, *reply);
    if (opened) co_return reply;
    asked.abort.stream = nullptr;
    auto error = opened.error();
    // It was closed while it lay idle: replaced once, and no attempt of its own.
    const bool stale = reply->stream && reply->stream->reused() && !reply->stream->saw_reply_bytes();
    if (error.kind == ErrorKind::provider_failed && stale) continue;
    co_return error;
  }
}

net::Awaitable<Result<Opened>> open_translated(Exchange& exchange, const route::Target& target, const Asked& asked) {
  if (target.provider->adapter != demo_adapter) {
    Error error{ErrorKind::unavailable, "Provider " + target.provider->id + " speaks " +
                                            std::string(chat::to_string(target.dialect)) +
                                            ", which this gateway does not translate to."};
    error.provider = target.provider->id;
    co_return error;
  }
  auto request = exchange.endpoint.dialect->decode_request(asked.body.bytes());
  if (!request) co_return request.error();
  auto reply = std::make_unique<OpenReply>();
  reply->target = &target;
  reply->delivery = request->delivery;
  reply->source = make_demo(std::move(*request));
  auto first = co_await reply->source->read(reply->events, exchange.deadline);
  if (!first) co_return first.error();
  co_return reply;
}

// Names the provider, since the client knows only the model.
Error blamed(Error error, const route::Target& target) {
  if (error.kind == ErrorKind::client_left || error.kind == ErrorKind::invalid_request) return error;
  if (error.provider.empty()) error.provider = target.provider->id;
  if (!error.message.empty() && error.message.find(target.provider->id) == std::string::npos)
    error.message = "Provider " + target.provider->id + ": " + error.message;
  return error;
}

}  // namespace

void give_back(Exchange& exchange, OpenReply& reply) {
  reply.abort->stream = nullptr;
  if (reply.stream) exchange.worker.pool().give_back(std::move(reply.stream), *reply.pool_key);
}

net::Awaitable<Result<Opened>> open_reply(Exchange& exchange, const route::Plan& plan, const Asked& asked) {
  route::Attempts attempts{plan.targets()};
  while (const auto* target = attempts.next()) {
    auto& record = exchange.record;
    record.attempts = static_cast<unsigned>(attempts.count());
    record.provider = target->provider->id;
    record.target = target->model->qualified;
    // An adapter answers in events of its own, whatever the dialect.
    const bool verbatim = target->lane == route::Lane::verbatim && target->provider->adapter.empty();
    auto opened = verbatim ? co_await open_verbatim(exchange, *target, asked)
                           : co_await open_translated(exchange, *target, asked);
    if (opened) co_return opened;
    auto error = blamed(opened.error(), *target);
    if (error.kind == ErrorKind::client_left) co_return error;
    exchange.worker.metrics().attempt_failed(target->provider->id);
    log::warning("attempt_failed", {{"id", record.request_id()},
                                    {"target", target->model->qualified},
                                    {"attempt", record.attempts},
                                    {"kind", to_string(error.kind)},
                                    {"provider_status", error.provider_status},
                                    {"why", std::string_view(error.message).substr(0, 512)}});
    attempts.failed(std::move(error));
  }
  co_return std::move(attempts).verdict();
}

}  // namespace maestro::gateway
