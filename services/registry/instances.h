// What gateways say of themselves: which catalog they serve from, and the state of their breakers.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "maestro/registry/v1/registry_service.pb.h"
#include "registry/publisher.h"
#include "registry/waiters.h"

namespace maestro::registry {

class Instances final {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit Instances(const rpc::Executor& executor) : changed_(executor) {}

  void begin_watch(const std::string& id, const std::string& version);
  void acknowledge(const v1::AcknowledgeCatalogRequest& request, const Publisher& publisher, Time now);
  Result<void> report(const v1::ReportHealthRequest& request, Time now);

  // Of those in `watching`, in that order.
  std::vector<v1::InstanceState> states(const std::vector<std::string>& watching) const;
  // Told at each acknowledgement.
  Waiters& changed() { return changed_; }

 private:
  struct Health {
    v1::ReportHealthRequest report;
    Time time;
  };
  std::map<std::string, v1::InstanceState> states_;
  std::map<std::string, Health> health_;
  Waiters changed_;
};

// True when a gateway that applied `applied` serves from `asked` or a newer one.
bool serves(const v1::Revision& applied, const v1::Revision& asked, const v1::Revision& present);

}  // namespace maestro::registry
