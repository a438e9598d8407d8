// A channel to another process of the house: "unix:/path", "host:port" or "dns:///name:port" (round robin over all
// addresses of the name). Keep-alive and message sizes of the contract, reconnects after 0.1 s doubling to 5 s. It
// connects when it is first used and again by itself; a call on it fails at once while there is no connection.
#pragma once

#include <memory>
#include <string_view>

#include <grpcpp/channel.h>

#include "base/result.h"

namespace maestro::rpc {

Result<std::shared_ptr<grpc::Channel>> make_channel(std::string_view address);

// Forget the pause before the next attempt to connect: for those who pause themselves between their tries.
void connect_now(grpc::Channel& channel);

// grpc.health.v1 Check of the whole server, blocking: for a program's --health. Never on the loop.
Result<void> check_health(std::string_view address);

}  // namespace maestro::rpc
