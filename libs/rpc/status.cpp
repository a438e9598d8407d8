#include "rpc/status.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <optional>

#include "base/limits.h"
#include "maestro/auth/v1/auth_service.pb.h"
#include "maestro/inference/v1/inference_service.pb.h"
#include "maestro/registry/v1/registry_service.pb.h"
#include "maestro/rpc/v1/status.pb.h"

namespace maestro::rpc {
namespace {

using grpc::StatusCode;
using InferenceKind = inference::v1::ErrorKind;

constexpr std::size_t choices_max = 20;  // so that the trailers stay within gRPC's 8 KiB

std::string upper(std::string_view word) {
  std::string result(word);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::toupper(letter)); });
  return result;
}

std::optional<ErrorKind> kind_from_word(std::string_view reason) {
  for (int number = 0; number <= static_cast<int>(ErrorKind::client_left); ++number) {
    const auto kind = static_cast<ErrorKind>(number);
    if (upper(to_string(kind)) == reason) return kind;
  }
  return std::nullopt;
}

InferenceKind to_inference(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid_request:
      return InferenceKind::ERROR_KIND_INVALID_REQUEST;
    case ErrorKind::ambiguous:
      return InferenceKind::ERROR_KIND_AMBIGUOUS;
    case ErrorKind::unauthenticated:
      return InferenceKind::ERROR_KIND_UNAUTHENTICATED;
    case ErrorKind::forbidden:
      return InferenceKind::ERROR_KIND_FORBIDDEN;
    case ErrorKind::not_found:
      return InferenceKind::ERROR_KIND_NOT_FOUND;
    case ErrorKind::too_large:
      return InferenceKind::ERROR_KIND_TOO_LARGE;
    case ErrorKind::limited:
      return InferenceKind::ERROR_KIND_LIMITED;
    case ErrorKind::provider_refused:
      return InferenceKind::ERROR_KIND_PROVIDER_REFUSED;
    case ErrorKind::provider_limited:
      return InferenceKind::ERROR_KIND_PROVIDER_LIMITED;
    case ErrorKind::provider_failed:
      return InferenceKind::ERROR_KIND_PROVIDER_FAILED;
    case ErrorKind::attempt_timed_out:
      return InferenceKind::ERROR_KIND_ATTEMPT_TIMED_OUT;
    case ErrorKind::deadline_passed:
      return InferenceKind::ERROR_KIND_DEADLINE_PASSED;
    case ErrorKind::unavailable:
      return InferenceKind::ERROR_KIND_UNAVAILABLE;
    case ErrorKind::internal:
      return InferenceKind::ERROR_KIND_INTERNAL;
    case ErrorKind::method_not_allowed:
    case ErrorKind::conflict:
    case ErrorKind::client_too_slow:
    case ErrorKind::client_left:
      return InferenceKind::ERROR_KIND_UNSPECIFIED;
  }
  return InferenceKind::ERROR_KIND_UNSPECIFIED;
}

std::optional<ErrorKind> from_inference(InferenceKind kind) {
  for (int number = 0; number <= static_cast<int>(ErrorKind::client_left); ++number) {
    const auto ours = static_cast<ErrorKind>(number);
    if (kind != InferenceKind::ERROR_KIND_UNSPECIFIED && to_inference(ours) == kind) return ours;
  }
  return std::nullopt;
}

template <class Detail>
void set_retry_after(const Error& error, Detail& detail) {
  if (error.retry_after) detail.mutable_retry_after()->set_seconds(error.retry_after->count());
}

template <class Detail>
void get_retry_after(const Detail& detail, Error& error) {
  if (!detail.has_retry_after()) return;
  const std::int64_t up = detail.retry_after().nanos() > 0 ? 1 : 0;
  error.retry_after = std::chrono::seconds(detail.retry_after().seconds() + up);
}

