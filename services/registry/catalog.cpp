#include "registry/catalog.h"

#include <algorithm>
#include <utility>

namespace maestro::registry {
namespace {

constexpr std::string_view openai_id = "openai";
constexpr std::string_view demo_id = "demo";
constexpr std::uint32_t reader_format = 1;

// What this version of the gateway speaks to a provider.
bool is_spoken(pb::Dialect dialect) { return dialect == pb::DIALECT_OPENAI_CHAT; }

std::vector<pb::Dialect> dialects_of(const pb::ProviderEntry& entry) {
  std::vector<pb::Dialect> dialects{dialect_of_type(entry.type())};
  for (const int dialect : entry.dialects()) {
    if (std::find(dialects.begin(), dialects.end(), dialect) == dialects.end()) {
      dialects.push_back(static_cast<pb::Dialect>(dialect));
    }
  }
  return dialects;
}

bool is_usable(const ProvidersFile::Entry& entry) {
  const auto dialects = dialects_of(entry.entry);
  return entry.problem.empty() && std::any_of(dialects.begin(), dialects.end(), is_spoken);
}

void apply(const pb::Limits& override, pb::Limits& limits) { limits.MergeFrom(override); }

void apply_overrides(const pb::Config& config, pb::Model& model) {
  const auto& overrides = config.model_overrides();
  // "provider/model" is the more exact of the two and has the last word.
  for (const std::string& key : {model.id(), model.provider_id() + '/' + model.id()}) {
    if (const auto found = overrides.find(key); found != overrides.end()) apply(found->second, *model.mutable_limits());
  }
}

class Builder final {
 public:
  explicit Builder(const CatalogSources& sources) : sources_(sources) {}

  BuiltCatalog build() {
    pb::Catalog& catalog = built_.catalog;
    catalog.set_reader_format_min(reader_format);
    *catalog.mutable_config() = sources_.config;
    add_openai();
    for (const ProvidersFile::Entry& entry : sources_.providers.entries) add_entry(entry);
    if (demo_present()) add_demo();
    const auto& aliases = sources_.config.aliases();
    for (const auto& [name, target] : std::map(aliases.begin(), aliases.end())) {
      pb::Alias& alias = *catalog.add_aliases();
      alias.set_name(name);
      alias.set_target(target);
      alias.set_listed(true);
    }
    return std::move(built_);
  }

 private:
  void add_openai() {
    pb::Provider provider;
    provider.set_id(std::string(openai_id));
    provider.set_display_name("OpenAI");
    provider.set_builtin(true);
    provider.set_base_url(std::string(sources_.openai_base_url));
    const std::string waits =
        waits_for(openai_id, "no key: set ROUTER_MAESTRO_OPENAI_API_KEY, or run `router-maestro auth login openai`");
    add_listed_models(provider, {pb::DIALECT_OPENAI_CHAT});
    finish(std::move(provider), nullptr, waits);
  }

  void add_entry(const ProvidersFile::Entry& entry) {
    if (!entry.problem.empty()) {
      pb::ProviderView view;
      *view.mutable_entry() = entry.entry;
      view.set_problem(entry.problem);
      built_.views.push_back(std::move(view));
      return;
    }
    pb::Provider provider;
    provider.set_id(entry.entry.id());
    provider.set_display_name(entry.entry.id());
    provider.set_base_url(entry.entry.base_url());
    if (entry.entry.has_timeouts()) *provider.mutable_timeouts() = entry.entry.timeouts();
    // Auth has looked and found no key, and none is needed: a gateway need not wait for auth to use it.
    provider.set_keyless(entry.entry.allow_unauthenticated() &&
                         sources_.credentials.anonymous.contains(entry.entry.id()));
    const auto dialects = dialects_of(entry.entry);
    if (entry.models.empty()) {
      add_listed_models(provider, dialects);
    } else {
      for (const auto& [id, name] : entry.models) add_model(provider, id, name, dialects);
    }
    std::string problem;
    if (!is_usable(entry)) {
      problem =
          "this gateway does not speak the protocol of type \"" + entry.entry.type() +
          "\" to a provider yet; if this one also speaks OpenAI's, add \"dialects\": [\"openai_chat\"] to its options";
    } else {
      const std::string variable = key_variable(entry.entry);
      problem = waits_for(entry.entry.id(),
                          "no key: " + (variable.empty() ? std::string() : "set " + variable + ", ") +
                              "run `router-maestro auth login " + shown_id(entry.entry.id()) +
                              "`, or, if it needs none, set \"allow_unauthenticated\": true in its options");
    }
    finish(std::move(provider), &entry.entry, std::move(problem));
  }

  void add_demo() {
    pb::Provider provider;
    provider.set_id(std::string(demo_id));
    provider.set_display_name("Demo");
    provider.set_builtin(true);
    provider.set_adapter("demo");
    provider.set_keyless(true);
    add_model(provider, "echo", "Demo echo", {pb::DIALECT_OPENAI_CHAT});
    finish(std::move(provider), nullptr, {});
  }

  bool demo_present() const {
    for (const ProvidersFile::Entry& entry : sources_.providers.entries) {
      // A provider of people's own by this name replaces ours.
      if (entry.problem.empty() && equal_but_for_case(entry.entry.id(), demo_id)) return false;
    }
    if (sources_.demo != Demo::automatic) return sources_.demo == Demo::on;
    const auto& entries = sources_.providers.entries;
    return sources_.credentials.leased.empty() && std::none_of(entries.begin(), entries.end(), is_usable);
  }

