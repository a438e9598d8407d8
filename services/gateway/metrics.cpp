#include "gateway/metrics.h"

#include <functional>
#include <sstream>

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include "log/log.h"

namespace maestro::gateway {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

ClientMetric with_labels(std::vector<std::pair<std::string, std::string>> labels) {
  ClientMetric metric;
  for (auto& [name, value] : labels) {
    ClientMetric::Label label;
    label.name = std::move(name);
    label.value = std::move(value);
    metric.label.push_back(std::move(label));
  }
  return metric;
}

ClientMetric of_series(const Metrics::Series& series) {
  return with_labels({{"method", series.method},
                      {"path_template", series.path_template},
                      {"status", std::to_string(series.status)},
                      {"dialect", series.dialect},
                      {"provider", series.provider}});
}

MetricFamily family(const char* name, const char* help, MetricType type) {
  MetricFamily made;
  made.name = name;
  made.help = help;
  made.type = type;
  return made;
}

// What a scrape reads: made from merged counters, so nothing is shared with the workers.
class Scrape final : public prometheus::Collectable {
 public:
  Scrape(const Metrics& metrics, const ProcessFacts& facts) : metrics_(metrics), facts_(facts) {}

  std::vector<MetricFamily> Collect() const override {
    std::vector<MetricFamily> all;
    add_requests(all);
    add_tokens(all);
    add_facts(all);
    return all;
  }

 private:
  void add_requests(std::vector<MetricFamily>& all) const {
    auto requests = family("router_maestro_http_requests_total", "Requests that were answered", MetricType::Counter);
    auto durations = family("router_maestro_http_request_duration_seconds",
                            "From the head of a request to the last byte of its reply", MetricType::Histogram);
    for (const auto& series : metrics_.series()) {
      auto counter = of_series(series);
      counter.counter.value = static_cast<double>(series.count);
      requests.metric.push_back(std::move(counter));
      auto histogram = of_series(series);
      histogram.histogram.sample_count = series.count;
      histogram.histogram.sample_sum = series.seconds;
      std::uint64_t below = 0;
      for (std::size_t i = 0; i < series.buckets.size(); ++i) {
        below += series.buckets[i];
        ClientMetric::Bucket bucket;
        bucket.cumulative_count = below;
        bucket.upper_bound =
            i < Metrics::bucket_seconds.size() ? Metrics::bucket_seconds[i] : std::numeric_limits<double>::infinity();
        histogram.histogram.bucket.push_back(bucket);
      }
      durations.metric.push_back(std::move(histogram));
    }
    all.push_back(std::move(requests));
    all.push_back(std::move(durations));
    auto failed =
        family("router_maestro_failed_attempts_total", "Tries at a target that gave no reply", MetricType::Counter);
    for (const auto& [provider, count] : metrics_.failed_attempts()) {
      auto counter = with_labels({{"provider", provider}});
      counter.counter.value = static_cast<double>(count);
      failed.metric.push_back(std::move(counter));
    }
    all.push_back(std::move(failed));
  }

  void add_tokens(std::vector<MetricFamily>& all) const {
    auto tokens =
        family("router_maestro_tokens_total", "Tokens as providers reported them, by class", MetricType::Counter);
    for (const auto& of : metrics_.tokens()) {
      const std::pair<const char*, std::uint64_t> classes[] = {{"uncached_input", of.input},
                                                               {"cache_read", of.cache_read},
                                                               {"cache_write", of.cache_write},
                                                               {"output", of.output},
                                                               {"reasoning", of.reasoning}};
      for (const auto& [name, count] : classes) {
        if (count == 0) continue;
        auto counter = with_labels({{"provider", of.provider}, {"class", name}});
        counter.counter.value = static_cast<double>(count);
        tokens.metric.push_back(std::move(counter));
      }
    }
    all.push_back(std::move(tokens));
  }

  void add_facts(std::vector<MetricFamily>& all) const {
    const auto gauge = [&all](const char* name, const char* help, double value, MetricType type = MetricType::Gauge) {
      auto made = family(name, help, type);
      ClientMetric metric;
      if (type == MetricType::Counter) {
        metric.counter.value = value;
      } else {
        metric.gauge.value = value;
      }
      made.metric.push_back(std::move(metric));
      all.push_back(std::move(made));
    };
    gauge("router_maestro_requests_in_flight", "Requests under way", static_cast<double>(metrics_.requests_in_flight));
    gauge("router_maestro_open_connections", "Connections of clients", static_cast<double>(facts_.open_connections));
    gauge("router_maestro_body_bytes_held", "Bytes of request bodies held now",
          static_cast<double>(facts_.body_bytes_held));
    gauge("router_maestro_clients_left_total", "Clients that left before their reply was complete",
          static_cast<double>(metrics_.clients_left), MetricType::Counter);
    gauge("router_maestro_log_dropped_total", "Log lines that found no room", static_cast<double>(log::dropped_lines()),
          MetricType::Counter);
    auto revisions = family("router_maestro_snapshot", "The snapshots this gateway serves from", MetricType::Gauge);
    for (const auto& [kind, revision] :
         {std::pair{"catalog", facts_.catalog_revision}, std::pair{"keys", facts_.keys_revision}}) {
      if (revision.empty()) continue;
      auto metric = with_labels({{"kind", kind}, {"revision", revision}});
      metric.gauge.value = 1;
      revisions.metric.push_back(std::move(metric));
    }
    all.push_back(std::move(revisions));
  }

