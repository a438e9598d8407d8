// The gateway's side of the control plane: ordinary threads that block on the watches of auth and registry, turn what
// comes into snapshots and post them to the workers. Serving never waits for any of this. When a watch breaks the
// gateway goes on with what it has and watches again, after 0.1 s doubling to 5 s.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "gateway/control/snapshot_file.h"
#include "gateway/fleet.h"
#include "gateway/settings.h"

namespace maestro::gateway {

// Writes the newest of each kind at most once a second, on a thread of its own.
class SnapshotWriter final {
 public:
  explicit SnapshotWriter(std::string directory);
  ~SnapshotWriter();
  void write_soon(SnapshotKind kind, std::string payload);

 private:
  void run(const std::stop_token& stop);
  const std::string directory_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<std::pair<SnapshotKind, std::string>> waiting_;
  std::jthread thread_;
};

class Control final {
 public:
  // `ready` is called once, on a thread of the control plane, when the workers have a catalog and keys.
  Control(const Settings& settings, Fleet& fleet, std::function<void()> ready);
  ~Control();

  // Reads the last snapshots from disk, then begins to watch. unavailable: an address makes no sense.
  Result<void> start();
  void stop();

 private:
  struct Channels;
  void read_snapshots();
  void watch_catalog(const std::stop_token& stop);
  void watch_keys(const std::stop_token& stop);
  void watch_credentials(const std::stop_token& stop);
  void note_applied(SnapshotKind kind);
  void wait_for_credentials(const std::stop_token& stop, const std::shared_ptr<const Routes>& routes);

  const Settings& settings_;
  Fleet& fleet_;
  std::function<void()> ready_;
  const std::string instance_id_;
  std::unique_ptr<Channels> channels_;
  std::unique_ptr<SnapshotWriter> writer_;
  std::mutex mutex_;
  std::condition_variable_any credentials_came_;
  std::shared_ptr<const Leases> leases_;  // the last that came
  bool has_catalog_ = false;
  bool has_keys_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace maestro::gateway
