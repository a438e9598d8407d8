// A worker's counters: plain integers that only its own thread touches, copied by post when somebody scrapes. Names and
// buckets of control-plane.md 8.2, plus the labels dialect and provider (configured names only, so their number is
// bounded by the configuration).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "chat/usage.h"

namespace maestro::gateway {

class Metrics {
 public:
  static constexpr std::array<double, 11> bucket_seconds{0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 60, 120};

  struct Labels {
    std::string_view method;  // of a fixed set
    std::string_view path_template;
    int status = 0;
    std::string_view dialect;
    std::string_view provider;
  };
  struct Series {
    std::string method, path_template, dialect, provider;
    int status = 0;
    std::uint64_t count = 0;
    double seconds = 0;
    std::array<std::uint64_t, bucket_seconds.size() + 1> buckets{};
  };
  struct Tokens {
    std::string provider;
    std::uint64_t input = 0, cache_read = 0, cache_write = 0, output = 0, reasoning = 0;
  };

  void count(const Labels& labels, std::chrono::steady_clock::duration time);
  void count_tokens(std::string_view provider, const chat::Usage& usage);
  void attempt_failed(std::string_view provider) { ++failed_attempts_[std::string(provider)]; }

  std::uint64_t requests_in_flight = 0;
  std::uint64_t clients_left = 0;

  void merge(const Metrics& other);
  const std::vector<Series>& series() const { return series_; }
  const std::vector<Tokens>& tokens() const { return tokens_; }
  const std::unordered_map<std::string, std::uint64_t>& failed_attempts() const { return failed_attempts_; }

 private:
  Series& find(const Labels& labels);
  std::vector<Series> series_;
  std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> index_;  // by hash of the labels
  std::vector<Tokens> tokens_;
  std::unordered_map<std::string, std::uint64_t> failed_attempts_;
};

// Facts of the process beside the counters.
struct ProcessFacts {
  std::uint64_t open_connections = 0;
  std::uint64_t body_bytes_held = 0;
  std::string catalog_revision;
  std::string keys_revision;
};

// Prometheus text.
std::string exposition(const Metrics& merged, const ProcessFacts& facts);

}  // namespace maestro::gateway
