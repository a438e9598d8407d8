// Keeps the model lists of all providers fresh: fetched with the provider's lease when there is one, again after
// limits::model_list_ttl, after a failure with growing pauses. One provider's trouble touches no other; a failed fetch
// keeps the last list. At most one fetch of a provider is under way, and all who ask share it. Lists lie in a file too,
// so that a program that starts has them before anybody answers.
//
// Runs on the loop's thread. stop() before the loop ends.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "http/headers.h"
#include "maestro/auth/v1/secret.pb.h"
#include "registry/catalog.h"
#include "registry/model_list.h"
#include "rpc/loop.h"

namespace maestro::registry {

// One whole exchange with a provider: net::fetch, or what a test puts in its place.
using Fetcher = std::function<rpc::Awaitable<Result<http::Reply>>(std::string base_url, http::Request request,
                                                                  std::size_t body_bytes_max, Deadline deadline)>;

// Asks one provider. The error's message is a sentence that may be shown.
rpc::Awaitable<Result<ModelList>> fetch_model_list(Fetcher fetcher, ListSource source, auth::v1::Lease lease,
                                                   Deadline deadline);

class ModelLists final {
 public:
  using Lists = std::map<std::string, ModelList, std::less<>>;
  using Leases = std::map<std::string, auth::v1::Lease, std::less<>>;

  ModelLists(const rpc::Executor& executor, Fetcher fetcher, std::filesystem::path file);
  ModelLists(const ModelLists&) = delete;
  ModelLists& operator=(const ModelLists&) = delete;
  ~ModelLists();

  // `changed` is called when a list or its problem is another.
  void start(std::function<void()> changed);
  // Those that are to be fetched from now on; the lists of all others are forgotten.
  void set_sources(const std::vector<ListSource>& sources);
  void set_leases(const Leases& leases);
  const Lists& lists() const;

  // Fetches anew and waits: one provider, or all for an empty id. Provider id to what went wrong.
  rpc::Awaitable<std::map<std::string, std::string>> refresh(std::string provider_id, Deadline deadline);
  void stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace maestro::registry
