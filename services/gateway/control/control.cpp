#include "gateway/control/control.h"

#include <random>

#include <grpcpp/client_context.h>

#include "base/version.h"
#include "gateway/control/from_proto.h"
#include "log/log.h"
#include "maestro/auth/v1/lease_service.grpc.pb.h"
#include "maestro/registry/v1/catalog.grpc.pb.h"
#include "rpc/channel.h"

namespace maestro::gateway {
namespace {

std::string new_instance_id(const Settings& settings, std::uint16_t port) {
  std::random_device random;
  return settings.host + ":" + std::to_string(port) + "-" + std::to_string(random());
}

// Waits between two tries of a watch, longer each time; over at once when asked to stop.
class Backoff {
 public:
  void reset() { time_ = limits::watch_retry_time_min; }
  void wait(const std::stop_token& stop) {
    std::mutex mutex;
    std::unique_lock lock{mutex};
    const auto jitter = std::uniform_real_distribution{0.8, 1.2}(random_);
    const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(time_ * jitter);
    changed_.wait_for(lock, stop, time, [] { return false; });
    time_ = std::min<std::chrono::milliseconds>(time_ * 2, limits::watch_retry_time_max);
  }

 private:
  std::chrono::milliseconds time_ = limits::watch_retry_time_min;
  std::condition_variable_any changed_;
  std::minstd_rand random_{std::random_device{}()};
};

// Runs `watch_once(context)` until stopped; it returns when its stream has ended, and whether it had received anything.
template <class WatchOnce>
void keep_watching(const std::stop_token& stop, std::string_view what, grpc::Channel& channel, WatchOnce watch_once) {
  Backoff backoff;
  bool said = false;
  while (!stop.stop_requested()) {
    grpc::ClientContext context;
    // A blocking call is also what drives the connection: without it nobody would, while we pause between two tries.
    context.set_wait_for_ready(true);
    const std::stop_callback cancel{stop, [&context] { context.TryCancel(); }};
    bool received = false;
    const grpc::Status status = watch_once(context, received);
    if (stop.stop_requested()) return;
    if (received) {
      backoff.reset();
      said = false;
    }
    if (!said) log::warning("watch_broken", {{"what", what}, {"why", status.error_message()}});
    said = true;
    backoff.wait(stop);
    rpc::connect_now(channel);
  }
}

void set_deadline(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() + limits::acknowledge_time_max);
}

}  // namespace

SnapshotWriter::SnapshotWriter(std::string directory)
    : directory_(std::move(directory)), thread_([this](const std::stop_token& stop) { run(stop); }) {}

SnapshotWriter::~SnapshotWriter() = default;

void SnapshotWriter::write_soon(SnapshotKind kind, std::string payload) {
  const std::lock_guard lock{mutex_};
  std::erase_if(waiting_, [kind](const auto& entry) { return entry.first == kind; });
  waiting_.emplace_back(kind, std::move(payload));
  changed_.notify_one();
}

void SnapshotWriter::run(const std::stop_token& stop) {
  std::unique_lock lock{mutex_};
  for (;;) {
    changed_.wait(lock, stop, [this] { return !waiting_.empty(); });
    auto taken = std::exchange(waiting_, {});
    if (taken.empty()) return;  // stopped, and nothing is left to write
    lock.unlock();
    for (const auto& [kind, payload] : taken)
      if (auto written = write_snapshot(directory_, kind, payload); !written)
        log::warning("snapshot_not_written", {{"why", written.error().message}});
    lock.lock();
    if (!stop.stop_requested())
      changed_.wait_for(lock, stop, limits::snapshot_write_interval_min, [] { return false; });
  }
}

struct Control::Channels {
  std::shared_ptr<grpc::Channel> to_auth;
  std::shared_ptr<grpc::Channel> to_registry;
  std::unique_ptr<auth::v1::LeaseService::Stub> auth;
  std::unique_ptr<registry::v1::CatalogService::Stub> registry;
};

Control::Control(const Settings& settings, Fleet& fleet, std::function<void()> ready)
    : settings_(settings),
      fleet_(fleet),
      ready_(std::move(ready)),
      instance_id_(new_instance_id(settings, fleet.port())) {}

Control::~Control() { stop(); }

