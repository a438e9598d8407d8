// What went wrong, as a value. The kind says what may be done next: whose fault it is, and whether another target may
// do better. Four places translate it: a dialect's encode_error (kind to that protocol's status and body), a dialect's
// decode_error (a provider's words to a kind), rpc/status (both ways) and each main (exit code).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace maestro {

enum class ErrorKind : std::uint8_t {
  // The caller's to mend. No other target is tried.
  invalid_request,
  ambiguous,           // a model name that means several; `choices` has them
  unauthenticated,     // no client key, or a wrong one
  forbidden,           // the client key may not do this
  not_found,           // an unknown model or path
  method_not_allowed,  // the path exists for other methods
  conflict,            // another writer was faster
  too_large,           // a head, body or value over its limit
  limited,             // the client key's own limits
  client_too_slow,     // the request did not arrive in time
  // The provider's verdict on the request or on our credential. No other target is tried.
  provider_refused,
  // The provider's trouble. Another target may do better.
  provider_limited,   // 429
  provider_failed,    // 5xx, connection, TLS, malformed or cut reply
  attempt_timed_out,  // no head, no first event, or silence
  // Ours.
  deadline_passed,
  unavailable,  // no catalog, no keys, no target, draining
  internal,
  // Nobody is left to tell.
  client_left,
};

std::string_view to_string(ErrorKind kind);

struct Error {
  ErrorKind kind = ErrorKind::internal;
  std::string message{};                              // safe to show to a client; a sentence that says what to do
  std::string detail{};                               // for our log only
  std::string field_path{};                           // "messages[3].role": where in the request
  std::string provider{};                             // id of the provider that refused or failed, if one did
  int provider_status = 0;                            // its HTTP status; 0: no answer
  std::string provider_message{};                     // its own words, capped; clients repair themselves by them
  std::string provider_code{};                        // its own code or type, if it gave one
  std::optional<std::chrono::seconds> retry_after{};  // whole seconds, rounded up
  bool retry_useless = false;                         // the same request would fail again
  std::vector<std::string> choices{};                 // model names: what to choose from, or near ones

  Error() = default;
  Error(ErrorKind kind, std::string message) : kind(kind), message(std::move(message)) {}
};

// True when the next target of the plan may be tried.
bool another_may_do_better(ErrorKind kind);

}  // namespace maestro
