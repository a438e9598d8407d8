// One value, pushed whole to all who watch it (a server-streaming method). A new watcher gets the present message at
// once; a slow one skips what it had no time for and gets the newest. State lives on the loop; gRPC's threads only
// post.
//
// watch() may be called on any thread, all else on the loop. The loop runs until the server has drained; the Broadcast
// itself may go before.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "base/limits.h"
#include "base/result.h"
#include "rpc/loop.h"
#include "rpc/status.h"

namespace maestro::rpc {

template <class Message>
class Broadcast final {
 public:
  // Makes a watcher's first message from the present one: for one that already has it. An error ends the watch.
  // Runs on the loop.
  using First = std::function<Result<Message>(const Message& present)>;

  Broadcast(const Executor& executor, Package package, std::size_t watchers_max = limits::watchers_max)
      : state_(std::make_shared<State>(executor, package, watchers_max)) {}

  grpc::ServerWriteReactor<Message>* watch(grpc::CallbackServerContext*, std::string instance_id, First first = {}) {
    auto watcher = std::make_shared<Watcher>(state_, std::move(instance_id), std::move(first));
    watcher->self = watcher;
    auto attach = [watcher] { watcher->state->attach(watcher); };
    asio::post(state_->executor, std::move(attach));
    return watcher.get();
  }

  void publish(Message message) {
    state_->present = std::make_shared<const Message>(std::move(message));
    const auto watchers = state_->watchers;
    for (const auto& watcher : watchers) state_->deliver(watcher);
  }

  // Ends every watch with UNAVAILABLE, and refuses new ones.
  void drain() {
    state_->draining = true;
    while (!state_->watchers.empty()) state_->end(state_->watchers.back(), state_->drained());
  }

  // What was published last.
  std::shared_ptr<const Message> present() const { return state_->present; }
  std::size_t watcher_count() const { return state_->watchers.size(); }
  // The ids of those that watch, once each and sorted; those without an id are not in it.
  std::vector<std::string> instances() const {
    std::vector<std::string> ids;
    for (const auto& watcher : state_->watchers)
      if (!watcher->instance_id.empty()) ids.push_back(watcher->instance_id);
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    return ids;
  }

 private:
  struct Watcher;
  struct State {
    State(const Executor& on, Package of, std::size_t at_most) : executor(on), package(of), watchers_max(at_most) {}

    grpc::Status drained() const {
      return to_status(Error(ErrorKind::unavailable, "This server is stopping. Watch again."), package);
    }
    void attach(const std::shared_ptr<Watcher>& watcher) {
      if (draining) return watcher->finish(drained());
      if (watchers.size() >= watchers_max) {
        Error full(ErrorKind::limited, "Too many watch already (" + std::to_string(watchers_max) +
                                           "). Stop some of them, or start another replica.");
        return watcher->finish(to_status(full, package));
      }
      watchers.push_back(watcher);
      if (present) deliver(watcher);
    }
    void deliver(const std::shared_ptr<Watcher>& watcher) {
      if (!watcher->first) return watcher->offer(present);
      auto message = std::exchange(watcher->first, {})(*present);
      if (!message) return end(watcher, to_status(message.error(), package));
      watcher->offer(std::make_shared<const Message>(std::move(*message)));
    }
    void end(std::shared_ptr<Watcher> watcher, grpc::Status status) {
      std::erase(watchers, watcher);
      watcher->finish(std::move(status));
    }

    Executor executor;
    Package package;
    std::size_t watchers_max;
    bool draining = false;
    std::shared_ptr<const Message> present;
    std::vector<std::shared_ptr<Watcher>> watchers;
  };

  struct Watcher final : grpc::ServerWriteReactor<Message> {
    Watcher(std::shared_ptr<State> of, std::string id, First make_first)
        : state(std::move(of)), instance_id(std::move(id)), first(std::move(make_first)) {}

    void OnWriteDone(bool ok) override {
      from_grpc(this);
      auto ended = [watcher = self, ok] { ok ? watcher->written() : watcher->lost(); };
      asio::post(state->executor, std::move(ended));
    }
    void OnCancel() override {
      from_grpc(this);
      auto left = [watcher = self] {
        watcher->state->end(watcher, grpc::Status(grpc::StatusCode::CANCELLED, "The watcher left."));
      };
      asio::post(state->executor, std::move(left));
    }
    // Given away to the loop, where the last message and the state may die.
    void OnDone() override {
      from_grpc(this);
      const Executor loop = state->executor;
      asio::post(loop, [watcher = std::move(self)] {});
    }

    void offer(std::shared_ptr<const Message> message) {
      next = std::move(message);
      first = {};
      if (!writing) write();
    }
    void write() {
      writing = std::exchange(next, nullptr);
      to_grpc(this);
      this->StartWrite(writing.get());
    }
    void written() {
      writing.reset();
      if (ending) return conclude();
      if (next) write();
    }
    void lost() {
      writing.reset();
      if (ending) return conclude();
      state->end(self_of(), grpc::Status(grpc::StatusCode::CANCELLED, "The watcher left."));
    }
    void finish(grpc::Status status) {
      if (ending) return;
      ending = std::move(status);
      next.reset();
      if (!writing) conclude();
    }
    void conclude() {
      if (std::exchange(concluded, true)) return;
      to_grpc(this);
      this->Finish(*ending);
    }
    // `self` is given away in OnDone, which comes only after conclude().
    std::shared_ptr<Watcher> self_of() const { return self; }

    std::shared_ptr<Watcher> self;
    std::shared_ptr<State> state;
    std::string instance_id;
    First first;
    std::shared_ptr<const Message> writing;  // gRPC reads it until OnWriteDone
    std::shared_ptr<const Message> next;
    std::optional<grpc::Status> ending;
    bool concluded = false;
  };

  std::shared_ptr<State> state_;
};

// Ends a watch before it begins: for a caller that may not watch.
template <class Message>
grpc::ServerWriteReactor<Message>* refuse_watch(Package package, const Error& error) {
  struct Refused final : grpc::ServerWriteReactor<Message> {
    explicit Refused(const grpc::Status& status) { this->Finish(status); }
    void OnDone() override { delete this; }
  };
  return new Refused(to_status(error, package));
}

}  // namespace maestro::rpc
