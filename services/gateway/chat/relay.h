// From the commit line to the last byte: the provider's bytes with an observer, or events through the client's encoder.
// Back pressure is the loop itself: nothing is read before the client took the last bytes. A failure on the way is said
// once, in the stream, in the client's own protocol; a whole reply is cut, since its head has promised more.
#pragma once

#include <string>

#include "gateway/chat/open_reply.h"
#include "gateway/chat/reply_writer.h"

namespace maestro::gateway {

// Header lines of every stream: no proxy on the way shall hold it back.
std::string stream_head_lines(const dialect::ClientDialect& dialect);

net::Awaitable<> relay_verbatim(Exchange& exchange, OpenReply& reply, ReplyWriter& writer, Pulse& pulse);
net::Awaitable<> relay_events(Exchange& exchange, OpenReply& reply, ReplyWriter& writer,
                              const dialect::Outline& outline);

}  // namespace maestro::gateway
