#include "route/catalog.h"

#include <algorithm>
#include <tuple>

namespace maestro::route {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (auto& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

Error broken(std::string what) {
  return Error{ErrorKind::invalid_request, "The catalog does not hold together: " + std::move(what)};
}

// Numbers inside names compare as numbers, larger first; the rest by letters.
int natural_order(std::string_view left, std::string_view right) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  while (!left.empty() && !right.empty()) {
    if (digit(left.front()) && digit(right.front())) {
      const auto number = [&](std::string_view& text) {
        std::uint64_t value = 0;
        while (!text.empty() && digit(text.front())) {
          value = value > 1'000'000'000'000 ? value : value * 10 + static_cast<std::uint64_t>(text.front() - '0');
          text.remove_prefix(1);
        }
        return value;
      };
      const auto a = number(left);
      const auto b = number(right);
      if (a != b) return a > b ? -1 : 1;
      continue;
    }
    if (left.front() != right.front()) return left.front() < right.front() ? -1 : 1;
    left.remove_prefix(1);
    right.remove_prefix(1);
  }
  return left.empty() == right.empty() ? 0 : left.empty() ? -1 : 1;
}

}  // namespace

Result<std::shared_ptr<const Catalog>> Catalog::build(CatalogParts parts) {
  if (parts.providers.size() > providers_max) return broken("it has too many providers.");
  if (parts.models.size() > models_max) return broken("it has too many models.");
  auto catalog = std::make_shared<Catalog>();
  for (std::uint32_t i = 0; i < parts.providers.size(); ++i) {
    const auto& id = parts.providers[i].id;
    if (id.empty() || id.find('/') != std::string::npos) return broken("\"" + id + "\" is no provider id.");
    if (!catalog->by_provider_.emplace(lower(id), i).second) return broken("provider " + id + " is there twice.");
  }
  for (std::uint32_t i = 0; i < parts.models.size(); ++i) {
    auto& model = parts.models[i];
    if (model.provider >= parts.providers.size()) return broken("model " + model.id + " has no provider.");
    if (model.id.empty()) return broken("a model of " + parts.providers[model.provider].id + " has no id.");
    model.qualified = parts.providers[model.provider].id + "/" + model.id;
    if (!catalog->by_qualified_.emplace(model.qualified, i).second) return broken(model.qualified + " is there twice.");
    catalog->by_id_[model.id].push_back(i);
  }
  for (auto& [id, owners] : catalog->by_id_)
    std::sort(owners.begin(), owners.end(), [&](auto a, auto b) {
      return std::tie(parts.models[a].provider, a) < std::tie(parts.models[b].provider, b);
    });
  for (std::uint32_t i = 0; i < parts.aliases.size(); ++i) catalog->by_alias_.emplace(lower(parts.aliases[i].name), i);

  catalog->listed_.reserve(parts.models.size());
  std::vector<bool> taken(parts.models.size(), false);
  for (const auto& name : parts.priorities) {
    const auto found = catalog->by_qualified_.find(name);
    if (found == catalog->by_qualified_.end() || taken[found->second]) continue;
    taken[found->second] = true;
    catalog->listed_.push_back(found->second);
  }
  const auto first_rest = static_cast<std::ptrdiff_t>(catalog->listed_.size());
  for (std::uint32_t i = 0; i < parts.models.size(); ++i)
    if (!taken[i]) catalog->listed_.push_back(i);
  std::sort(catalog->listed_.begin() + first_rest, catalog->listed_.end(), [&](auto a, auto b) {
    const auto& left = parts.models[a];
    const auto& right = parts.models[b];
    const auto& left_provider = parts.providers[left.provider].id;
    const auto& right_provider = parts.providers[right.provider].id;
    if (left_provider != right_provider) return left_provider < right_provider;
    const auto order = natural_order(lower(left.display_name), lower(right.display_name));
    return order != 0 ? order < 0 : a < b;
  });
  catalog->parts_ = std::move(parts);
  return std::shared_ptr<const Catalog>(std::move(catalog));
}

const Model* Catalog::find_qualified(std::string_view name) const {
  const auto found = by_qualified_.find(name);
  return found == by_qualified_.end() ? nullptr : &parts_.models[found->second];
}

std::span<const std::uint32_t> Catalog::find_bare(std::string_view id) const {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return {};
  return found->second;
}

const Provider* Catalog::find_provider(std::string_view id) const {
  const auto found = by_provider_.find(lower(id));
  return found == by_provider_.end() ? nullptr : &parts_.providers[found->second];
}

const Alias* Catalog::find_alias(std::string_view name) const {
  if (by_alias_.empty()) return nullptr;
  const auto found = by_alias_.find(lower(name));
  return found == by_alias_.end() ? nullptr : &parts_.aliases[found->second];
}

}  // namespace maestro::route
