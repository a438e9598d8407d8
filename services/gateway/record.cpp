#include "gateway/record.h"

#include <charconv>
#include <cstring>

#include "json/writer.h"
#include "log/log.h"

namespace maestro::gateway {
namespace {

bool fit_to_echo(std::string_view id) {
  if (id.empty() || id.size() > 128) return false;
  for (const char c : id) {
    const bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                      c == '_' || c == ':' || c == '-';
    if (!fine) return false;
  }
  return true;
}

class Line {
 public:
  explicit Line(std::string& out) : out_(out) { out_.clear(); }
  void constant(std::string_view name, std::string_view value) {
    begin(name);
    out_ += '"';
    out_ += value;
    out_ += '"';
  }
  void text(std::string_view name, std::string_view value) {
    begin(name);
    json::append_string(out_, value);
  }
  void number(std::string_view name, std::int64_t value) {
    begin(name);
    char digits[24];
    out_.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  }
  // Milliseconds with three decimals.
  void millis(std::string_view name, std::chrono::steady_clock::duration time) {
    const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
    number(name, micros / 1000);
    const auto rest = static_cast<unsigned>(micros % 1000);
    const char digits[4] = {'.', static_cast<char>('0' + rest / 100), static_cast<char>('0' + rest / 10 % 10),
                            static_cast<char>('0' + rest % 10)};
    out_.append(digits, 4);
  }

 private:
  void begin(std::string_view name) {
    if (!out_.empty()) out_ += ',';
    out_ += '"';
    out_ += name;
    out_ += "\":";
  }
  std::string& out_;
};

}  // namespace

std::string_view to_string(End end) {
  switch (end) {
    case End::served:
      return "served";
    case End::refused:
      return "refused";
    case End::cut:
      return "cut";
    case End::client_left:
      return "client_left";
  }
  return "served";
}

void Record::choose_request_id(std::string_view wanted) {
  if (fit_to_echo(wanted)) {
    std::memcpy(request_id_, wanted.data(), wanted.size());
    request_id_size_ = wanted.size();
    return;
  }
  static constexpr char digits[] = "0123456789abcdef";
  for (std::size_t half = 0; half < 2; ++half) {
    auto bits = worker_.random();
    for (std::size_t i = 0; i < 16; ++i, bits >>= 4) request_id_[half * 16 + i] = digits[bits & 15];
  }
  request_id_size_ = 32;
}

Record::~Record() {
  const auto now = std::chrono::steady_clock::now();
  auto& metrics = worker_.metrics();
  --metrics.requests_in_flight;
  if (end == End::client_left) ++metrics.clients_left;
  // A stream that broke after its head said 200 counts as the failure that it was (control-plane.md 8.2).
  const int counted = end == End::cut ? 500 : status;
  metrics.count({method, path_template, counted, dialect, provider}, now - started_);
  if (!provider.empty()) metrics.count_tokens(provider, usage);

  const auto level = end == End::cut ? log::Level::warning : log::Level::info;
  if (!log::enabled(level)) return;
  auto& fields = worker_.log_scratch();
  Line line{fields};
  line.constant("id", request_id());
  line.constant("method", method);
  line.constant("path", path_template);
  line.number("status", status);
  line.constant("end", to_string(end));
  if (!dialect.empty()) line.constant("dialect", dialect);
  if (!principal.empty()) line.text("principal", principal);
  if (!model.empty()) line.text("model", std::string_view(model).substr(0, 256));
  if (!target.empty()) line.text("target", target);
  if (attempts > 0) line.number("attempts", attempts);
  line.number("request_bytes", static_cast<std::int64_t>(request_bytes));
  line.number("reply_bytes", static_cast<std::int64_t>(reply_bytes));
  if (first_event_at_ != std::chrono::steady_clock::time_point{})
    line.millis("first_event_ms", first_event_at_ - started_);
  line.millis("total_ms", now - started_);
  if (const auto input = usage.input_tokens()) line.number("input_tokens", *input);
  if (usage.cache_read_tokens) line.number("cache_read_tokens", *usage.cache_read_tokens);
  if (usage.output_tokens) line.number("output_tokens", *usage.output_tokens);
  if (usage.reasoning_tokens) line.number("reasoning_tokens", *usage.reasoning_tokens);
  if (!stop_reason.empty()) line.text("stop_reason", std::string_view(stop_reason).substr(0, 64));
  if (!problem.empty()) line.text("problem", std::string_view(problem).substr(0, 1024));
  log::write_fields(level, "request", fields);
}

}  // namespace maestro::gateway
