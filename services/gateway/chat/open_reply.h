// The attempts: the plan's targets one after the other, until one has shown its first event (or its whole reply). Only
// here is an OpenReply made, and none exists without that: from then on nobody falls back.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "chat/event.h"
#include "dialect/dialect.h"
#include "gateway/chat/pulse.h"
#include "gateway/exchange.h"
#include "net/client_stream.h"
#include "net/server_stream.h"
#include "route/plan.h"

namespace maestro::gateway {

// Events of a reply that does not come as a client's own bytes.
class EventSource {
 public:
  virtual ~EventSource() = default;
  // Appends the next events; the last is ReplyEnded or ReplyFailed.
  virtual net::Awaitable<Result<void>> read(std::vector<chat::Event>& out, Deadline deadline) = 0;
};

// What an attempt may wait on, so that a client that leaves ends it within 100 ms.
struct PeerAbort {
  net::ClientStream* stream = nullptr;
  bool left = false;
  static void on_left(void* self) {
    auto& abort = *static_cast<PeerAbort*>(self);
    abort.left = true;
    if (abort.stream != nullptr) abort.stream->abort();
  }
};

struct OpenReply {
  const route::Target* target = nullptr;
  PeerAbort* abort = nullptr;
  chat::Delivery delivery = chat::Delivery::whole;  // as it comes from the provider

  // Verbatim lane.
  std::unique_ptr<net::ClientStream> stream;
  const std::string* pool_key = nullptr;  // of the pinned snapshots
  std::unique_ptr<dialect::ReplyObserver> observer;
  int status = 200;
  std::string passed_lines;  // header lines that travel back
  std::string held;          // what came before the commit line, when it came in several pieces
  std::string_view first;    // all that came before it: a view into `held` or into the stream's buffer

  // Translated lane.
  std::unique_ptr<EventSource> source;
  std::vector<chat::Event> events;  // at least one
};

struct Asked {
  const dialect::Outline& outline;
  net::Body& body;
  PeerAbort& abort;
  Pulse& pulse;
};

// The reply's connection goes back to the pool if it can be used again; nobody aborts it from here on.
void give_back(Exchange& exchange, OpenReply& reply);

net::Awaitable<Result<std::unique_ptr<OpenReply>>> open_reply(Exchange& exchange, const route::Plan& plan,
                                                              const Asked& asked);

}  // namespace maestro::gateway