Result<void> Control::start() {
  channels_ = std::make_unique<Channels>();
  if (!settings_.auth_address.empty()) {
    auto channel = rpc::make_channel(settings_.auth_address);
    if (!channel) return channel.error();
    channels_->to_auth = *channel;
    channels_->auth = auth::v1::LeaseService::NewStub(*channel);
  }
  if (!settings_.registry_address.empty()) {
    auto channel = rpc::make_channel(settings_.registry_address);
    if (!channel) return channel.error();
    channels_->to_registry = *channel;
    channels_->registry = registry::v1::CatalogService::NewStub(*channel);
  }
  writer_ = std::make_unique<SnapshotWriter>(settings_.state_dir);
  read_snapshots();
  if (channels_->registry) threads_.emplace_back([this](const std::stop_token& stop) { watch_catalog(stop); });
  if (channels_->auth) {
    threads_.emplace_back([this](const std::stop_token& stop) { watch_keys(stop); });
    threads_.emplace_back([this](const std::stop_token& stop) { watch_credentials(stop); });
  }
  return {};
}

void Control::stop() {
  for (auto& thread : threads_) thread.request_stop();
  threads_.clear();
  writer_.reset();
}

void Control::note_applied(SnapshotKind kind) {
  std::function<void()> ready;
  {
    const std::lock_guard lock{mutex_};
    (kind == SnapshotKind::catalog ? has_catalog_ : has_keys_) = true;
    if (has_catalog_ && has_keys_) ready = std::exchange(ready_, {});
  }
  if (ready) ready();
}

// A provider and its credential come by two watches. A catalog that names a provider of which auth has said nothing yet
// waits for a moment, so that nobody is told to wait for a credential that is on its way.
void Control::wait_for_credentials(const std::stop_token& stop, const std::shared_ptr<const Routes>& routes) {
  if (!channels_->auth) return;
  const auto all_known = [&] {
    if (!leases_) return false;
    for (const auto& provider : routes->catalog->providers()) {
      if (!provider.keyless && !leases_->by_provider.contains(provider.id) && !leases_->problems.contains(provider.id))
        return false;
    }
    return true;
  };
  std::unique_lock lock{mutex_};
  const auto time = leases_ ? limits::credentials_settle_time_max : limits::first_credentials_settle_time_max;
  credentials_came_.wait_for(lock, stop, time, all_known);
}

void Control::read_snapshots() {
  const auto read = [this](SnapshotKind kind, auto apply) {
    auto payload = read_snapshot(settings_.state_dir, kind);
    if (payload) {
      apply(*payload);
    } else if (payload.error().kind != ErrorKind::not_found) {
      log::warning("snapshot_ignored", {{"why", payload.error().message}});
    }
  };
  read(SnapshotKind::catalog, [this](const std::string& payload) {
    registry::v1::Catalog catalog;
    if (!catalog.ParseFromString(payload)) return;
    auto routes = routes_from(catalog);
    if (!routes) return log::warning("snapshot_ignored", {{"why", routes.error().message}});
    log::info("catalog_from_disk", {{"revision", catalog.revision().number()}, {"models", catalog.models_size()}});
    fleet_.post_routes(*routes);
    note_applied(SnapshotKind::catalog);
  });
  read(SnapshotKind::keys, [this](const std::string& payload) {
    auth::v1::KeySet set;
    if (!set.ParseFromString(payload)) return;
    auto keys = keys_from(set);
    if (!keys) return log::warning("snapshot_ignored", {{"why", keys.error().message}});
    log::info("keys_from_disk", {{"revision", set.revision().number()}});
    fleet_.post_keys(*keys);
    note_applied(SnapshotKind::keys);
  });
}

