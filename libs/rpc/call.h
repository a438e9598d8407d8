// One unary call as a coroutine of the loop.
//
//   auto start = [&](auto* context, auto* response, auto done) {
//     stub.async()->GetCredential(context, &request, response, std::move(done));
//   };
//   auto reply = co_await rpc::call<GetCredentialResponse>("auth", Deadline::in(30s), start);
//
// `start` and the request it points to live in the caller's frame and are used before the first suspension only. When
// the coroutine is cancelled the RPC is cancelled too and the result is client_left; nobody need wait for its end.
#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include <boost/asio/this_coro.hpp>
#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include "base/deadline.h"
#include "base/result.h"
#include "rpc/loop.h"
#include "rpc/status.h"

namespace maestro::rpc {

// The status as it came and, when it is OK, the response: for those who pass both on.
template <class Response>
struct Answer {
  grpc::Status status{};
  Response response{};
};

// `prepare(grpc::ClientContext&)` adds metadata.
template <class Response, class Start, class Prepare>
Awaitable<Answer<Response>> ask(Deadline deadline, Start& start, Prepare& prepare) {
  struct State {
    explicit State(const Executor& executor) : work(executor), signal(executor) {}
    WorkGuard work;
    Signal signal;
    grpc::ClientContext context;
    Answer<Response> answer;
    bool done = false;
  };
  const Executor executor = co_await asio::this_coro::executor;
  auto state = std::make_shared<State>(executor);
  if (deadline.at != Deadline::Clock::time_point::max()) state->context.set_deadline(deadline.wall());
  prepare(state->context);
  // gRPC's thread gives its reference away before it posts: the state must die on the loop.
  auto finished = [state](grpc::Status status) mutable {
    from_grpc(state.get());
    state->answer.status = std::move(status);
    const Executor loop = state->work.get_executor();
    auto resume = [state = std::move(state)] {
      state->done = true;
      state->signal.notify();
      state->work.reset();
    };
    asio::post(loop, std::move(resume));
  };
  to_grpc(state.get());
  start(&state->context, &state->answer.response, std::move(finished));
  if (!state->done) co_await state->signal.wait();
  if (!state->done) {
    state->context.TryCancel();
    Answer<Response> cancelled;
    cancelled.status = grpc::Status(grpc::StatusCode::CANCELLED, "The caller left.");
    co_return cancelled;
  }
  co_return std::move(state->answer);
}

template <class Response, class Start>
Awaitable<Result<Response>> call(std::string_view service, Deadline deadline, Start& start) {
  auto nothing = [](grpc::ClientContext&) {};
  auto answer = co_await ask<Response>(deadline, start, nothing);
  if (!answer.status.ok()) co_return from_status(answer.status, service);
  co_return std::move(answer.response);
}

// The same with metadata: see ask().
template <class Response, class Start, class Prepare>
Awaitable<Result<Response>> call(std::string_view service, Deadline deadline, Start& start, Prepare& prepare) {
  auto answer = co_await ask<Response>(deadline, start, prepare);
  if (!answer.status.ok()) co_return from_status(answer.status, service);
  co_return std::move(answer.response);
}

}  // namespace maestro::rpc
