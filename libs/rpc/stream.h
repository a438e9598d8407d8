// A server-streaming call, read one message at a time by a coroutine of the loop: what is not asked for is not read.
//
//   auto start = [&](auto* context, auto* reactor) { stub.async()->WatchKeys(context, &request, reactor); };
//   rpc::Stream<WatchKeysResponse> watch(executor, "auth", start);
//   while (auto response = co_await watch.next()) ...
//   log(watch.outcome());
//
// The request must stay until the constructor returns. Dropping the Stream, or cancelling a coroutine that waits in
// next(), ends the RPC. One coroutine reads at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include "base/result.h"
#include "rpc/loop.h"
#include "rpc/status.h"

namespace maestro::rpc {

template <class Message>
class Stream final {
 public:
  template <class Start>
  Stream(const Executor& executor, std::string_view service, Start&& start)
      : call_(std::make_shared<Call>(executor)), service_(service) {
    call_->self = call_;
    to_grpc(call_.get());
    start(&call_->context, static_cast<grpc::ClientReadReactor<Message>*>(call_.get()));
    // Reads start from the loop, outside of any reaction: the hold keeps the call from being done meanwhile.
    call_->AddHold();
    call_->StartCall();
  }
  Stream(Stream&&) noexcept = default;
  Stream& operator=(Stream&&) = delete;
  ~Stream() {
    if (call_) close();
  }

  // The next message, or none when the stream has ended: see outcome().
  Awaitable<std::optional<Message>> next() {
    auto call = call_;
    if (call->done || call->closed) co_return std::nullopt;
    call->arrived = false;
    to_grpc(call.get());
    call->StartRead(&call->message);
    co_await call->signal.wait();
    if (call->arrived) co_return std::move(call->message);
    // Neither a message nor the end: this coroutine was cancelled.
    if (!call->done) call->close();
    co_return std::nullopt;
  }

  // Ends the RPC. A next() that waits gets none.
  void close() { call_->close(); }

  // How it ended. Before the end, and after close(): client_left.
  Result<void> outcome() const {
    if (!call_->done) return Error{ErrorKind::client_left, "The stream was closed by its reader."};
    if (call_->status.ok()) return {};
    return from_status(call_->status, service_);
  }

 private:
  struct Call final : grpc::ClientReadReactor<Message> {
    explicit Call(const Executor& executor) : work(executor), signal(executor) {}

    void OnReadDone(bool ok) override {
      from_grpc(this);
      auto resume = [call = self, ok] {
        if (!ok) return call->release();  // OnDone follows, with the status
        call->arrived = true;
        call->signal.notify();
      };
      asio::post(work.get_executor(), std::move(resume));
    }
    void OnDone(const grpc::Status& ended) override {
      from_grpc(this);
      const Executor loop = work.get_executor();
      auto resume = [call = std::move(self), ended] {
        call->status = ended;
        call->done = true;
        call->signal.notify();
        call->work.reset();
      };
      asio::post(loop, std::move(resume));
    }
    void close() {
      if (closed) return;
      closed = true;
      context.TryCancel();
      release();
    }
    void release() {
      if (!std::exchange(held, false)) return;
      to_grpc(this);
      this->RemoveHold();
    }

    std::shared_ptr<Call> self;  // until OnDone
    WorkGuard work;
    Signal signal;
    grpc::ClientContext context;
    Message message;
    grpc::Status status;
    bool arrived = false;
    bool done = false;
    bool closed = false;
    bool held = true;
  };

  std::shared_ptr<Call> call_;
  std::string service_;
};

}  // namespace maestro::rpc