void pack(const Error& error, Package package, const Mark& mark, google::protobuf::Any& any) {
  const std::string reason = mark.reason.empty() ? upper(to_string(error.kind)) : mark.reason;
  if (package == Package::auth) {
    auth::v1::ErrorDetail detail;
    detail.set_reason(reason);
    detail.set_field_path(error.field_path);
    detail.set_current_generation(mark.current_generation);
    set_retry_after(error, detail);
    any.PackFrom(detail);
  } else if (package == Package::registry) {
    registry::v1::ErrorDetail detail;
    detail.set_reason(reason);
    detail.set_field_path(error.field_path);
    detail.set_current_revision(mark.current_revision);
    set_retry_after(error, detail);
    any.PackFrom(detail);
  } else {
    inference::v1::ErrorDetail detail;
    detail.set_kind(to_inference(error.kind));
    detail.set_field_path(error.field_path);
    detail.set_provider_id(error.provider);
    detail.set_provider_status(error.provider_status);
    detail.set_provider_message(error.provider_message.substr(0, limits::provider_message_bytes_max));
    set_retry_after(error, detail);
    detail.set_retry_useless(error.retry_useless);
    detail.set_events_sent(mark.events_sent);
    detail.set_attempts(mark.attempts);
    const auto shown = std::min(error.choices.size(), choices_max);
    for (std::size_t i = 0; i < shown; ++i) detail.add_choices(error.choices[i]);
    any.PackFrom(detail);
  }
}

// What the details say. `kind` is empty when they leave it to the code.
struct Told {
  Error error;
  Mark mark;
  std::optional<ErrorKind> kind;
};

std::optional<ErrorKind> kind_from_reason(const std::string& reason) {
  static constexpr std::array<std::string_view, 3> credential_words{"LOGIN_REQUIRED", "KEY_REFUSED", "NO_CREDENTIAL"};
  if (std::find(credential_words.begin(), credential_words.end(), reason) != credential_words.end())
    return ErrorKind::provider_refused;
  return kind_from_word(reason);
}

std::optional<Told> unpack(const grpc::Status& status) {
  v1::Status wire;
  if (status.error_details().empty() || !wire.ParseFromString(status.error_details())) return std::nullopt;
  for (const auto& any : wire.details()) {
    Told told;
    if (auth::v1::ErrorDetail detail; any.UnpackTo(&detail)) {
      told.mark.reason = detail.reason();
      told.mark.current_generation = detail.current_generation();
      told.error.field_path = detail.field_path();
      get_retry_after(detail, told.error);
      told.kind = kind_from_reason(detail.reason());
      return told;
    }
    if (registry::v1::ErrorDetail detail; any.UnpackTo(&detail)) {
      told.mark.reason = detail.reason();
      told.mark.current_revision = detail.current_revision();
      told.error.field_path = detail.field_path();
      get_retry_after(detail, told.error);
      told.kind = kind_from_reason(detail.reason());
      return told;
    }
    if (inference::v1::ErrorDetail detail; any.UnpackTo(&detail)) {
      told.mark.events_sent = detail.events_sent();
      told.mark.attempts = detail.attempts();
      told.error.field_path = detail.field_path();
      told.error.provider = detail.provider_id();
      told.error.provider_status = detail.provider_status();
      told.error.provider_message = detail.provider_message();
      told.error.retry_useless = detail.retry_useless();
      told.error.choices.assign(detail.choices().begin(), detail.choices().end());
      get_retry_after(detail, told.error);
      told.kind = from_inference(detail.kind());
      return told;
    }
  }
  return std::nullopt;
}

// A sentence for a status that gRPC made by itself; empty when the server's own text may be shown.
std::string own_sentence(StatusCode code, std::string_view service) {
  const std::string name(service);
  switch (code) {
    case StatusCode::UNAVAILABLE:
      return "The " + name + " service is not reachable. Check that it runs, and try again.";
    case StatusCode::DEADLINE_EXCEEDED:
      return "The " + name + " service did not answer in time. Try again.";
    case StatusCode::CANCELLED:
      return "The call to the " + name + " service was cancelled.";
    case StatusCode::UNIMPLEMENTED:
      return "The " + name + " service does not offer this here. Check its version and the address.";
    case StatusCode::OK:
    case StatusCode::UNKNOWN:
    case StatusCode::INTERNAL:
    case StatusCode::DATA_LOSS:
    case StatusCode::OUT_OF_RANGE:
      return "The " + name + " service answered with an error that it does not explain.";
    case StatusCode::RESOURCE_EXHAUSTED:
      return "A message to or from the " + name + " service is too large, or it is overloaded.";
    case StatusCode::INVALID_ARGUMENT:
    case StatusCode::NOT_FOUND:
    case StatusCode::ALREADY_EXISTS:
    case StatusCode::PERMISSION_DENIED:
    case StatusCode::UNAUTHENTICATED:
    case StatusCode::FAILED_PRECONDITION:
    case StatusCode::ABORTED:
    case StatusCode::DO_NOT_USE:
      return {};
  }
  return {};
}

}  // namespace

