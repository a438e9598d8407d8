#include "gateway/chat/relay.h"

#include <algorithm>
#include <ctime>

namespace maestro::gateway {
namespace {

using More = ReplyWriter::More;

void add_served_by(std::string& lines, const Exchange& exchange, const OpenReply& reply) {
  add_header(lines, "x-maestro-target", reply.target->model->qualified);
  add_header(lines, "x-maestro-attempts", std::to_string(exchange.record.attempts));
}

void note(Record& record, const Error& error) {
  record.end = error.kind == ErrorKind::client_left ? End::client_left : End::cut;
  record.problem = std::string(to_string(error.kind)) + ": " + error.message;
}

void note_observed(Record& record, const dialect::ReplyObserver& observer) {
  record.usage = observer.usage();
  record.stop_reason = observer.stop_reason();
}

// After the head: one failure in the stream, or the end of a connection that promised more.
net::Awaitable<> fail(Exchange& exchange, const OpenReply& reply, ReplyWriter& writer, const Error& error) {
  note(exchange.record, error);
  if (error.kind == ErrorKind::client_left || reply.delivery == chat::Delivery::whole) {
    exchange.keep_alive = false;
    co_return;
  }
  const auto& dialect = *exchange.endpoint.dialect;
  auto sent = co_await writer.write(dialect.encode_stream_failure(error, exchange.record.request_id()), More::ends);
  if (!sent) exchange.keep_alive = false;
}

void start(Exchange& exchange, OpenReply& reply, ReplyWriter& writer) {
  auto lines = std::move(reply.passed_lines);
  add_served_by(lines, exchange, reply);
  if (reply.delivery == chat::Delivery::stream) {
    lines += "cache-control: no-cache, no-transform\r\nx-accel-buffering: no\r\n";
    writer.start(reply.status, BodyKind::chunked, 0, lines);
    return;
  }
  const auto& stream = *reply.stream;
  if (stream.ended()) {
    writer.start(reply.status, BodyKind::sized, reply.first.size(), lines);
  } else if (stream.head().framing == http::Framing::length) {
    writer.start(reply.status, BodyKind::sized, stream.head().content_length, lines);
  } else {
    writer.start(reply.status, BodyKind::chunked, 0, lines);
  }
}

// Whole events only go out: so whatever happens, our own words never stand in the middle of one. What is left of an
// event waits in `rest` for its end. Most pieces end where an event ends, and are not copied.
class WholeEvents {
 public:
  // The bytes that may go now; valid until the next call.
  std::string_view of(std::string_view piece, std::size_t open_bytes) {
    if (open_bytes == 0 && rest_.empty()) return piece;
    ready_ = std::move(rest_);
    ready_ += piece;
    const auto whole = ready_.size() - std::min(open_bytes, ready_.size());
    rest_ = ready_.substr(whole);
    ready_.resize(whole);
    return ready_;
  }

