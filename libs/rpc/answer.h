// A unary method of a callback service, answered by a function or a coroutine on the loop. Request and response stay
// valid until it has returned, also when the caller has left. Nothing it throws reaches gRPC: an escaped exception is
// logged and answered with INTERNAL.
//
//   grpc::ServerUnaryReactor* GetStatus(Context* context, const Request* request, Response* response) override {
//     return rpc::answer(context, executor_, rpc::Package::auth, [=, this] { return status_into(*request, response);
//     });
//   }
//
// A function that returns Result<void> has its error translated with an empty mark; one that returns grpc::Status
// chooses itself. A coroutine is cancelled when its caller leaves or its deadline passes.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "base/result.h"
#include "rpc/loop.h"
#include "rpc/status.h"

namespace maestro::rpc {

using Work = std::function<Result<void>()>;
using StatusWork = std::function<grpc::Status()>;
using CoroutineWork = std::function<Awaitable<Result<void>>()>;
using StatusCoroutineWork = std::function<Awaitable<grpc::Status>()>;

grpc::ServerUnaryReactor* answer(grpc::CallbackServerContext* context, const Executor& executor, Package package,
                                 Work work);
grpc::ServerUnaryReactor* answer(grpc::CallbackServerContext* context, const Executor& executor, Package package,
                                 StatusWork work);
grpc::ServerUnaryReactor* answer(grpc::CallbackServerContext* context, const Executor& executor, Package package,
                                 CoroutineWork work);
grpc::ServerUnaryReactor* answer(grpc::CallbackServerContext* context, const Executor& executor, Package package,
                                 StatusCoroutineWork work);

// Answers at once, on gRPC's thread: for what needs no state.
grpc::ServerUnaryReactor* refuse(grpc::CallbackServerContext* context, Package package, const Error& error);

}  // namespace maestro::rpc
