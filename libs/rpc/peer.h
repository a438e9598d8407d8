// Who calls. A peer service believes a caller on its Unix socket, whose mode lets in the same user only. An admin
// service believes a client key, which the caller forwards; any of the three places it may stand in suffices.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <grpcpp/server_context.h>

#include "base/result.h"

namespace maestro::rpc {

// Whether peers over plain TCP are believed without an identity: only when asked for by name.
enum class PlaintextPeers : std::uint8_t { refused, asked_for };

Result<void> judge_peer(const grpc::CallbackServerContext& context, PlaintextPeers plaintext_peers);

// What was presented as a key: `authorization` (Bearer, or raw), `x-api-key`, `x-goog-api-key`. The views live as long
// as the context. A printed one is a leak.
std::vector<std::string_view> presented_keys(const grpc::CallbackServerContext& context);

}  // namespace maestro::rpc
