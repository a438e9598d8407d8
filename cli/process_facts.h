// What the kernel says about a process: /proc/<pid>/stat and status. A pid alone is no identity, since numbers are used
// again; pid and start time together are.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include <sys/types.h>

namespace maestro::cli {

std::optional<std::uint64_t> start_ticks(pid_t pid);   // none: no such process
std::optional<std::uint64_t> memory_bytes(pid_t pid);  // resident

// Of the files' text.
std::optional<std::uint64_t> start_ticks_of(std::string_view stat);
std::optional<std::uint64_t> memory_bytes_of(std::string_view status);

}  // namespace maestro::cli
