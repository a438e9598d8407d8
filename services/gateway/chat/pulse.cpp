#include "gateway/chat/pulse.h"

#include "gateway/chat/relay.h"

namespace maestro::gateway {

net::Awaitable<Result<void>> Pulse::beat() {
  rest();
  if (!writer_.started()) {
    writer_.start(200, BodyKind::chunked, 0, stream_head_lines(*exchange_.endpoint.dialect));
    exchange_.head_sent = true;
  }
  co_return co_await writer_.write(exchange_.endpoint.dialect->heartbeat, ReplyWriter::More::follows);
}

}  // namespace maestro::gateway
