#include "bench/histogram.h"

#include <algorithm>
#include <bit>

namespace maestro::bench {

namespace {

std::string microseconds(std::int64_t ns) {
  const auto tenths = (ns + 50) / 100;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10);
}

}  // namespace

void Histogram::add(std::int64_t ns) {
  const auto value =
      static_cast<std::uint64_t>(std::clamp<std::int64_t>(ns, 0, (std::int64_t{1} << value_bits_max) - 1));
  const auto shift = std::max(0, static_cast<int>(std::bit_width(value)) - sub_bits - 1);
  // Values of one shift fill the upper half of their 2 * 128 places, so the halves of all shifts lie end to end.
  ++counts_[(static_cast<std::size_t>(shift) << sub_bits) + static_cast<std::size_t>(value >> shift)];
  ++count_;
  max_ns_ = std::max(max_ns_, ns);
}

std::int64_t Histogram::quantile_ns(double share) const {
  if (count_ == 0) return 0;
  const auto rank =
      std::min(count_ - 1, static_cast<std::uint64_t>(share * static_cast<double>(count_)));  // counted from 0
  std::uint64_t seen = 0;
  for (std::size_t at = 0; at < buckets; ++at) {
    seen += counts_[at];
    if (seen <= rank) continue;
    const auto shift = at < (std::size_t{2} << sub_bits) ? 0 : (at >> sub_bits) - 1;
    const auto low = at - (shift << sub_bits);
    return std::min(max_ns_, static_cast<std::int64_t>(((low + 1) << shift) - 1));
  }
  return max_ns_;
}

std::string Histogram::to_json() const {
  return "{\"p50\":" + microseconds(quantile_ns(0.5)) + ",\"p90\":" + microseconds(quantile_ns(0.9)) +
         ",\"p99\":" + microseconds(quantile_ns(0.99)) + ",\"p999\":" + microseconds(quantile_ns(0.999)) +
         ",\"max\":" + microseconds(max_ns_) + "}";
}

}  // namespace maestro::bench
