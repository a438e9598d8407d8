// Numbers catalogs and pushes them. What is published whole is never changed; what says the same as the present one
// gets no new number. The number lies in a file before anybody sees the catalog, so it goes on after a restart; when it
// cannot be kept, a new epoch begins, for no number may ever mean two catalogs.
#pragma once

#include <chrono>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "maestro/registry/v1/catalog.pb.h"
#include "route/catalog.h"
#include "rpc/broadcast.h"
#include "rpc/loop.h"

namespace maestro::registry {

class Publisher final {
 public:
  using Broadcast = rpc::Broadcast<v1::WatchCatalogResponse>;

  Publisher(const rpc::Executor& executor, std::filesystem::path file);

  // True: it was pushed; false: it says what the present one says. invalid_request or too_large: it does not hold
  // together, and the present one stays.
  Result<bool> publish(v1::Catalog catalog);

  // nullptr before the first.
  const v1::Catalog* present() const { return present_ ? &present_->catalog() : nullptr; }
  const std::shared_ptr<const route::Catalog>& routed() const { return routed_; }
  // Of the last one that was numbered, also by an earlier run of the program.
  const v1::Revision& revision() const { return revision_; }
  // When a revision was pushed, for as long as that is remembered.
  std::optional<std::chrono::steady_clock::time_point> push_time(const v1::Revision& revision) const;
  Broadcast& broadcast() { return broadcast_; }

 private:
  struct Pushed {
    v1::Revision revision;
    std::chrono::steady_clock::time_point time;
  };

  void load();
  void number_next(const std::string& content);
  Result<void> save(const std::string& content);

  std::filesystem::path file_;
  v1::Revision revision_;
  std::string content_;  // hash of the present one's content, without revision and times
  std::shared_ptr<const v1::WatchCatalogResponse> present_;
  std::shared_ptr<const route::Catalog> routed_;
  std::deque<Pushed> pushed_;
  Broadcast broadcast_;
};

// Of one epoch, the larger number; of another, any.
bool is_newer(const v1::Revision& a, const v1::Revision& b);
bool same_revision(const v1::Revision& a, const v1::Revision& b);
std::string revision_text(const v1::Revision& revision);  // "epoch/number"

}  // namespace maestro::registry
