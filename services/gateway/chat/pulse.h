// Keeps a waiting client's stream alive: the head after the first interval of silence, then the dialect's heartbeat,
// The relay sends whole events only, so a heartbeat never tears one. Falling back stays allowed after the head: no
// event was sent yet.
#pragma once

#include "base/deadline.h"
#include "gateway/chat/reply_writer.h"
#include "gateway/exchange.h"

namespace maestro::gateway {

class Pulse {
 public:
  // For a whole reply there is none: `writer` is never used then.
  Pulse(Exchange& exchange, ReplyWriter& writer, chat::Delivery delivery)
      : exchange_(exchange), writer_(writer), beats_(delivery == chat::Delivery::stream) {
    rest();
  }

  bool beats() const { return beats_; }
  Deadline next(Deadline limit) const { return beats_ ? Deadline{std::min(limit.at, next_)} : limit; }
  // Something was sent: the silence begins anew.
  void rest() {
    if (beats_) next_ = Deadline::Clock::now() + exchange_.worker.settings().heartbeat_interval;
  }
  // client_left: nobody is there any more.
  net::Awaitable<Result<void>> beat();

 private:
  Exchange& exchange_;
  ReplyWriter& writer_;
  const bool beats_;
  Deadline::Clock::time_point next_{};
};

// Runs `read(deadline)` until it gives something or `limit` passes; in between the pulse beats. `read` may be called
// again after attempt_timed_out.
template <class Value, class Read>
net::Awaitable<Result<Value>> patiently(Pulse& pulse, Deadline limit, Read& read) {
  for (;;) {
    auto got = co_await read(pulse.next(limit));
    if (got || got.error().kind != ErrorKind::attempt_timed_out || limit.passed()) co_return got;
    auto sent = co_await pulse.beat();
    if (!sent) co_return sent.error();
  }
}

}  // namespace maestro::gateway
