#include "cli/process_facts.h"

#include <charconv>
#include <string>

#include "base/limits.h"
#include "cli/places.h"

namespace maestro::cli {
namespace {

std::optional<std::uint64_t> number_at(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return std::nullopt;
  text.remove_prefix(first);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end == text.data()) return std::nullopt;
  return number;
}

std::string text_of(pid_t pid, const char* file) {
  auto text = read_small_file("/proc/" + std::to_string(pid) + "/" + file, limits::local_file_bytes_max);
  return text ? *text : std::string{};
}

}  // namespace

std::optional<std::uint64_t> start_ticks_of(std::string_view stat) {
  // Field 22, counted from behind the name, which may hold spaces and brackets.
  const auto name_end = stat.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  stat.remove_prefix(name_end + 1);
  if (stat.starts_with(" Z") || stat.starts_with(" X")) return std::nullopt;  // dead, not yet collected
  for (int field = 2; field < 22; ++field) {
    const auto space = stat.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    stat.remove_prefix(space + 1);
  }
  return number_at(stat);
}

std::optional<std::uint64_t> memory_bytes_of(std::string_view status) {
  constexpr std::string_view name = "VmRSS:";
  const auto at = status.find(name);
  if (at == std::string_view::npos) return std::nullopt;
  const auto kilobytes = number_at(status.substr(at + name.size()));
  if (!kilobytes) return std::nullopt;
  return *kilobytes * 1024;
}

std::optional<std::uint64_t> start_ticks(pid_t pid) { return start_ticks_of(text_of(pid, "stat")); }
std::optional<std::uint64_t> memory_bytes(pid_t pid) { return memory_bytes_of(text_of(pid, "status")); }

}  // namespace maestro::cli
