// Latencies in buckets that grow with the value: 128 to a power of two, so a quantile is at most 0.8 % off and the
// memory does not grow with the number of values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace maestro::bench {

class Histogram final {
 public:
  void add(std::int64_t ns);
  std::uint64_t count() const { return count_; }
  std::int64_t quantile_ns(double share) const;  // the upper edge of the bucket; 0 when empty
  std::string to_json() const;                   // {"p50":..,"p90":..,"p99":..,"p999":..,"max":..} in microseconds

 private:
  static constexpr int sub_bits = 7;
  static constexpr int value_bits_max = 40;  // 18 minutes
  static constexpr std::size_t buckets = std::size_t{value_bits_max - sub_bits + 1} << sub_bits;

  std::array<std::uint64_t, buckets> counts_{};
  std::uint64_t count_ = 0;
  std::int64_t max_ns_ = 0;
};

}  // namespace maestro::bench
