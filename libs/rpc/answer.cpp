#include "rpc/answer.h"

#include <exception>
#include <string>
#include <utility>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/system/system_error.hpp>

#include "log/log.h"

namespace maestro::rpc {
namespace {

grpc::Status escaped(std::exception_ptr exception, Package package) {
  try {
    std::rethrow_exception(std::move(exception));
  } catch (const boost::system::system_error& error) {
    if (error.code() == asio::error::operation_aborted)
      return to_status(Error(ErrorKind::client_left, "The caller left."), package);
    log::error("method_threw", {{"what", error.what()}});
  } catch (const std::exception& error) {
    log::error("method_threw", {{"what", error.what()}});
  } catch (...) {
    log::error("method_threw", {{"what", "no std::exception"}});
  }
  return to_status(Error(ErrorKind::internal, "The server made a mistake. Its log has the cause."), package);
}

grpc::Status translated(const Result<void>& result, Package package) {
  return result ? grpc::Status::OK : to_status(result.error(), package);
}

// The reactor of one call. It lives until gRPC says OnDone; `finish` is called on the loop, once.
class Call final : public grpc::ServerUnaryReactor {
 public:
  struct Progress {
    asio::cancellation_signal cancel;
    bool finished = false;
  };

  explicit Call(const Executor& executor) : executor_(executor), progress_(std::make_shared<Progress>()) {}

  void OnCancel() override {
    from_grpc(this);
    auto cancel = [progress = progress_] {
      if (!progress->finished) progress->cancel.emit(asio::cancellation_type::all);
    };
    asio::post(executor_, std::move(cancel));
  }
  void OnDone() override {
    // The signal may still be looked at by the loop, so it dies there.
    const Executor executor = executor_;
    asio::post(executor, [progress = std::move(progress_)] {});
    delete this;
  }

  Progress& progress() { return *progress_; }
  void finish(const grpc::Status& status) {
    progress_->finished = true;
    to_grpc(this);
    Finish(status);
  }

 private:
  const Executor executor_;
  std::shared_ptr<Progress> progress_;
};

// The closure of a coroutine lambda must live as long as the coroutine: this frame holds it.
Awaitable<grpc::Status> run(StatusCoroutineWork work) { co_return co_await work(); }
Awaitable<grpc::Status> run_result(CoroutineWork work, Package package) {
  co_return translated(co_await work(), package);
}

void begin(Call* call, const Executor& executor, Package package, Awaitable<grpc::Status> work) {
  auto ended = [call, package](std::exception_ptr exception, grpc::Status status) {
    call->finish(exception ? escaped(std::move(exception), package) : status);
  };
  asio::co_spawn(executor, std::move(work),
                 asio::bind_cancellation_slot(call->progress().cancel.slot(), std::move(ended)));
}

}  // namespace

grpc::ServerUnaryReactor* answer(grpc::CallbackServerContext*, const Executor& executor, Package package,
                                 StatusWork work) {
  auto* call = new Call(executor);
  auto on_loop = [call, package, work = std::move(work)] {
    grpc::Status status;
    try {
      status = work();
    } catch (...) {
      status = escaped(std::current_exception(), package);
    }
    call->finish(status);
  };
  asio::post(executor, std::move(on_loop));
  return call;
}

grpc::ServerUnaryReactor* answer(grpc::CallbackServerContext* context, const Executor& executor, Package package,
                                 Work work) {
  auto translate = [package, work = std::move(work)]() -> grpc::Status { return translated(work(), package); };
  return answer(context, executor, package, StatusWork(std::move(translate)));
}

grpc::ServerUnaryReactor* answer(grpc::CallbackServerContext*, const Executor& executor, Package package,
                                 StatusCoroutineWork work) {
  auto* call = new Call(executor);
  auto on_loop = [call, executor, package, work = std::move(work)]() mutable {
    begin(call, executor, package, run(std::move(work)));
  };
  asio::post(executor, std::move(on_loop));
  return call;
}

grpc::ServerUnaryReactor* answer(grpc::CallbackServerContext*, const Executor& executor, Package package,
                                 CoroutineWork work) {
  auto* call = new Call(executor);
  auto on_loop = [call, executor, package, work = std::move(work)]() mutable {
    begin(call, executor, package, run_result(std::move(work), package));
  };
  asio::post(executor, std::move(on_loop));
  return call;
}

grpc::ServerUnaryReactor* refuse(grpc::CallbackServerContext* context, Package package, const Error& error) {
  auto* reactor = context->DefaultReactor();
  reactor->Finish(to_status(error, package));
  return reactor;
}

}  // namespace maestro::rpc
