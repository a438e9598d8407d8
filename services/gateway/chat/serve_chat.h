// A request for a reply of a model, top to bottom: who asks, what, of whom, and the relay. The hot path.
#pragma once

#include "gateway/exchange.h"

namespace maestro::gateway {

net::Awaitable<> serve_chat(Exchange& exchange);

}  // namespace maestro::gateway
