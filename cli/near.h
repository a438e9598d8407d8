// Which of the known words somebody meant: few edits away, or one begins with the other. Nearest first, at most three.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace maestro::cli {

std::size_t edit_distance(std::string_view one, std::string_view other);
std::vector<std::string> near_words(std::string_view word, const std::vector<std::string>& known);

}  // namespace maestro::cli
