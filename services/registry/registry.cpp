#include "registry/registry.h"

#include <utility>

#include "base/limits.h"
#include "log/log.h"
#include "registry/priorities_file.h"
#include "store/file.h"

namespace maestro::registry {
namespace {

constexpr const char* providers_document = "providers.json";
constexpr const char* config_document = "priorities.json";

struct Loaded {
  std::string bytes;
  std::string problem;  // why there are no bytes
};

// A file that is not there says nothing; one that is there and blank was cut by whoever wrote it.
Loaded load(store::Store& store, const char* name, const std::string& path) {
  auto document = store.get(name);
  if (!document) return Loaded{{}, document.error().message};
  if (!*document) return {};
  if ((*document)->bytes.find_first_not_of(" \t\r\n") == std::string::npos)
    return Loaded{{},
                  path +
                      ":1:1: the file is empty; write {} or remove it if nothing is meant to be in it; the last "
                      "good file stays in use until this is mended"};
  return Loaded{(*document)->bytes, {}};
}

}  // namespace

Registry::Registry(const rpc::Executor& executor, store::Store& store, AuthLink& auth, Fetcher fetcher,
                   Settings settings)
    : executor_(executor),
      store_(store),
      auth_(auth),
      fetcher_(std::move(fetcher)),
      settings_(std::move(settings)),
      publisher_(executor, settings_.state_dir / "catalog-revision.json"),
      lists_(executor, fetcher_, settings_.state_dir / "models.json"),
      instances_(executor),
      credentials_arrived_(executor) {}

rpc::Awaitable<void> Registry::start() {
  if (auto defaults = complete_config({})) config_ = std::move(*defaults);
  load_providers();
  load_config();
  // A bad file at the start: what was last good before the restart is still what people meant.
  if (!providers_problem_.empty()) {
    if (auto file = read_providers(read_last_good(providers_document), providers_path())) providers_ = std::move(*file);
  }
  if (!config_problem_.empty()) {
    if (auto config = read_config(read_last_good(config_document), config_path())) config_ = std::move(*config);
  }
  store_.watch(providers_document, [this] { reload_providers(); });
  store_.watch(config_document, [this] { reload_config(); });
  lists_.set_sources(list_sources(providers_, settings_.openai_base_url));
  lists_.start([this] { rebuild(); });
  AuthLink::Listener listener;
  listener.credentials = [this](const auth::v1::CredentialSet& set) { return take_credentials(set); };
  listener.keys = [this](const auth::v1::KeySet& keys) { return keys_.replace(keys); };
  auth_.start(std::move(listener), declaration());
  const auto end = std::chrono::steady_clock::now() + limits::first_credentials_time_max;
  while (!stopped_ && !credentials_.known && std::chrono::steady_clock::now() < end) {
    co_await credentials_arrived_.wait_until(end);
  }
  started_ = true;
  rebuild();
}

void Registry::stop() {
  if (std::exchange(stopped_, true)) return;
  publisher_.broadcast().drain();
  lists_.stop();
  auth_.stop();
  credentials_arrived_.notify();
  instances_.changed().notify_all();
}

void Registry::reload_providers() {
  load_providers();
  lists_.set_sources(list_sources(providers_, settings_.openai_base_url));
  rebuild();
}

void Registry::reload_config() {
  load_config();
  rebuild();
}

void Registry::load_providers() {
  Loaded loaded = load(store_, providers_document, providers_path());
  auto file = loaded.problem.empty() ? read_providers(loaded.bytes, providers_path())
                                     : Result<ProvidersFile>(Error(ErrorKind::unavailable, loaded.problem));
  if (!file) {
    if (providers_problem_ != file.error().message) log::error("providers_refused", {{"why", file.error().message}});
    providers_problem_ = file.error().message;
    return;
  }
  if (!std::exchange(providers_problem_, {}).empty()) log::info("providers_mended", {{"file", providers_path()}});
  log_entries(*file);
  providers_ = std::move(*file);
  keep_last_good(providers_document, loaded.bytes);
}

void Registry::load_config() {
  Loaded loaded = load(store_, config_document, config_path());
  auto config = loaded.problem.empty() ? read_config(loaded.bytes, config_path())
                                       : Result<v1::Config>(Error(ErrorKind::unavailable, loaded.problem));
  if (!config) {
    if (config_problem_ != config.error().message) log::error("config_refused", {{"why", config.error().message}});
    config_problem_ = config.error().message;
    return;
  }
  if (!std::exchange(config_problem_, {}).empty()) log::info("config_mended", {{"file", config_path()}});
  config_ = std::move(*config);
  keep_last_good(config_document, loaded.bytes);
}

void Registry::log_entries(const ProvidersFile& file) const {
  for (const ProvidersFile::Entry& entry : file.entries) {
    if (!entry.problem.empty()) log::warning("provider_refused", {{"why", entry.problem}});
    for (const std::string& name : entry.unknown_options) {
      log::info("option_unknown",
                {{"provider", entry.entry.id()}, {"option", name}, {"effect", "it is kept and ignored"}});
    }
  }
}

std::string Registry::read_last_good(const char* name) const {
  auto bytes = store::read_file(settings_.state_dir / (std::string("last-good-") + name), limits::document_bytes_max);
  return bytes && *bytes ? **bytes : std::string{};
}

void Registry::keep_last_good(const char* name, const std::string& bytes) const {
  if (read_last_good(name) == bytes) return;
  const auto written = store::replace_file(settings_.state_dir / (std::string("last-good-") + name), bytes);
  if (!written) log::warning("last_good_not_kept", {{"why", written.error().message}});
}

Result<void> Registry::take_credentials(const auth::v1::CredentialSet& credentials) {
  CredentialView view;
  view.known = true;
  ModelLists::Leases leases;
  for (const auth::v1::Lease& lease : credentials.leases()) {
    view.leased.insert(lease.provider_id());
    if (lease.headers().empty()) view.anonymous.insert(lease.provider_id());
    // The first of several is as good as any to read a list with.
    leases.emplace(lease.provider_id(), lease);
  }
  for (const auth::v1::CredentialStatus& status : credentials.statuses()) {
    std::string& problem = view.problems[status.provider_id()];
    if (problem.empty()) problem = status.problem();
  }
  credentials_ = std::move(view);
  lists_.set_leases(leases);
  credentials_arrived_.notify();
  rebuild();
  return success();
}

Declaration Registry::declaration() const {
  Declaration declaration;
  declaration.epoch = publisher_.revision().epoch();
  declaration.number = publisher_.revision().number();
  declaration.providers = provider_auths(providers_, settings_.openai_base_url);
  return declaration;
}

void Registry::rebuild() {
  if (!started_ || stopped_) return;
  const CatalogSources sources{providers_,    config_, lists_.lists(), credentials_, settings_.openai_base_url,
                               settings_.demo};
  BuiltCatalog built = build_catalog(sources);
  const int provider_count = built.catalog.providers_size();
  const int model_count = built.catalog.models_size();
  built.catalog.set_config_revision(config_revision(config_));
  auto published = publisher_.publish(std::move(built.catalog));
  if (!published) {
    log::error("catalog_refused", {{"why", published.error().message}, {"effect", "the last one stays in use"}});
    return;
  }
  views_ = std::move(built.views);
  if (!*published) return;
  log::info(
      "catalog_published",
      {{"revision", revision_text(publisher_.revision())}, {"providers", provider_count}, {"models", model_count}});
  auth_.declare(declaration());
}

}  // namespace maestro::registry
