#include "cli/near.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace maestro::cli {

std::size_t edit_distance(std::string_view one, std::string_view other) {
  std::vector<std::size_t> row(other.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < one.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < other.size(); ++j) {
      const std::size_t change = diagonal + (one[i] == other[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({change, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::vector<std::string> near_words(std::string_view word, const std::vector<std::string>& known) {
  constexpr std::size_t words_max = 3;
  std::vector<std::pair<std::size_t, std::string>> found;
  for (const auto& candidate : known) {
    const bool begins = word.size() >= 2 && (candidate.starts_with(word) || word.starts_with(candidate));
    const auto edits = begins ? 0 : edit_distance(word, candidate);
    if (edits <= std::max<std::size_t>(1, (candidate.size() + 1) / 3)) found.emplace_back(edits, candidate);
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> words;
  for (const auto& [edits, candidate] : found) {
    if (words.size() < words_max) words.push_back(candidate);
  }
  return words;
}

}  // namespace maestro::cli
