#include "registry/instances.h"

#include "base/limits.h"

namespace maestro::registry {
namespace {

constexpr int targets_max = 10'000;
constexpr std::size_t problem_bytes_max = 1024;

}  // namespace

void Instances::begin_watch(const std::string& id, const std::string& version) {
  // Instances have a fresh id at each start; those of long ago make room.
  if (states_.size() >= 2 * limits::watchers_max && !states_.contains(id)) states_.erase(states_.begin());
  v1::InstanceState& state = states_[id];
  state.set_instance_id(id);
  state.set_version(version);
}

void Instances::acknowledge(const v1::AcknowledgeCatalogRequest& request, const Publisher& publisher, Time now) {
  const auto found = states_.find(request.instance_id());
  if (found == states_.end()) return;
  v1::InstanceState& state = found->second;
  if (!request.problem().empty()) {
    *state.mutable_refused_revision() = request.revision();
    state.set_problem(request.problem().substr(0, problem_bytes_max));
  } else {
    *state.mutable_applied_revision() = request.revision();
    state.clear_refused_revision();
    state.clear_problem();
    if (const auto pushed = publisher.push_time(request.revision())) {
      const auto after = std::chrono::duration_cast<std::chrono::nanoseconds>(now - *pushed).count();
      state.mutable_acknowledged_after()->set_seconds(after / 1'000'000'000);
      state.mutable_acknowledged_after()->set_nanos(static_cast<std::int32_t>(after % 1'000'000'000));
    }
  }
  changed_.notify_all();
}

Result<void> Instances::report(const v1::ReportHealthRequest& request, Time now) {
  if (request.targets_size() > targets_max) {
    Error error(ErrorKind::invalid_request, "A report may name at most 10,000 targets.");
    error.field_path = "targets";
    return error;
  }
  std::erase_if(health_, [&](const auto& item) { return now - item.second.time > 3 * limits::health_report_interval; });
  if (health_.size() >= limits::watchers_max && !health_.contains(request.instance_id())) return success();
  health_[request.instance_id()] = Health{request, now};
  return success();
}

std::vector<v1::InstanceState> Instances::states(const std::vector<std::string>& watching) const {
  std::vector<v1::InstanceState> result;
  for (const std::string& id : watching) {
    if (const auto found = states_.find(id); found != states_.end()) result.push_back(found->second);
  }
  return result;
}

bool serves(const v1::Revision& applied, const v1::Revision& asked, const v1::Revision& present) {
  if (applied.epoch() == asked.epoch()) return applied.number() >= asked.number();
  return !applied.epoch().empty() && applied.epoch() == present.epoch();
}

}  // namespace maestro::registry
