// HTTP messages as plain values: what the rooms that speak no HTTP themselves hand to those that do.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace maestro::http {

// ASCII only, as field names are (RFC 9110 section 5.1).
bool equal_ignoring_case(std::string_view left, std::string_view right);

struct Header {
  std::string name;
  std::string value;
};

// In order, with repetitions. Names compare without regard to case.
class Headers {
 public:
  void add(std::string name, std::string value) { all_.push_back({std::move(name), std::move(value)}); }
  void set(std::string_view name, std::string value);  // replaces every one of that name
  void remove(std::string_view name);
  std::optional<std::string_view> find(std::string_view name) const;  // the first

  auto begin() const { return all_.begin(); }
  auto end() const { return all_.end(); }
  std::size_t size() const { return all_.size(); }

 private:
  std::vector<Header> all_;
};

struct Request {
  std::string method = "GET";
  std::string target = "/";  // path and query
  Headers headers;
  std::string body;
};

struct Reply {
  int status = 0;
  Headers headers;
  std::string body;
};

std::string_view reason_of(int status);

// `retry-after`: seconds, or an HTTP date (RFC 9110 section 10.2.3), as whole seconds from `now`, rounded up, never
// negative. Nothing when it is neither.
std::optional<std::chrono::seconds> retry_after(std::string_view value, std::chrono::system_clock::time_point now);

// `%41` to `A`; nothing when an escape is broken.
std::optional<std::string> percent_decoded(std::string_view text);

// The first value of a parameter in a query ("a=1&key=K"), still escaped.
std::optional<std::string_view> query_parameter(std::string_view query, std::string_view name);

}  // namespace maestro::http
