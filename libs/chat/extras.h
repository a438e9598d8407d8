// What only one dialect can say: dialect to the text of a JSON object, which that dialect alone reads back. Members
// keep their order and their bytes.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chat/dialect_id.h"

namespace maestro::chat {

class Extras {
 public:
  // Empty when this dialect said nothing.
  std::string_view find(DialectId id) const {
    for (const auto& [key, text] : all_)
      if (key == id) return text;
    return {};
  }
  void set(DialectId id, std::string object_text) {
    for (auto& [key, text] : all_)
      if (key == id) {
        text = std::move(object_text);
        return;
      }
    all_.emplace_back(id, std::move(object_text));
  }
  bool empty() const { return all_.empty(); }
  auto begin() const { return all_.begin(); }
  auto end() const { return all_.end(); }
  bool operator==(const Extras&) const = default;

 private:
  std::vector<std::pair<DialectId, std::string>> all_;
};

}  // namespace maestro::chat