void Control::watch_catalog(const std::stop_token& stop) {
  registry::v1::WatchCatalogRequest request;
  request.set_instance_id(instance_id_);
  request.set_instance_version(std::string(version));
  request.set_reader_format(reader_format);
  keep_watching(stop, "catalog", *channels_->to_registry, [&](grpc::ClientContext& context, bool& received) {
    const auto reader = channels_->registry->WatchCatalog(&context, request);
    registry::v1::WatchCatalogResponse response;
    while (reader->Read(&response)) {
      received = true;
      if (!response.has_catalog()) continue;
      const auto started = std::chrono::steady_clock::now();
      registry::v1::AcknowledgeCatalogRequest acknowledged;
      acknowledged.set_instance_id(instance_id_);
      *acknowledged.mutable_revision() = response.revision();
      const auto routes = routes_from(response.catalog());
      if (routes) {
        wait_for_credentials(stop, *routes);
        fleet_.post_routes(*routes);
        *request.mutable_known_revision() = response.revision();
        writer_->write_soon(SnapshotKind::catalog, response.catalog().SerializeAsString());
        log::info("catalog_applied", {{"revision", response.revision().number()},
                                      {"providers", response.catalog().providers_size()},
                                      {"models", response.catalog().models_size()}});
        note_applied(SnapshotKind::catalog);
      } else {
        acknowledged.set_problem(routes.error().message);
        log::warning("catalog_refused", {{"revision", response.revision().number()}, {"why", routes.error().message}});
      }
      const auto micros =
          std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - started);
      acknowledged.mutable_apply_time()->set_nanos(static_cast<std::int32_t>(micros.count() * 1000));
      grpc::ClientContext acknowledge;
      set_deadline(acknowledge);
      registry::v1::AcknowledgeCatalogResponse nothing;
      channels_->registry->AcknowledgeCatalog(&acknowledge, acknowledged, &nothing);  // a lost one is harmless
    }
    return reader->Finish();
  });
}

void Control::watch_keys(const std::stop_token& stop) {
  auth::v1::WatchKeysRequest request;
  request.set_instance_id(instance_id_);
  request.set_reader_format(reader_format);
  keep_watching(stop, "keys", *channels_->to_auth, [&](grpc::ClientContext& context, bool& received) {
    const auto reader = channels_->auth->WatchKeys(&context, request);
    auth::v1::WatchKeysResponse response;
    while (reader->Read(&response)) {
      received = true;
      if (!response.has_keys()) continue;
      auth::v1::AcknowledgeSnapshotRequest acknowledged;
      acknowledged.set_instance_id(instance_id_);
      *acknowledged.mutable_keys() = response.revision();
      const auto keys = keys_from(response.keys());
      if (keys) {
        fleet_.post_keys(*keys);
        *request.mutable_known_revision() = response.revision();
        writer_->write_soon(SnapshotKind::keys, response.keys().SerializeAsString());
        log::info("keys_applied", {{"revision", response.revision().number()}, {"keys", (*keys)->size()}});
        note_applied(SnapshotKind::keys);
      } else {
        acknowledged.set_problem(keys.error().message);
        log::warning("keys_refused", {{"why", keys.error().message}});
      }
      grpc::ClientContext acknowledge;
      set_deadline(acknowledge);
      auth::v1::AcknowledgeSnapshotResponse nothing;
      channels_->auth->AcknowledgeSnapshot(&acknowledge, acknowledged, &nothing);
    }
    return reader->Finish();
  });
}

void Control::watch_credentials(const std::stop_token& stop) {
  auth::v1::WatchCredentialsRequest request;
  request.set_instance_id(instance_id_);
  keep_watching(stop, "credentials", *channels_->to_auth, [&](grpc::ClientContext& context, bool& received) {
    const auto reader = channels_->auth->WatchCredentials(&context, request);
    auth::v1::WatchCredentialsResponse response;
    while (reader->Read(&response)) {
      received = true;
      const auto leases = leases_from(response.credentials());
      fleet_.post_leases(leases);
      {
        const std::lock_guard lock{mutex_};
        leases_ = leases;
      }
      credentials_came_.notify_all();
      log::info("credentials_applied", {{"revision", response.credentials().revision().number()},
                                        {"leases", response.credentials().leases_size()}});
      auth::v1::AcknowledgeSnapshotRequest acknowledged;
      acknowledged.set_instance_id(instance_id_);
      *acknowledged.mutable_credentials() = response.credentials().revision();
      grpc::ClientContext acknowledge;
      set_deadline(acknowledge);
      auth::v1::AcknowledgeSnapshotResponse nothing;
      channels_->auth->AcknowledgeSnapshot(&acknowledge, acknowledged, &nothing);
    }
    return reader->Finish();
  });
}

}  // namespace maestro::gateway
