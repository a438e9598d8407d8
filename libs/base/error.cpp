#include "base/error.h"

namespace maestro {

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid_request:
      return "invalid_request";
    case ErrorKind::ambiguous:
      return "ambiguous";
    case ErrorKind::unauthenticated:
      return "unauthenticated";
    case ErrorKind::forbidden:
      return "forbidden";
    case ErrorKind::not_found:
      return "not_found";
    case ErrorKind::method_not_allowed:
      return "method_not_allowed";
    case ErrorKind::conflict:
      return "conflict";
    case ErrorKind::too_large:
      return "too_large";
    case ErrorKind::limited:
      return "limited";
    case ErrorKind::client_too_slow:
      return "client_too_slow";
    case ErrorKind::provider_refused:
      return "provider_refused";
    case ErrorKind::provider_limited:
      return "provider_limited";
    case ErrorKind::provider_failed:
      return "provider_failed";
    case ErrorKind::attempt_timed_out:
      return "attempt_timed_out";
    case ErrorKind::deadline_passed:
      return "deadline_passed";
    case ErrorKind::unavailable:
      return "unavailable";
    case ErrorKind::internal:
      return "internal";
    case ErrorKind::client_left:
      return "client_left";
  }
  return "internal";
}

bool another_may_do_better(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::provider_limited:
    case ErrorKind::provider_failed:
    case ErrorKind::attempt_timed_out:
      return true;
    case ErrorKind::invalid_request:
    case ErrorKind::ambiguous:
    case ErrorKind::unauthenticated:
    case ErrorKind::forbidden:
    case ErrorKind::not_found:
    case ErrorKind::method_not_allowed:
    case ErrorKind::conflict:
    case ErrorKind::too_large:
    case ErrorKind::limited:
    case ErrorKind::client_too_slow:
    case ErrorKind::provider_refused:
    case ErrorKind::deadline_passed:
    case ErrorKind::unavailable:
    case ErrorKind::internal:
    case ErrorKind::client_left:
      return false;
  }
  return false;
}

}  // namespace maestro
