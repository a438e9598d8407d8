// The first bytes of an input say where the rest is cut, so that a fuzzer finds cuts as it finds bytes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace maestro::fuzz {

inline constexpr std::size_t cuts_max = 4;

struct Input {
  std::string_view bytes;
  std::vector<std::string_view> pieces;  // of the same bytes
};

inline Input cut(const std::uint8_t* begin, std::size_t size) {
  std::string_view all(reinterpret_cast<const char*>(begin), size);
  Input input;
  if (all.size() < cuts_max) return input;
  input.bytes = all.substr(cuts_max);
  auto rest = input.bytes;
  for (std::size_t i = 0; i < cuts_max; ++i) {
    const auto at = std::min<std::size_t>(static_cast<std::uint8_t>(all[i]), rest.size());
    input.pieces.push_back(rest.substr(0, at));
    rest.remove_prefix(at);
  }
  input.pieces.push_back(rest);
  return input;
}

// Ends the run with a report when a promise is broken.
inline void promise(bool kept) {
  if (!kept) __builtin_trap();
}

}  // namespace maestro::fuzz