StatusCode code_for(const Error& error) {
  switch (error.kind) {
    case ErrorKind::invalid_request:
    case ErrorKind::ambiguous:
      return StatusCode::INVALID_ARGUMENT;
    case ErrorKind::unauthenticated:
      return StatusCode::UNAUTHENTICATED;
    case ErrorKind::forbidden:
      return StatusCode::PERMISSION_DENIED;
    case ErrorKind::not_found:
      return StatusCode::NOT_FOUND;
    case ErrorKind::method_not_allowed:
      return StatusCode::UNIMPLEMENTED;
    case ErrorKind::conflict:
      return StatusCode::ABORTED;
    case ErrorKind::too_large:
    case ErrorKind::limited:
    case ErrorKind::provider_limited:
      return StatusCode::RESOURCE_EXHAUSTED;
    case ErrorKind::provider_refused:
      return error.provider_status == 401 || error.provider_status == 403 ? StatusCode::FAILED_PRECONDITION
                                                                          : StatusCode::INVALID_ARGUMENT;
    case ErrorKind::provider_failed:
    case ErrorKind::attempt_timed_out:
    case ErrorKind::unavailable:
      return StatusCode::UNAVAILABLE;
    case ErrorKind::client_too_slow:
    case ErrorKind::deadline_passed:
      return StatusCode::DEADLINE_EXCEEDED;
    case ErrorKind::internal:
      return StatusCode::INTERNAL;
    case ErrorKind::client_left:
      return StatusCode::CANCELLED;
  }
  return StatusCode::INTERNAL;
}

ErrorKind kind_for(StatusCode code) {
  switch (code) {
    case StatusCode::INVALID_ARGUMENT:
      return ErrorKind::invalid_request;
    case StatusCode::UNAUTHENTICATED:
      return ErrorKind::unauthenticated;
    case StatusCode::PERMISSION_DENIED:
      return ErrorKind::forbidden;
    case StatusCode::NOT_FOUND:
      return ErrorKind::not_found;
    case StatusCode::UNIMPLEMENTED:
      return ErrorKind::method_not_allowed;
    case StatusCode::ABORTED:
    case StatusCode::ALREADY_EXISTS:
    case StatusCode::FAILED_PRECONDITION:
      return ErrorKind::conflict;
    case StatusCode::RESOURCE_EXHAUSTED:
      return ErrorKind::limited;
    case StatusCode::UNAVAILABLE:
      return ErrorKind::unavailable;
    case StatusCode::DEADLINE_EXCEEDED:
      return ErrorKind::deadline_passed;
    case StatusCode::CANCELLED:
      return ErrorKind::client_left;
    case StatusCode::OK:
    case StatusCode::UNKNOWN:
    case StatusCode::INTERNAL:
    case StatusCode::DATA_LOSS:
    case StatusCode::OUT_OF_RANGE:
    case StatusCode::DO_NOT_USE:
      return ErrorKind::internal;
  }
  return ErrorKind::internal;
}

grpc::Status to_status(const Error& error, Package package, const Mark& mark) {
  const auto code = mark.precondition ? StatusCode::FAILED_PRECONDITION : code_for(error);
  v1::Status wire;
  wire.set_code(code);
  wire.set_message(error.message);
  pack(error, package, mark, *wire.add_details());
  return {code, error.message, wire.SerializeAsString()};
}

Error from_status(const grpc::Status& status, std::string_view service) {
  if (auto told = unpack(status)) {
    Error error = std::move(told->error);
    error.kind = told->kind.value_or(kind_for(status.error_code()));
    error.message = status.error_message();
    error.detail = std::string(service) + ": " + told->mark.reason;
    return error;
  }
  Error error(kind_for(status.error_code()), own_sentence(status.error_code(), service));
  if (error.message.empty()) error.message = status.error_message();
  error.detail = std::string(service) + ": code " + std::to_string(status.error_code()) + ": " + status.error_message();
  return error;
}

Mark mark_of(const grpc::Status& status) {
  auto told = unpack(status);
  if (!told) return {};
  told->mark.precondition = status.error_code() == StatusCode::FAILED_PRECONDITION;
  return std::move(told->mark);
}

}  // namespace maestro::rpc
