// What the cursors of one parser share: room for strings that have escapes, and the first error.
#pragma once

#include <cstddef>
#include <string>

#include "json/outline.h"

namespace maestro::json {

struct Cursor::Scratch {
  struct Problem {
    std::size_t offset = 0;
    bool malformed = false;
    std::string what{};
    std::string member{};
  };
  std::string key;
  std::string value;
  Problem problem;
};

}  // namespace maestro::json
