#include "gateway/chat/authenticate.h"

#include "http/headers.h"

namespace maestro::gateway {
namespace {

std::string_view without_scheme(std::string_view value) {
  constexpr std::string_view scheme = "bearer ";
  if (value.size() > scheme.size() && http::equal_ignoring_case(value.substr(0, scheme.size()), scheme))
    value.remove_prefix(scheme.size());
  while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  return value;
}

}  // namespace

Result<const route::Principal*> authenticate(const Exchange& exchange) {
  if (!exchange.keys) {
    Error error{ErrorKind::unavailable,
                "This gateway has no client keys yet: it waits for the auth service. Try again in a moment."};
    error.retry_after = limits::try_again_time;
    return error;
  }
  const auto now = std::chrono::system_clock::now();
  bool given = false;
  const route::Principal* principal = nullptr;
  const auto consider = [&](std::string_view key) {
    if (key.empty() || principal != nullptr) return;
    given = true;
    principal = exchange.keys->find(key, now);
  };
  for (const auto& header : exchange.head.headers) {
    if (http::equal_ignoring_case(header.name, "authorization")) {
      consider(without_scheme(header.value));
      if (principal == nullptr) consider(header.value);
    } else if (http::equal_ignoring_case(header.name, "x-api-key") ||
               http::equal_ignoring_case(header.name, "x-goog-api-key")) {
      consider(header.value);
    }
  }
  if (principal == nullptr && exchange.endpoint.key_in_query) {
    if (const auto escaped = http::query_parameter(exchange.head.query, "key"))
      if (const auto key = http::percent_decoded(*escaped)) consider(*key);
  }
  if (principal != nullptr) return principal;
  Error error{ErrorKind::unauthenticated,
              given ? "The API key is not valid here. \"router-maestro server show-key\" prints the one of this server."
                    : "No API key was given. Send it as \"Authorization: Bearer KEY\" or in x-api-key."};
  error.retry_useless = true;
  return error;
}

}  // namespace maestro::gateway
