// What a model name means. The same rules in the gateway and in the registry's ResolveModel (data-plane.md 4.2, 4.3):
// an alias of one's own, then "provider/model" as written, then a bare id, which all its owners share in the order of
// providers. What is none of these is unknown, and the near names are said.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "route/catalog.h"

namespace maestro::route {

enum class MatchKind : std::uint8_t { none, alias, qualified, bare };

struct Match {
  MatchKind kind = MatchKind::none;
  std::vector<std::uint32_t> models;  // preferred first; empty: unknown
};

Match resolve(const Catalog& catalog, std::string_view name);

struct Near {
  std::string name;    // "provider/model"
  double score = 0.0;  // 0 to 100
};
// The names that are most like an unknown one, best first, at most `count`. Linear in the catalog: for errors only.
std::vector<Near> near_names(const Catalog& catalog, std::string_view name, std::size_t count);

// 100 x (1 - indel distance / (length of both)), as in data-plane.md 4.3.
double similarity(std::string_view left, std::string_view right);

}  // namespace maestro::route
