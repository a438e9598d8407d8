// The time of writing that each event of the mock provider carries: `"ts":` and nineteen digits, nanoseconds of the
// monotonic clock above a base that keeps the number of digits (JSON allows no leading zeros).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace maestro::bench {

inline constexpr std::string_view stamp_name = "\"ts\":";
inline constexpr std::size_t stamp_digits = 19;
inline constexpr std::int64_t stamp_base_ns = 1'000'000'000'000'000'000;
inline constexpr std::string_view stream_end = "data: [DONE]\n\n";

// `digits` has room for stamp_digits.
inline void write_stamp(char* digits, std::int64_t now_ns) {
  auto value = stamp_base_ns + now_ns;
  for (auto at = stamp_digits; at-- > 0; value /= 10) digits[at] = static_cast<char>('0' + value % 10);
}

// Finds the stamps in the body of a stream that comes in any pieces, and how the stream ended.
class StampFinder final {
 public:
  // on_stamp gets the time of writing.
  template <class OnStamp>
  void feed(std::string_view piece, OnStamp&& on_stamp) {
    carry_.append(piece);
    std::size_t from = 0;
    for (;;) {
      const auto at = carry_.find(stamp_name, from);
      if (at == std::string::npos || at + stamp_name.size() + stamp_digits > carry_.size()) break;
      from = at + stamp_name.size();
      std::int64_t value = 0;
      for (std::size_t digit = 0; digit < stamp_digits; ++digit) value = value * 10 + (carry_[from + digit] - '0');
      on_stamp(value - stamp_base_ns);
      from += stamp_digits;
    }
    // A stamp that is still incomplete, and the end of the stream, lie in the last bytes.
    constexpr auto kept = stamp_name.size() + stamp_digits;
    if (carry_.size() > kept && carry_.size() - kept > from) from = carry_.size() - kept;
    carry_.erase(0, from);
  }

  bool ended_well() const { return carry_.ends_with(stream_end); }

 private:
  std::string carry_;
};

}  // namespace maestro::bench
