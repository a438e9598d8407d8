#include "auth/json_document.h"

#include <algorithm>

namespace maestro::auth {

Result<Json> parse_object(std::string_view name, std::string_view bytes) {
  const std::string document(name);
  try {
    Json root = Json::parse(bytes);
    if (root.is_object()) return root;
    return Error(ErrorKind::unavailable, document + " does not hold a JSON object. Repair it, or move it away.");
  } catch (const Json::parse_error& problem) {
    const auto end = std::min(problem.byte, bytes.size());
    const auto line = 1 + std::count(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(end), '\n');
    return Error(ErrorKind::unavailable,
                 document + " is not valid JSON at line " + std::to_string(line) + ". Repair it, or move it away.");
  }
}

std::string print(const Json& object) { return object.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

const Json* member(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

std::string text_member(const Json& object, const char* name) {
  const Json* found = member(object, name);
  return found && found->is_string() ? found->get<std::string>() : std::string{};
}

}  // namespace maestro::auth
