#include "registry/model_lists.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>

#include "base/limits.h"
#include "log/log.h"
#include "net/origin.h"
#include "registry/json_text.h"
#include "registry/waiters.h"
#include "store/file.h"

namespace maestro::registry {
namespace {

using Clock = std::chrono::steady_clock;

std::int64_t unix_seconds_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string trouble_of(const Error& error) {
  std::string text = "its model list could not be fetched: " + error.message;
  while (text.ends_with('.')) text.pop_back();
  return text;
}

Json json_from(const ModelList& list, const std::string& base_url) {
  Json json;
  json["base_url"] = base_url;
  json["fetch_unix_seconds"] = list.fetch_unix_seconds ? Json(*list.fetch_unix_seconds) : Json();
  json["skipped_count"] = list.skipped_count;
  json["models"] = Json::array();
  for (const ListedModel& model : list.models) {
    Json entry;
    entry["id"] = model.id;
    entry["name"] = model.display_name;
    json["models"].push_back(std::move(entry));
  }
  return json;
}

struct StoredList {
  std::string base_url;
  ModelList list;
};

std::optional<StoredList> stored_list_from(const Json& json) {
  if (!json.is_object() || !json.contains("base_url") || !json["base_url"].is_string()) return std::nullopt;
  if (!json.contains("models") || !json["models"].is_array()) return std::nullopt;
  StoredList stored;
  stored.base_url = json["base_url"].get<std::string>();
  for (const Json& entry : json["models"]) {
    if (!entry.is_object() || !entry.contains("id") || !entry["id"].is_string()) return std::nullopt;
    if (!entry.contains("name") || !entry["name"].is_string()) return std::nullopt;
    stored.list.models.push_back(ListedModel{entry["id"].get<std::string>(), entry["name"].get<std::string>()});
  }
  const auto time = json.find("fetch_unix_seconds");
  if (time != json.end() && time->is_number_integer()) stored.list.fetch_unix_seconds = time->get<std::int64_t>();
  const auto skipped = json.find("skipped_count");
  if (skipped != json.end() && skipped->is_number_unsigned()) {
    stored.list.skipped_count = skipped->get<std::uint32_t>();
  }
  return stored;
}

}  // namespace

rpc::Awaitable<Result<ModelList>> fetch_model_list(Fetcher fetcher, ListSource source, auth::v1::Lease lease,
                                                   Deadline deadline) {
  const std::string base_url = lease.base_url().empty() ? source.base_url : lease.base_url();
  http::Request request;
  request.target = "/models";
  request.headers.set("accept", "application/json");
  if (!lease.headers().empty()) {
    auto base = net::parse_base_url(base_url);
    if (!base) co_return base.error();
    if (!lease.origin().empty() && lease.origin() != base->origin.text()) {
      co_return Error(ErrorKind::provider_refused,
                      "its key was saved for " + lease.origin() + "; save it again for " + base->origin.text());
    }
  }
  for (const auth::v1::SecretHeader& header : lease.headers()) request.headers.set(header.name(), header.value());
  auto reply = co_await fetcher(base_url, std::move(request), limits::model_list_bytes_max, deadline);
  if (!reply) co_return reply.error();
  if (reply->status == 401 || reply->status == 403) {
    Error refused(ErrorKind::provider_refused, base_url + "/models answered " + std::to_string(reply->status) +
                                                   " to the credential; store a valid key");
    refused.provider_status = reply->status;
    co_return refused;
  }
  if (reply->status != 200) {
    Error failed(ErrorKind::provider_failed, base_url + "/models answered " + std::to_string(reply->status) +
                                                 "; check the base URL, or name the models in \"models\"");
    failed.provider_status = reply->status;
    co_return failed;
  }
  co_return read_model_list(reply->body, source.filter);
}

struct ModelLists::State {
  // One provider's list and the coroutine that keeps it fresh.
  struct Keeper {
    explicit Keeper(const rpc::Executor& executor) : wake(executor) {}
    ListSource source;
    std::optional<auth::v1::Lease> lease;
    std::optional<Clock::time_point> lease_end;
    rpc::Signal wake;
    Clock::time_point due = Clock::time_point::min();
    Clock::duration pause = limits::model_list_retry_time_min;  // after the next failure
    std::uint64_t rounds_begun = 0;
    std::uint64_t rounds_ended = 0;
    bool failing = false;
    bool asking = false;
    bool retired = false;
    boost::asio::cancellation_signal cancel;
  };

  State(const rpc::Executor& executor, Fetcher fetcher, std::filesystem::path file)
      : executor(executor), fetcher(std::move(fetcher)), file(std::move(file)), waiters(executor) {}

