// Heads of messages as views into the bytes that they were read from: valid while those stay where they are.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "http/headers.h"

namespace maestro::http {

struct HeaderView {
  std::string_view name;
  std::string_view value;
};

// How the body of a message ends (RFC 9112 section 6).
enum class Framing : std::uint8_t { none, length, chunked, until_close };

struct Head {
  std::vector<HeaderView> headers;
  Framing framing = Framing::none;
  std::uint64_t content_length = 0;  // with Framing::length
  bool keep_alive = true;
  bool http_1_0 = false;

  std::optional<std::string_view> find(std::string_view name) const {
    for (const auto& header : headers)
      if (equal_ignoring_case(header.name, name)) return header.value;
    return {};
  }
};

struct RequestHead : Head {
  std::string_view method;
  std::string_view target;  // as it came
  std::string_view path;    // before '?'
  std::string_view query;   // after '?'
  bool expects_continue = false;
};

struct ReplyHead : Head {
  int status = 0;
};

}  // namespace maestro::http
