#include "rpc/peer.h"

#include <string>

#include <strings.h>

namespace maestro::rpc {
namespace {

std::string_view without_scheme(std::string_view value) {
  constexpr std::string_view scheme = "bearer ";
  if (value.size() < scheme.size() || strncasecmp(value.data(), scheme.data(), scheme.size()) != 0) return value;
  value.remove_prefix(scheme.size());
  while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  return value;
}

}  // namespace

Result<void> judge_peer(const grpc::CallbackServerContext& context, PlaintextPeers plaintext_peers) {
  if (context.peer().starts_with("unix:")) return {};
  if (plaintext_peers == PlaintextPeers::asked_for) return {};
  return Error(ErrorKind::unauthenticated,
               "This service is for peers of the house. Connect by its Unix socket, or start the server with "
               "--insecure-plaintext-peers where the network is trusted.");
}

std::vector<std::string_view> presented_keys(const grpc::CallbackServerContext& context) {
  std::vector<std::string_view> keys;
  for (const char* name : {"authorization", "x-api-key", "x-goog-api-key"}) {
    const auto [begin, end] = context.client_metadata().equal_range(name);
    for (auto it = begin; it != end; ++it) {
      const std::string_view value(it->second.data(), it->second.size());
      const auto key = name == std::string_view("authorization") ? without_scheme(value) : value;
      if (!key.empty()) keys.push_back(key);
    }
  }
  return keys;
}

}  // namespace maestro::rpc