 private:
  std::string rest_;
  std::string ready_;
};

Error blamed(Error error, const OpenReply& reply) {
  error.provider = reply.target->provider->id;
  if (error.message.find(error.provider) == std::string::npos)
    error.message = "Provider " + error.provider + ": " + error.message;
  return error;
}

// The transport has ended: did the reply?
net::Awaitable<> finish(Exchange& exchange, OpenReply& reply, ReplyWriter& writer, WholeEvents& events,
                        std::string_view last) {
  auto& record = exchange.record;
  auto& observer = *reply.observer;
  note_observed(record, observer);
  const auto ended = observer.end();
  const auto& said = observer.error_event();
  const bool whole = ended || said;
  // A good reply goes out to its last byte, whatever stands behind its last event.
  Result<void> sent;
  if (!writer.write_now(events.of(last, whole ? 0 : observer.open_event_bytes()), whole ? More::ends : More::follows,
                        sent))
    sent = co_await writer.write_rest();
  give_back(exchange, reply);  // only now: `last` lies in its buffer
  if (!sent) {
    note(record, sent.error());
    exchange.keep_alive = false;
  } else if (said) {  // the provider's own failure has passed; a second one would confuse
    note(record, *said);
  } else if (!ended) {
    co_await fail(exchange, reply, writer, blamed(ended.error(), reply));
  }
}

}  // namespace

std::string stream_head_lines(const dialect::ClientDialect& dialect) {
  std::string lines;
  add_header(lines, "content-type", dialect.stream_content_type);
  lines += "cache-control: no-cache, no-transform\r\nx-accel-buffering: no\r\n";
  return lines;
}

net::Awaitable<> relay_verbatim(Exchange& exchange, OpenReply& reply, ReplyWriter& writer, Pulse& pulse) {
  auto& record = exchange.record;
  record.first_event();
  if (!writer.started()) start(exchange, reply, writer);
  auto& stream = *reply.stream;
  auto& observer = *reply.observer;
  const auto& times = reply.target->provider->timeouts;
  const Time idle = times.idle.value_or(exchange.worker.settings().stream_idle_time_max);
  WholeEvents events;
  auto piece = reply.first;
  for (;;) {
    if (stream.ended()) co_return co_await finish(exchange, reply, writer, events, piece);
    const auto ready = events.of(piece, observer.open_event_bytes());
    if (!ready.empty()) {
      Result<void> sent;
      if (!writer.write_now(ready, More::follows, sent)) sent = co_await writer.write_rest();
      if (!sent) {
        note(record, sent.error());
        note_observed(record, observer);
        exchange.keep_alive = false;
        co_return;
      }
      pulse.rest();
    }
    if (!reply.held.empty()) reply.held = std::string();
    auto read = [&stream](Deadline deadline) { return stream.read_some(deadline); };
    const auto limit = exchange.deadline.but_at_most(idle);
    auto next = pulse.beats() ? co_await patiently<std::string_view>(pulse, limit, read) : co_await read(limit);
    Result<void> fine = success();
    if (next) {
      piece = *next;
      fine = observer.feed(piece);
      if (fine) continue;
      // Broken behind its last whole event: what stands before that is good.
      auto sent = co_await writer.write(events.of(piece, observer.open_event_bytes()), More::follows);
      if (!sent) fine = sent;
    }
    note_observed(record, observer);
    co_return co_await fail(exchange, reply, writer, blamed(next ? fine.error() : next.error(), reply));
  }
}

net::Awaitable<> relay_events(Exchange& exchange, OpenReply& reply, ReplyWriter& writer,
                              const dialect::Outline& outline) {
  auto& record = exchange.record;
  record.first_event();
  const auto& dialect = *exchange.endpoint.dialect;
  dialect::ReplyContext context;
  context.reply_id = record.request_id();
  context.created_s = std::time(nullptr);
  context.model = reply.target->model->qualified;
  context.delivery = reply.delivery;
  context.include_usage = outline.include_usage;
  context.stream_options_given = outline.stream_options_given;
  const auto encoder = dialect.make_encoder(context);
  if (!writer.started() && reply.delivery == chat::Delivery::stream) {
    auto lines = stream_head_lines(dialect);
    add_served_by(lines, exchange, reply);
    writer.start(200, BodyKind::chunked, 0, lines);
  }
  std::string bytes;
  for (;;) {
    bool over = false;
    for (const auto& event : reply.events) {
      encoder->encode(event, bytes);
      if (const auto* ended = std::get_if<chat::ReplyEnded>(&event)) {
        over = true;
        record.stop_reason = ended->provider_stop_reason;
        if (ended->usage) record.usage = *ended->usage;
      }
      if (const auto* failed = std::get_if<chat::ReplyFailed>(&event)) {
        over = true;
        note(record, failed->error);
      }
    }
    reply.events.clear();
    if (!writer.started() && over) {
      std::string lines;
      add_header(lines, "content-type", encoder->content_type());
      add_served_by(lines, exchange, reply);
      writer.start(200, BodyKind::sized, bytes.size(), lines);
    }
    if (writer.started()) {
      auto sent = co_await writer.write(bytes, over ? More::ends : More::follows);
      bytes.clear();
      if (!sent) {
        note(record, sent.error());
        exchange.keep_alive = false;
        co_return;
      }
    }
    if (over) co_return;
    auto read = co_await reply.source->read(reply.events, exchange.deadline);
    if (!read) reply.events.push_back(chat::ReplyFailed{read.error()});
  }
}

}  // namespace maestro::gateway
