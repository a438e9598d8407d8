#include "registry/names.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "route/names.h"

namespace maestro::registry {
namespace {

constexpr std::size_t name_bytes_max = 512;
constexpr std::size_t choices_max = 10;

bool is_malformed(std::string_view name) {
  if (name.size() > name_bytes_max || name.find_first_not_of(' ') == std::string_view::npos) return true;
  return std::any_of(name.begin(), name.end(), [](char letter) {
    const auto code = static_cast<unsigned char>(letter);
    return code < 0x20 || code == 0x7F;
  });
}

route::Limits limits_from(const v1::Limits& limits) {
  route::Limits result;
  if (limits.has_prompt_tokens_max()) result.prompt_tokens_max = limits.prompt_tokens_max();
  if (limits.has_output_tokens_max()) result.output_tokens_max = limits.output_tokens_max();
  if (limits.has_context_tokens_max()) result.context_tokens_max = limits.context_tokens_max();
  return result;
}

v1::MatchKind kind_of(route::MatchKind kind) {
  switch (kind) {
    case route::MatchKind::alias:
      return v1::MATCH_KIND_ALIAS;
    case route::MatchKind::qualified:
      return v1::MATCH_KIND_QUALIFIED;
    case route::MatchKind::bare:
      return v1::MATCH_KIND_BARE;
    case route::MatchKind::none:
      break;
  }
  return v1::MATCH_KIND_UNSPECIFIED;
}

}  // namespace

Result<std::shared_ptr<const route::Catalog>> to_route(const v1::Catalog& catalog) {
  route::CatalogParts parts;
  parts.revision = route::Revision{catalog.revision().epoch(), catalog.revision().number()};
  std::map<std::string, std::uint32_t, std::less<>> indexes;
  for (const v1::Provider& provider : catalog.providers()) {
    indexes.emplace(provider.id(), static_cast<std::uint32_t>(parts.providers.size()));
    route::Provider made;
    made.id = provider.id();
    made.display_name = provider.display_name();
    made.base_url = provider.base_url();
    made.adapter = provider.adapter();
    made.keyless = provider.keyless();
    made.problem = provider.listing().problem();
    parts.providers.push_back(std::move(made));
  }
  for (const v1::Model& model : catalog.models()) {
    const auto provider = indexes.find(model.provider_id());
    if (provider == indexes.end()) {
      return Error(ErrorKind::invalid_request, "a model names a provider that is not there: " + model.provider_id());
    }
    route::Model made;
    made.provider = provider->second;
    made.id = model.id();
    made.display_name = model.display_name();
    made.limits = limits_from(model.limits());
    made.endpoints.push_back(route::Endpoint{});
    parts.models.push_back(std::move(made));
  }
  for (const v1::Alias& alias : catalog.aliases()) {
    parts.aliases.push_back(route::Alias{alias.name(), alias.target(), alias.listed()});
  }
  parts.priorities.assign(catalog.config().priorities().begin(), catalog.config().priorities().end());
  parts.retries_max = catalog.config().fallback().retries_max();
  return route::Catalog::build(std::move(parts));
}

v1::Resolution resolve_model(const v1::Catalog& catalog, const route::Catalog& routed, std::string_view name) {
  v1::Resolution resolution;
  if (is_malformed(name)) {
    resolution.set_outcome(v1::RESOLUTION_OUTCOME_MALFORMED);
    return resolution;
  }
  const route::Match match = route::resolve(routed, name);
  if (!match.models.empty()) {
    resolution.set_outcome(v1::RESOLUTION_OUTCOME_FOUND);
    resolution.set_match_kind(kind_of(match.kind));
    for (const std::uint32_t index : match.models) *resolution.add_models() = catalog.models(static_cast<int>(index));
    return resolution;
  }
  resolution.set_outcome(v1::RESOLUTION_OUTCOME_UNKNOWN);
  for (const route::Near& near : route::near_names(routed, name, choices_max)) {
    v1::Match& choice = *resolution.add_choices();
    choice.set_name(near.name);
    choice.set_score(near.score);
  }
  return resolution;
}

}  // namespace maestro::registry
