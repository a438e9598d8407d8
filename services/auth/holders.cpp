#include "auth/holders.h"

#include <algorithm>

#include <boost/asio/this_coro.hpp>

namespace maestro::auth {
namespace {

bool covers(const Revision& held, const Revision& wanted) {
  return held.epoch == wanted.epoch && held.number >= wanted.number;
}

}  // namespace

void Holders::pushed(const Revision& revision) {
  newest_ = revision;
  pushed_at_ = Deadline::Clock::now();
}

void Holders::acknowledged(const std::string& instance_id, const Revision& revision) {
  by_instance_[instance_id] = Acknowledged{revision, Deadline::Clock::now()};
}

void Holders::keep_only(const std::vector<std::string>& watching) {
  std::erase_if(by_instance_,
                [&](const auto& entry) { return !std::binary_search(watching.begin(), watching.end(), entry.first); });
}

std::vector<std::string> Holders::behind(const std::vector<std::string>& watching, const Revision& wanted) const {
  std::vector<std::string> late;
  for (const auto& instance_id : watching) {
    const auto found = by_instance_.find(instance_id);
    if (found == by_instance_.end() || !covers(found->second.revision, wanted)) late.push_back(instance_id);
  }
  return late;
}

std::optional<std::chrono::nanoseconds> Holders::acknowledged_after() const {
  std::optional<std::chrono::nanoseconds> longest;
  for (const auto& [instance_id, acknowledged] : by_instance_) {
    if (!covers(acknowledged.revision, newest_)) continue;
    const auto time = std::max(acknowledged.at - pushed_at_, Deadline::Clock::duration::zero());
    longest = std::max(longest.value_or(std::chrono::nanoseconds(0)), std::chrono::nanoseconds(time));
  }
  return longest;
}

rpc::Awaitable<void> Waiters::wait_until(Deadline::Clock::time_point at) {
  rpc::Signal signal(co_await rpc::asio::this_coro::executor);
  struct Registered {
    std::set<rpc::Signal*>& among;
    rpc::Signal* signal;
    ~Registered() { among.erase(signal); }
  } registered{waiting_, &signal};
  waiting_.insert(&signal);
  co_await signal.wait_until(at);
}

}  // namespace maestro::auth
