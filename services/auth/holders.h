// Which services hold which snapshot, by what they acknowledged, and those who wait for it. One Holders for a kind of
// snapshot; on the loop.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "auth/ledger.h"
#include "base/deadline.h"
#include "rpc/loop.h"

namespace maestro::auth {

class Holders final {
 public:
  // A snapshot is on its way: the time runs from here.
  void pushed(const Revision& revision);
  // An instance has applied or refused it. Wakes who waits.
  void acknowledged(const std::string& instance_id, const Revision& revision);
  // Forgets all that do not watch now.
  void keep_only(const std::vector<std::string>& watching);

  // Those of `watching` that have not acknowledged `wanted` or a newer one.
  std::vector<std::string> behind(const std::vector<std::string>& watching, const Revision& wanted) const;
  // From the push of the newest to the last acknowledgement of it; nothing while there is none.
  std::optional<std::chrono::nanoseconds> acknowledged_after() const;

 private:
  struct Acknowledged {
    Revision revision;
    Deadline::Clock::time_point at;
  };

  Revision newest_;
  Deadline::Clock::time_point pushed_at_;
  std::map<std::string, Acknowledged> by_instance_;
};

// Coroutines that wait for any news, each with a Signal of its own.
class Waiters final {
 public:
  void wake() {
    for (auto* signal : waiting_) signal->notify();
  }
  // Until woken or until then.
  rpc::Awaitable<void> wait_until(Deadline::Clock::time_point at);

 private:
  std::set<rpc::Signal*> waiting_;
};

}  // namespace maestro::auth
