#include "cli/exit_code.h"

namespace maestro::cli {

ExitCode exit_code_of(const Error& error) {
  switch (error.kind) {
    case ErrorKind::invalid_request:
    case ErrorKind::ambiguous:
      return ExitCode::usage;
    case ErrorKind::unauthenticated:
    case ErrorKind::forbidden:
      return ExitCode::unauthenticated;
    case ErrorKind::unavailable:
      return ExitCode::unreachable;
    case ErrorKind::client_left:
      return ExitCode::interrupted;
    case ErrorKind::not_found:
    case ErrorKind::method_not_allowed:
    case ErrorKind::conflict:
    case ErrorKind::too_large:
    case ErrorKind::limited:
    case ErrorKind::client_too_slow:
    case ErrorKind::provider_refused:
    case ErrorKind::provider_limited:
    case ErrorKind::provider_failed:
    case ErrorKind::attempt_timed_out:
    case ErrorKind::deadline_passed:
    case ErrorKind::internal:
      return ExitCode::failed;
  }
  return ExitCode::failed;
}

}  // namespace maestro::cli
