#include "cli/contexts.h"

#include <nlohmann/json.hpp>

#include "base/limits.h"
#include "cli/places.h"

namespace maestro::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

Result<Json> read_contexts(const fs::path& config_directory) {
  const fs::path path = config_directory / "contexts.json";
  const auto text = read_small_file(path, limits::local_file_bytes_max);
  if (!text && text.error().kind == ErrorKind::not_found) return Json::object();
  if (!text) return text.error();
  Json json = Json::parse(*text, nullptr, false);
  if (!json.is_object()) {
    return Error(ErrorKind::internal, path.string() + " is not a JSON object. Mend it, or move it away.");
  }
  return json;
}

Context context_of(const Json& json, std::string_view name) {
  Context context;
  context.name = name;
  const auto contexts = json.find("contexts");
  if (contexts == json.end() || !contexts->is_object()) return context;
  const auto entry = contexts->find(std::string(name));
  if (entry == contexts->end() || !entry->is_object()) return context;
  if (const auto endpoint = entry->find("endpoint"); endpoint != entry->end() && endpoint->is_string()) {
    context.endpoint = endpoint->get<std::string>();
    while (context.endpoint.ends_with('/')) context.endpoint.pop_back();
  }
  if (const auto key = entry->find("api_key"); key != entry->end() && key->is_string()) {
    context.api_key = Secret{key->get<std::string>()};
  }
  return context;
}

}  // namespace

Result<Context> current_context(const fs::path& config_directory, const Environment& environment) {
  const auto json = read_contexts(config_directory);
  if (!json) return json.error();
  const auto current = json->find("current");
  const bool named = current != json->end() && current->is_string();
  Context context = context_of(*json, named ? current->get<std::string>() : std::string(local_context));
  if (context.api_key.empty()) {
    if (auto key = value_of(environment, server_key_variable)) context.api_key = Secret{std::move(*key)};
  }
  return context;
}

Result<Context> context_named(const fs::path& config_directory, std::string_view name) {
  const auto json = read_contexts(config_directory);
  if (!json) return json.error();
  return context_of(*json, name);
}

}  // namespace maestro::cli
