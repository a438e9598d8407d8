// The registry itself: reads the files, keeps the model lists, hears auth, and publishes a new catalog whenever one of
// them says something else. Everything runs on the loop's thread.
//
// Law: a catalog is built from whole sources only. A file that is wrong keeps the last good one in use, also over a
// restart (a copy lies in the state directory), and the reason is kept for whoever asks.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "maestro/registry/v1/registry_service.pb.h"
#include "registry/admin_keys.h"
#include "registry/auth_link.h"
#include "registry/catalog.h"
#include "registry/instances.h"
#include "registry/model_lists.h"
#include "registry/publisher.h"
#include "store/store.h"

namespace maestro::registry {

struct Settings {
  std::filesystem::path config_dir;
  std::filesystem::path state_dir;
  std::string openai_base_url = "https://api.openai.com/v1";
  Demo demo = Demo::off;
};

class Registry final {
 public:
  // `store` and `auth` outlive it.
  Registry(const rpc::Executor& executor, store::Store& store, AuthLink& auth, Fetcher fetcher, Settings settings);
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // Returns when the first catalog is published: at once when auth has spoken, else after first_credentials_time_max.
  rpc::Awaitable<void> start();
  // Ends the watches of gateways and every coroutine of its own.
  void stop();

  // Read the file anew and publish what follows from it.
  void reload_providers();
  void reload_config();

  store::Store& store() { return store_; }
  AuthLink& auth() { return auth_; }
  ModelLists& lists() { return lists_; }
  Publisher& publisher() { return publisher_; }
  Instances& instances() { return instances_; }
  const AdminKeys& keys() const { return keys_; }
  const Fetcher& fetcher() const { return fetcher_; }

  std::string providers_path() const { return (settings_.config_dir / "providers.json").string(); }
  std::string config_path() const { return (settings_.config_dir / "priorities.json").string(); }

  // What is in use.
  const ProvidersFile& providers() const { return providers_; }
  const v1::Config& config() const { return config_; }
  const std::vector<v1::ProviderView>& views() const { return views_; }
  // Why the file as it stands is refused; empty: it is in use.
  const std::string& providers_problem() const { return providers_problem_; }
  const std::string& config_problem() const { return config_problem_; }

 private:
  void load_providers();
  void load_config();
  Result<void> take_credentials(const auth::v1::CredentialSet& credentials);
  void rebuild();
  Declaration declaration() const;
  void log_entries(const ProvidersFile& file) const;
  std::string read_last_good(const char* name) const;
  void keep_last_good(const char* name, const std::string& bytes) const;

  rpc::Executor executor_;
  store::Store& store_;
  AuthLink& auth_;
  Fetcher fetcher_;
  Settings settings_;
  ProvidersFile providers_;
  std::string providers_problem_;
  v1::Config config_;
  std::string config_problem_;
  CredentialView credentials_;
  AdminKeys keys_;
  std::vector<v1::ProviderView> views_;
  Publisher publisher_;
  ModelLists lists_;
  Instances instances_;
  rpc::Signal credentials_arrived_;
  bool started_ = false;
  bool stopped_ = false;
};

}  // namespace maestro::registry