  void load() {
    auto bytes = store::read_file(file, limits::snapshot_bytes_max);
    if (!bytes || !*bytes) return;
    auto json = parse_json(**bytes, Doubles::keep_last);
    if (!json || !json->is_object()) {
      log::warning("model_lists_ignored", {{"file", file.string()}, {"why", "it is damaged"}});
      return;
    }
    for (const auto& [id, entry] : json->items()) {
      if (auto list = stored_list_from(entry)) stored.emplace(id, std::move(*list));
    }
  }

  void save() {
    Json json = Json::object();
    for (const auto& [id, keeper] : keepers) {
      const auto list = lists.find(id);
      if (list != lists.end() && list->second.fetch_unix_seconds) {
        json[id] = json_from(list->second, keeper->source.base_url);
      }
    }
    const auto written = store::replace_file(file, json.dump(-1, ' ', false, Json::error_handler_t::replace));
    if (!written) log::warning("model_lists_not_saved", {{"why", written.error().message}});
  }

  static void add(const std::shared_ptr<State>& self, const ListSource& source) {
    auto keeper = std::make_shared<Keeper>(self->executor);
    keeper->source = source;
    if (const auto lease = self->leases.find(source.provider_id); lease != self->leases.end())
      set_lease(*keeper, lease->second);
    self->keepers[source.provider_id] = keeper;
    if (const auto found = self->stored.find(source.provider_id); found != self->stored.end()) {
      if (found->second.base_url == source.base_url) self->lists[source.provider_id] = found->second.list;
      self->stored.erase(found);
    }
    auto ended = [keeper](std::exception_ptr escaped) {
      keeper->asking = false;
      // One that was cancelled ends by an exception too.
      if (!escaped || keeper->retired) return;
      log::error("model_list_keeper_died", {{"why", "an exception escaped; its list stays as it is"}});
    };
    boost::asio::co_spawn(self->executor, keep(self, keeper),
                          boost::asio::bind_cancellation_slot(keeper->cancel.slot(), std::move(ended)));
  }

  static void set_lease(Keeper& keeper, const auth::v1::Lease& lease) {
    const bool other = !keeper.lease || keeper.lease->generation() != lease.generation() ||
                       keeper.lease->credential_id() != lease.credential_id() ||
                       keeper.lease->SerializeAsString() != lease.SerializeAsString();
    keeper.lease = lease;
    keeper.lease_end.reset();
    if (lease.has_valid_for()) keeper.lease_end = Clock::now() + std::chrono::seconds(lease.valid_for().seconds());
    // A good list need not be asked for again because a token was refreshed; a failure may have been the old one's.
    if (other && (keeper.failing || keeper.rounds_ended == 0)) keeper.due = Clock::time_point::min();
    keeper.wake.notify();
  }

  static bool can_ask(const Keeper& keeper) {
    return keeper.lease && (!keeper.lease_end || Clock::now() < *keeper.lease_end);
  }

  static rpc::Awaitable<void> keep(std::shared_ptr<State> self, std::shared_ptr<Keeper> keeper) {
    while (!keeper->retired) {
      if (!can_ask(*keeper) || Clock::now() < keeper->due) {
        co_await keeper->wake.wait_until(can_ask(*keeper) ? keeper->due : Clock::time_point::max());
        continue;
      }
      ++keeper->rounds_begun;
      Fetcher fetcher = self->fetcher;
      ListSource source = keeper->source;
      auth::v1::Lease lease = *keeper->lease;
      keeper->asking = true;
      auto list = co_await fetch_model_list(std::move(fetcher), std::move(source), std::move(lease),
                                            Deadline::in(limits::model_list_time_max));
      keeper->asking = false;
      if (keeper->retired) co_return;
      self->apply(*keeper, std::move(list));
      ++keeper->rounds_ended;
      self->waiters.notify_all();
    }
  }

