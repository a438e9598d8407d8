// A client's connection: one exchange after the other until it ends. Everything that escapes an exchange is caught
// here, and nowhere else in the gateway.
#pragma once

#include "gateway/worker.h"
#include "net/server_stream.h"

namespace maestro::gateway {

net::Awaitable<> serve_connection(Worker& worker, net::ServerStream& client);

}  // namespace maestro::gateway