  const Metrics& metrics_;
  const ProcessFacts& facts_;
};

std::uint64_t hash_of(const Metrics::Labels& labels) {
  const std::hash<std::string_view> hash;
  auto mixed = static_cast<std::uint64_t>(labels.status);
  // Methods, templates and dialects are constants of the program: their addresses are as good as their letters.
  for (const auto* constant : {labels.method.data(), labels.path_template.data(), labels.dialect.data()})
    mixed = mixed * 0x9e3779b97f4a7c15ULL + reinterpret_cast<std::uintptr_t>(constant);
  return mixed * 0x9e3779b97f4a7c15ULL + hash(labels.provider);
}

}  // namespace

Metrics::Series& Metrics::find(const Labels& labels) {
  auto& candidates = index_[hash_of(labels)];
  for (const auto candidate : candidates) {
    auto& series = series_[candidate];
    if (series.status == labels.status && series.provider == labels.provider &&
        series.path_template == labels.path_template && series.method == labels.method &&
        series.dialect == labels.dialect)
      return series;
  }
  candidates.push_back(static_cast<std::uint32_t>(series_.size()));
  Series made;
  made.method = labels.method;
  made.path_template = labels.path_template;
  made.dialect = labels.dialect;
  made.provider = labels.provider;
  made.status = labels.status;
  return series_.emplace_back(std::move(made));
}

void Metrics::count(const Labels& labels, std::chrono::steady_clock::duration time) {
  auto& series = find(labels);
  const double seconds = std::chrono::duration<double>(time).count();
  ++series.count;
  series.seconds += seconds;
  std::size_t bucket = 0;
  while (bucket < bucket_seconds.size() && seconds > bucket_seconds[bucket]) ++bucket;
  ++series.buckets[bucket];
}

void Metrics::count_tokens(std::string_view provider, const chat::Usage& usage) {
  if (!usage.known()) return;
  auto found = std::find_if(tokens_.begin(), tokens_.end(), [&](const Tokens& of) { return of.provider == provider; });
  if (found == tokens_.end()) {
    tokens_.push_back({std::string(provider)});
    found = std::prev(tokens_.end());
  }
  const auto count = [](const std::optional<std::int64_t>& tokens) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, tokens.value_or(0)));
  };
  found->input += count(usage.uncached_input_tokens);
  found->cache_read += count(usage.cache_read_tokens);
  found->cache_write += count(usage.cache_write_5m_tokens) + count(usage.cache_write_1h_tokens);
  found->output += count(usage.output_tokens);
  found->reasoning += count(usage.reasoning_tokens);
}

void Metrics::merge(const Metrics& other) {
  requests_in_flight += other.requests_in_flight;
  clients_left += other.clients_left;
  for (const auto& from : other.series_) {
    auto found = std::find_if(series_.begin(), series_.end(), [&](const Series& to) {
      return to.status == from.status && to.method == from.method && to.path_template == from.path_template &&
             to.dialect == from.dialect && to.provider == from.provider;
    });
    if (found == series_.end()) {
      series_.push_back(from);
      continue;
    }
    found->count += from.count;
    found->seconds += from.seconds;
    for (std::size_t i = 0; i < found->buckets.size(); ++i) found->buckets[i] += from.buckets[i];
  }
  for (const auto& from : other.tokens_) {
    auto found =
        std::find_if(tokens_.begin(), tokens_.end(), [&](const Tokens& to) { return to.provider == from.provider; });
    if (found == tokens_.end()) {
      tokens_.push_back(from);
      continue;
    }
    found->input += from.input;
    found->cache_read += from.cache_read;
    found->cache_write += from.cache_write;
    found->output += from.output;
    found->reasoning += from.reasoning;
  }
  for (const auto& [provider, count] : other.failed_attempts_) failed_attempts_[provider] += count;
}

std::string exposition(const Metrics& merged, const ProcessFacts& facts) {
  std::ostringstream text;
  prometheus::TextSerializer{}.Serialize(text, Scrape{merged, facts}.Collect());
  return std::move(text).str();
}

}  // namespace maestro::gateway
