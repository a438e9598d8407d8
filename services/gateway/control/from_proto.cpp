#include "gateway/control/from_proto.h"

#include <algorithm>
#include <cstring>

#include "log/log.h"

namespace maestro::gateway {
namespace {

route::Timeouts::Time time_of(bool present, const google::protobuf::Duration& duration) {
  if (!present) return {};
  return std::chrono::milliseconds(duration.seconds() * 1000 + duration.nanos() / 1'000'000);
}

route::Timeouts timeouts_of(const registry::v1::Timeouts& given) {
  route::Timeouts times;
  times.connect = time_of(given.has_connect(), given.connect());
  times.first_event = time_of(given.has_first_event(), given.first_event());
  times.whole_reply = time_of(given.has_whole_reply(), given.whole_reply());
  times.idle = time_of(given.has_idle(), given.idle());
  times.total = time_of(given.has_total(), given.total());
  return times;
}

std::optional<chat::DialectId> dialect_of(registry::v1::Dialect dialect) {
  switch (static_cast<int>(dialect)) {
    case registry::v1::DIALECT_OPENAI_CHAT:
      return chat::DialectId::openai_chat;
    case registry::v1::DIALECT_OPENAI_RESPONSES:
      return chat::DialectId::openai_responses;
    case registry::v1::DIALECT_ANTHROPIC:
      return chat::DialectId::anthropic;
    case registry::v1::DIALECT_GEMINI:
      return chat::DialectId::gemini;
    default:
      return {};  // newer than this gateway: this endpoint is unusable here, and nothing else
  }
}

std::optional<chat::Operation> operation_of(registry::v1::Operation operation) {
  switch (static_cast<int>(operation)) {
    case registry::v1::OPERATION_GENERATE:
      return chat::Operation::generate;
    case registry::v1::OPERATION_COUNT_TOKENS:
      return chat::Operation::count_tokens;
    case registry::v1::OPERATION_EMBED:
      return chat::Operation::embed;
    default:
      return {};
  }
}

bool has(const google::protobuf::RepeatedField<int>& all, registry::v1::Capability capability) {
  return std::find(all.begin(), all.end(), static_cast<int>(capability)) != all.end();
}

std::optional<bool> claim_of(const registry::v1::Capabilities& given, registry::v1::Capability capability) {
  if (has(given.able(), capability)) return true;
  if (has(given.unable(), capability)) return false;
  return {};
}

route::Provider provider_of(const registry::v1::Provider& given) {
  route::Provider provider;
  provider.id = given.id();
  provider.display_name = given.display_name();
  provider.base_url = given.base_url();
  provider.adapter = given.adapter();
  provider.keyless = given.keyless();
  for (const auto& [name, value] : given.headers()) provider.headers.emplace_back(name, value);
  provider.timeouts = timeouts_of(given.timeouts());
  provider.rejected_fields.assign(given.rejected_fields().begin(), given.rejected_fields().end());
  provider.problem = given.listing().problem();
  return provider;
}

route::Model model_of(const registry::v1::Model& given, std::uint32_t provider) {
  route::Model model;
  model.provider = provider;
  model.id = given.id();
  model.display_name = given.display_name().empty() ? given.id() : given.display_name();
  const auto& limits = given.limits();
  if (limits.has_prompt_tokens_max()) model.limits.prompt_tokens_max = limits.prompt_tokens_max();
  if (limits.has_output_tokens_max()) model.limits.output_tokens_max = limits.output_tokens_max();
  if (limits.has_context_tokens_max()) model.limits.context_tokens_max = limits.context_tokens_max();
  model.images = claim_of(given.capabilities(), registry::v1::CAPABILITY_IMAGES);
  model.reasoning = claim_of(given.capabilities(), registry::v1::CAPABILITY_REASONING);
  for (const auto& endpoint : given.endpoints()) {
    const auto operation = operation_of(endpoint.operation());
    const auto dialect = dialect_of(endpoint.dialect());
    if (operation && dialect) model.endpoints.push_back({*operation, *dialect});
  }
  return model;
}

Error too_new(std::uint32_t wanted) {
  return Error{ErrorKind::invalid_request, "It needs a reader of format " + std::to_string(wanted) +
                                               "; this gateway is of format " + std::to_string(reader_format) +
                                               ". Upgrade the gateway."};
}

}  // namespace

Result<std::shared_ptr<const Routes>> routes_from(const registry::v1::Catalog& given) {
  if (given.reader_format_min() > reader_format) return too_new(given.reader_format_min());
  route::CatalogParts parts;
  parts.revision = {given.revision().epoch(), given.revision().number()};
  std::unordered_map<std::string, std::uint32_t> index;
  for (const auto& provider : given.providers()) {
    index.emplace(provider.id(), static_cast<std::uint32_t>(parts.providers.size()));
    parts.providers.push_back(provider_of(provider));
  }
  for (const auto& model : given.models()) {
    const auto owner = index.find(model.provider_id());
    if (owner == index.end())
      return Error{ErrorKind::invalid_request,
                   "Model " + model.id() + " names the provider " + model.provider_id() + ", which is not there."};
    parts.models.push_back(model_of(model, owner->second));
  }
  for (const auto& alias : given.aliases()) parts.aliases.push_back({alias.name(), alias.target(), alias.listed()});
  parts.priorities.assign(given.config().priorities().begin(), given.config().priorities().end());
  if (given.config().fallback().has_retries_max()) parts.retries_max = given.config().fallback().retries_max();
  if (given.config().fallback().strategy() == registry::v1::FALLBACK_STRATEGY_NONE) parts.retries_max = 0;

  auto routes = std::make_shared<Routes>();
  for (const auto& provider : parts.providers) {
    auto upstream = parse_upstream(provider.base_url);
    if (!upstream && !provider.base_url.empty())
      log::warning("base_url_refused", {{"provider", provider.id}, {"why", upstream.error().message}});
    routes->upstreams.push_back(upstream ? std::optional(std::move(*upstream)) : std::nullopt);
  }
  auto catalog = route::Catalog::build(std::move(parts));
  if (!catalog) return catalog.error();
  routes->catalog = std::move(*catalog);
  routes->config_revision = given.config_revision();
  return std::shared_ptr<const Routes>(std::move(routes));
}

Result<std::shared_ptr<const Keys>> keys_from(const auth::v1::KeySet& given) {
  if (given.reader_format_min() > reader_format) return too_new(given.reader_format_min());
  std::vector<Keys::Entry> entries;
  for (const auto& verifier : given.verifiers()) {
    if (verifier.hash().size() != Keys::hash_bytes)
      return Error{ErrorKind::invalid_request, "The verifier of key " + verifier.key().id() + " has not 32 bytes."};
    Keys::Entry entry;
    std::memcpy(entry.hash.data(), verifier.hash().data(), Keys::hash_bytes);
    const auto& key = verifier.key();
    entry.principal.key_id = key.id();
    entry.principal.name = key.name();
    for (const auto scope : key.scopes()) {
      entry.principal.may_infer |= scope == auth::v1::SCOPE_INFERENCE;
      entry.principal.may_administer |= scope == auth::v1::SCOPE_ADMIN;
    }
    entry.principal.allowed_models.assign(key.allowed_models().begin(), key.allowed_models().end());
    if (key.has_expire_time()) entry.expires = std::chrono::system_clock::from_time_t(key.expire_time().seconds());
    entries.push_back(std::move(entry));
  }
  return Keys::build(given.revision().epoch() + "/" + std::to_string(given.revision().number()), given.salt(),
                     std::move(entries));
}

std::shared_ptr<const Leases> leases_from(const auth::v1::CredentialSet& given) {
  auto leases = std::make_shared<Leases>();
  const auto now = std::chrono::steady_clock::now();
  for (const auto& from : given.leases()) {
    Lease lease;
    lease.credential_id = from.credential_id();
    lease.generation = from.generation();
    bool fit = true;
    for (const auto& header : from.headers()) {
      // A line break inside would be a header of somebody else's making.
      fit = fit && header.value().find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos &&
            !header.name().empty();
      lease.header_lines += header.name() + ": " + header.value() + "\r\n";
      lease.header_names.push_back(header.name());
    }
    if (!from.origin().empty()) {
      auto origin = net::parse_base_url(from.origin());
      fit = fit && origin.has_value();
      if (origin) lease.origin = origin->origin;
    }
    if (!from.base_url().empty()) {
      auto upstream = parse_upstream(from.base_url());
      fit = fit && upstream.has_value();
      if (upstream) lease.upstream = std::move(*upstream);
    }
    if (from.has_valid_for()) lease.valid_until = now + std::chrono::seconds(from.valid_for().seconds());
    if (!fit) {
      log::warning("lease_refused", {{"provider", from.provider_id()}, {"credential", from.credential_id()}});
      continue;
    }
    leases->by_provider[from.provider_id()].push_back(std::move(lease));
  }
  for (const auto& status : given.statuses())
    if (!status.problem().empty()) leases->problems[status.provider_id()] = status.problem();
  return leases;
}

}  // namespace maestro::gateway