  // What the provider waits for, as a sentence; empty: nothing.
  std::string waits_for(std::string_view id, std::string no_credential) const {
    const CredentialView& credentials = sources_.credentials;
    if (credentials.leased.contains(id)) return {};
    if (!credentials.known) return "waits for auth, which has not answered yet";
    if (const auto status = credentials.problems.find(id); status != credentials.problems.end()) {
      return status->second.empty() ? "its credential is not usable now; see `router-maestro auth list`"
                                    : status->second;
    }
    return no_credential;
  }

  void add_listed_models(pb::Provider& provider, const std::vector<pb::Dialect>& dialects) {
    const auto list = sources_.lists.find(provider.id());
    if (list == sources_.lists.end()) return;
    pb::ModelListing& listing = *provider.mutable_listing();
    listing.set_problem(list->second.problem);
    // A list that was asked for with a credential that is gone helps nobody. While auth is away all of them stay.
    const CredentialView& credentials = sources_.credentials;
    const bool credential_gone = credentials.known && !credentials.leased.contains(provider.id()) &&
                                 !credentials.problems.contains(provider.id());
    if (credential_gone) return;
    if (list->second.fetch_unix_seconds) {
      listing.mutable_fetch_time()->set_seconds(*list->second.fetch_unix_seconds);
    }
    listing.set_skipped_count(list->second.skipped_count);
    for (const ListedModel& model : list->second.models) add_model(provider, model.id, model.display_name, dialects);
  }

  void add_model(const pb::Provider& provider, const std::string& id, const std::string& name,
                 const std::vector<pb::Dialect>& dialects) {
    pb::Model& model = *built_.catalog.add_models();
    model.set_provider_id(provider.id());
    model.set_id(id);
    model.set_display_name(name.empty() ? id : name);
    for (const pb::Dialect dialect : dialects) {
      pb::Endpoint& endpoint = *model.add_endpoints();
      endpoint.set_operation(pb::OPERATION_GENERATE);
      endpoint.set_dialect(dialect);
      endpoint.set_confirmed(true);
    }
    apply_overrides(sources_.config, model);
  }

  void finish(pb::Provider provider, const pb::ProviderEntry* entry, std::string problem) {
    if (!problem.empty()) provider.mutable_listing()->set_problem(problem);
    pb::ProviderView view;
    if (entry != nullptr) *view.mutable_entry() = *entry;
    view.set_problem(provider.listing().problem());
    *view.mutable_provider() = provider;
    built_.views.push_back(std::move(view));
    *built_.catalog.add_providers() = std::move(provider);
  }

  static std::string shown_id(const std::string& id) {
    return id.find_first_of(" \"'$`\\") == std::string::npos ? id : "NAME";
  }

  const CatalogSources& sources_;
  BuiltCatalog built_;
};

auth::v1::AuthStyle style_of(const pb::ProviderEntry& entry) {
  const pb::Dialect dialect = dialect_of_type(entry.type());
  if (dialect == pb::DIALECT_ANTHROPIC) return auth::v1::AUTH_STYLE_X_API_KEY;
  if (dialect == pb::DIALECT_GEMINI) return auth::v1::AUTH_STYLE_X_GOOG_API_KEY;
  return auth::v1::AUTH_STYLE_BEARER;
}

}  // namespace

BuiltCatalog build_catalog(const CatalogSources& sources) { return Builder(sources).build(); }

std::vector<ListSource> list_sources(const ProvidersFile& providers, std::string_view openai_base_url) {
  std::vector<ListSource> sources{ListSource{std::string(openai_id), std::string(openai_base_url), ListFilter::openai}};
  for (const ProvidersFile::Entry& entry : providers.entries) {
    if (is_usable(entry) && entry.models.empty()) {
      sources.push_back(ListSource{entry.entry.id(), entry.entry.base_url(), ListFilter::all});
    }
  }
  return sources;
}

std::vector<auth::v1::ProviderAuth> provider_auths(const ProvidersFile& providers, std::string_view openai_base_url) {
  std::vector<auth::v1::ProviderAuth> auths;
  auth::v1::ProviderAuth openai;
  openai.set_provider_id(std::string(openai_id));
  openai.set_display_name("OpenAI");
  openai.set_style(auth::v1::AUTH_STYLE_BEARER);
  openai.set_base_url(std::string(openai_base_url));
  openai.set_api_key_env("ROUTER_MAESTRO_OPENAI_API_KEY");
  openai.set_builtin(true);
  auths.push_back(std::move(openai));
  for (const ProvidersFile::Entry& entry : providers.entries) {
    if (!entry.problem.empty()) continue;
    auth::v1::ProviderAuth auth;
    auth.set_provider_id(entry.entry.id());
    auth.set_display_name(entry.entry.id());
    auth.set_style(style_of(entry.entry));
    auth.set_base_url(entry.entry.base_url());
    auth.set_api_key_env(entry.entry.api_key_env());
    auth.set_anonymous_allowed(entry.entry.allow_unauthenticated());
    auths.push_back(std::move(auth));
  }
  return auths;
}

std::string key_variable(const pb::ProviderEntry& entry) {
  if (!entry.api_key_env().empty()) return entry.api_key_env();
  std::string name;
  for (const char letter : entry.id()) {
    const bool small = letter >= 'a' && letter <= 'z';
    const bool plain = small || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9');
    if (plain) {
      name += small ? static_cast<char>(letter - 'a' + 'A') : letter;
    } else if (!name.empty() && name.back() != '_') {
      name += '_';
    }
  }
  while (name.ends_with('_')) name.pop_back();
  return name.empty() ? name : name + "_API_KEY";
}

}  // namespace maestro::registry
