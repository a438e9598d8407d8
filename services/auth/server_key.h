// The server key: the one client key that an installation begins with. auth alone resolves it: what was passed by flag
// or file, else the variable, else contexts.json, else a new one. Every source but contexts.json itself is written back
// to contexts.local.api_key, where the CLI finds it; all other members of that file stay.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "store/store.h"

namespace maestro::auth {

enum class KeySource : std::uint8_t { flag, file, variable, stored, generated };
std::string_view to_string(KeySource source);

struct ServerKey {
  Secret key{};
  KeySource source = KeySource::generated;
};

// What was passed from outside. At most one of `flag` and `file`; an empty variable counts as unset.
struct PassedKeys {
  std::optional<Secret> flag{};
  std::optional<Secret> file{};  // of --api-key-file or --api-key-fd, without the final newline
  std::optional<Secret> variable{};
};

// Refused with the command to run: "$(" (a command that no shell has run), under 16 or over 4096 bytes, and what does
// not fit into an HTTP header.
Result<void> judge_server_key(std::string_view key, KeySource source);

Result<ServerKey> resolve_server_key(store::Store& store, const PassedKeys& passed);

// The key in contexts.json now. Nothing when there is none; an error when the file or the key cannot be used.
Result<std::optional<Secret>> stored_server_key(store::Store& store);

// "sk-rm-" and 43 characters of URL-safe base64: 32 random bytes.
Secret generate_key();

// First 12 and last 4 characters; empty under 32 characters.
std::string hint_of(std::string_view key);

}  // namespace maestro::auth
