// A gateway's last snapshots on disk, so that it can start while auth and registry are away. Layout: "MAESTRO" and NUL,
// u32 format, u32 kind, u64 length, 32 bytes SHA-256 of the payload, payload; integers little-endian. Never a lease.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace maestro::gateway {

enum class SnapshotKind : std::uint32_t { catalog = 1, keys = 2 };

inline constexpr std::uint32_t snapshot_format = 1;

std::string encode_snapshot(SnapshotKind kind, std::string_view payload);
// invalid_request: damaged, of a newer format, or of another kind.
Result<std::string> decode_snapshot(SnapshotKind kind, std::string_view bytes);

// <directory>/catalog.pb or keys.pb, 0600, by a temporary file, fsync and rename.
Result<void> write_snapshot(const std::string& directory, SnapshotKind kind, std::string_view payload);
// The payload. not_found when there is none.
Result<std::string> read_snapshot(const std::string& directory, SnapshotKind kind);

}  // namespace maestro::gateway
