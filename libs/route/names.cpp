#include "route/names.h"

#include <algorithm>

namespace maestro::route {
namespace {

constexpr double near_score_min = 50.0;
constexpr std::size_t compared_bytes_max = 128;  // of a name; longer ones are cut before they are compared

// Lower case, with "-" for what people write instead of it.
std::string plain(std::string_view name) {
  std::string out;
  for (char c : name.substr(0, compared_bytes_max)) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    out += c == ' ' || c == '.' || c == '_' ? '-' : c;
  }
  return out;
}

Match found(MatchKind kind, const Catalog& catalog, std::string_view name) {
  if (const auto* model = catalog.find_qualified(name))
    return {kind == MatchKind::none ? MatchKind::qualified : kind,
            {static_cast<std::uint32_t>(model - catalog.models().data())}};
  const auto owners = catalog.find_bare(name);
  if (owners.empty()) return {};
  return {kind == MatchKind::none ? MatchKind::bare : kind, {owners.begin(), owners.end()}};
}

}  // namespace

Match resolve(const Catalog& catalog, std::string_view name) {
  if (const auto* alias = catalog.find_alias(name)) {
    auto match = found(MatchKind::alias, catalog, alias->target);
    if (match.kind != MatchKind::none) return match;
  }
  return found(MatchKind::none, catalog, name);
}

double similarity(std::string_view left, std::string_view right) {
  if (left.empty() || right.empty()) return 0.0;
  // Length of the longest common subsequence, one row at a time.
  std::vector<std::size_t> row(right.size() + 1, 0);
  for (const char a : left) {
    std::size_t diagonal = 0;
    for (std::size_t j = 0; j < right.size(); ++j) {
      const auto above = row[j + 1];
      row[j + 1] = a == right[j] ? diagonal + 1 : std::max(above, row[j]);
      diagonal = above;
    }
  }
  return 200.0 * static_cast<double>(row.back()) / static_cast<double>(left.size() + right.size());
}

std::vector<Near> near_names(const Catalog& catalog, std::string_view name, std::size_t count) {
  const auto wanted = plain(name);
  const auto slash = wanted.find('/');
  std::vector<Near> near;
  for (const auto index : catalog.listed()) {
    const auto& model = catalog.models()[index];
    double score = similarity(wanted, plain(model.qualified));
    // The provider may be the wrong part: compare what stands behind it, too.
    score =
        std::max(score, similarity(slash == std::string::npos ? wanted : wanted.substr(slash + 1), plain(model.id)));
    if (score >= near_score_min) near.push_back({model.qualified, score});
  }
  std::sort(near.begin(), near.end(),
            [](const Near& a, const Near& b) { return a.score != b.score ? a.score > b.score : a.name < b.name; });
  if (near.size() > count) near.resize(count);
  return near;
}

}  // namespace maestro::route
