#include "route/plan.h"

#include <algorithm>

#include "route/names.h"

namespace maestro::route {
namespace {

constexpr std::size_t choices_max = 5;

// The model's own word for the client's dialect is best: nothing needs translating.
const Endpoint* endpoint_for(const Model& model, const chat::Needs& needs) {
  const Endpoint* any = nullptr;
  for (const auto& endpoint : model.endpoints) {
    if (endpoint.operation != needs.operation) continue;
    if (endpoint.dialect == needs.client_dialect) return &endpoint;
    if (any == nullptr) any = &endpoint;
  }
  return needs.own_dialect_only ? nullptr : any;
}

bool has_models(const Catalog& catalog, const Provider& provider) {
  const auto& models = catalog.models();
  return std::any_of(models.begin(), models.end(),
                     [&](const Model& model) { return &catalog.provider_of(model) == &provider; });
}

Error unknown_model(const Catalog& catalog, std::string_view name) {
  const auto slash = name.find('/');
  if (slash != std::string_view::npos) {
    const auto* provider = catalog.find_provider(name.substr(0, slash));
    if (provider != nullptr && !provider->problem.empty() && !has_models(catalog, *provider)) {
      Error error{ErrorKind::unavailable, "Provider " + provider->id + " has no models yet: " + provider->problem};
      error.provider = provider->id;
      return error;
    }
  }
  Error error{ErrorKind::not_found, "The model \"" + std::string(name.substr(0, 200)) + "\" is not known here."};
  error.field_path = "model";
  for (auto& near : near_names(catalog, name, choices_max)) error.choices.push_back(std::move(near.name));
  if (!error.choices.empty()) {
    error.message += " Near names: ";
    for (std::size_t i = 0; i < error.choices.size(); ++i) error.message += (i > 0 ? ", " : "") + error.choices[i];
    error.message += ".";
  } else {
    error.message += " GET /v1/models lists those that are.";
  }
  return error;
}

}  // namespace

bool Principal::may_use(std::string_view qualified_model) const {
  if (allowed_models.empty()) return true;
  for (std::string_view allowed : allowed_models) {
    if (allowed.ends_with('*') ? qualified_model.starts_with(allowed.substr(0, allowed.size() - 1))
                               : qualified_model == allowed)
      return true;
  }
  return false;
}

Result<Plan> make_plan(const Catalog& catalog, const Principal& principal, std::string_view name,
                       const chat::Needs& needs) {
  Plan plan;
  bool unable = false;
  const auto consider = [&](const Model& model) {
    if (!principal.may_use(model.qualified)) return;
    const auto* endpoint = endpoint_for(model, needs);
    if (endpoint == nullptr) {
      unable = true;
      return;
    }
    if (plan.targets().size() > catalog.retries_max() || plan.full()) return;
    plan.add({&catalog.provider_of(model), &model, endpoint->dialect,
              endpoint->dialect == needs.client_dialect ? Lane::verbatim : Lane::translated});
  };
  // As written: no allocation on the way of most requests.
  const auto* exact = catalog.find_alias(name) == nullptr ? catalog.find_qualified(name) : nullptr;
  if (exact != nullptr) {
    consider(*exact);
  } else {
    const auto match = resolve(catalog, name);
    if (match.models.empty()) return unknown_model(catalog, name);
    for (const auto index : match.models) consider(catalog.models()[index]);
  }
  if (!plan.targets().empty()) return plan;
  if (unable)
    return Error{ErrorKind::invalid_request,
                 "The model \"" + std::string(name) + "\" cannot do what this request asks for."};
  return Error{ErrorKind::forbidden, "This key may not use the model \"" + std::string(name) + "\"."};
}

}  // namespace maestro::route
