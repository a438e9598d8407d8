// Error to grpc::Status and back, by the table of the contract. The details are one ErrorDetail of the package that
// answers, inside maestro.rpc.v1.Status (google.rpc.Status on the wire). Messages are safe to show; Error::detail
// never leaves the process.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <grpcpp/support/status.h>

#include "base/error.h"
#include "base/result.h"

namespace maestro::rpc {

// Whose ErrorDetail is sent.
enum class Package : std::uint8_t { auth, registry, inference };

// What an Error has no room for. An empty reason stands for the kind's own word, in capitals ("CONFLICT"). The reason
// decides nothing about the code, but `precondition` does: FAILED_PRECONDITION instead of the kind's code.
struct Mark {
  std::string reason{};                  // "GENERATION_CONFLICT"
  std::uint64_t current_generation = 0;  // auth only
  std::string current_revision{};        // registry only
  bool precondition = false;
  bool events_sent = false;    // inference only
  std::uint32_t attempts = 0;  // inference only
};

grpc::Status to_status(const Error& error, Package package, const Mark& mark = {});

// `service` is its name for people: "auth", "registry". Statuses that gRPC made by itself (no connection, time is up)
// get a sentence of ours; their text goes to Error::detail. OK is a bug here and becomes internal.
Error from_status(const grpc::Status& status, std::string_view service);

// What a status from `to_status` was marked with; empty for any other.
Mark mark_of(const grpc::Status& status);

grpc::StatusCode code_for(const Error& error);
ErrorKind kind_for(grpc::StatusCode code);

}  // namespace maestro::rpc