  void apply(Keeper& keeper, Result<ModelList> fetched) {
    const std::string& id = keeper.source.provider_id;
    const ModelList before = lists[id];
    ModelList& list = lists[id];
    keeper.failing = !fetched;
    if (fetched) {
      list = std::move(*fetched);
      list.fetch_unix_seconds = unix_seconds_now();
      keeper.pause = limits::model_list_retry_time_min;
      keeper.due = Clock::now() + limits::model_list_ttl;
      if (!before.problem.empty()) log::info("model_list_recovered", {{"provider", id}});
    } else {
      if (list.models.empty() && keeper.source.filter == ListFilter::openai) list = openai_static_list();
      list.problem = trouble_of(fetched.error());
      keeper.due = Clock::now() + keeper.pause;
      keeper.pause = std::min<Clock::duration>(keeper.pause * 2, limits::model_list_ttl);
      if (list.problem != before.problem) {
        log::warning("model_list_failed",
                     {{"provider", id}, {"why", list.problem}, {"detail", fetched.error().detail}});
      }
    }
    const bool other_models = list.models != before.models || list.skipped_count != before.skipped_count;
    if (fetched && (other_models || !before.fetch_unix_seconds)) save();
    if ((other_models || list.problem != before.problem) && changed) changed();
  }

  // Signals are emitted on the loop only: from elsewhere Asio would post a pointer to what may be gone by then.
  void retire(const std::shared_ptr<Keeper>& keeper) {
    keeper->retired = true;
    auto cancel = [keeper] {
      if (keeper->asking) keeper->cancel.emit(boost::asio::cancellation_type::terminal);
    };
    boost::asio::post(executor, std::move(cancel));
    keeper->wake.notify();
    waiters.notify_all();
  }

  rpc::Executor executor;
  Fetcher fetcher;
  std::filesystem::path file;
  std::function<void()> changed;
  std::map<std::string, std::shared_ptr<Keeper>, std::less<>> keepers;
  std::map<std::string, StoredList, std::less<>> stored;  // of the file, until its provider comes
  Leases leases;
  Lists lists;
  Waiters waiters;
};

ModelLists::ModelLists(const rpc::Executor& executor, Fetcher fetcher, std::filesystem::path file)
    : state_(std::make_shared<State>(executor, std::move(fetcher), std::move(file))) {
  state_->load();
}

ModelLists::~ModelLists() { stop(); }

void ModelLists::start(std::function<void()> changed) { state_->changed = std::move(changed); }

void ModelLists::set_sources(const std::vector<ListSource>& sources) {
  std::erase_if(state_->keepers, [&](const auto& item) {
    const auto& [id, keeper] = item;
    const bool stays = std::any_of(sources.begin(), sources.end(), [&](const ListSource& source) {
      return source.provider_id == keeper->source.provider_id && source.base_url == keeper->source.base_url &&
             source.filter == keeper->source.filter;
    });
    if (stays) return false;
    state_->retire(keeper);
    state_->lists.erase(id);
    return true;
  });
  for (const ListSource& source : sources) {
    if (!state_->keepers.contains(source.provider_id)) State::add(state_, source);
  }
}

void ModelLists::set_leases(const Leases& leases) {
  state_->leases = leases;
  for (const auto& [id, keeper] : state_->keepers) {
    if (const auto lease = leases.find(id); lease != leases.end()) {
      State::set_lease(*keeper, lease->second);
    } else {
      keeper->lease.reset();
    }
  }
}

const ModelLists::Lists& ModelLists::lists() const { return state_->lists; }

rpc::Awaitable<std::map<std::string, std::string>> ModelLists::refresh(std::string provider_id, Deadline deadline) {
  auto state = state_;
  struct Asked {
    std::shared_ptr<State::Keeper> keeper;
    std::uint64_t round;
  };
  std::map<std::string, std::string> problems;
  std::vector<Asked> asked;
  for (const auto& [id, keeper] : state->keepers) {
    if (!provider_id.empty() && provider_id != id) continue;
    if (!State::can_ask(*keeper)) {
      problems[id] = "there is no credential for it";
      continue;
    }
    // One that is under way serves all who ask meanwhile.
    asked.push_back(Asked{keeper, keeper->rounds_ended + 1});
    keeper->due = Clock::time_point::min();
    keeper->wake.notify();
  }
  const auto is_done = [](const Asked& entry) {
    return entry.keeper->rounds_ended >= entry.round || entry.keeper->retired;
  };
  while (!std::all_of(asked.begin(), asked.end(), is_done) && !deadline.passed())
    co_await state->waiters.wait_until(deadline.at);
  for (const Asked& entry : asked) {
    const std::string& id = entry.keeper->source.provider_id;
    if (!is_done(entry)) {
      problems[id] = "it has not answered in time";
    } else if (const auto list = state->lists.find(id); list != state->lists.end() && !list->second.problem.empty()) {
      problems[id] = list->second.problem;
    }
  }
  co_return problems;
}

void ModelLists::stop() {
  state_->changed = nullptr;
  for (const auto& [id, keeper] : state_->keepers) state_->retire(keeper);
  state_->keepers.clear();
}

}  // namespace maestro::registry
