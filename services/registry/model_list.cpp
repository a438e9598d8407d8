#include "registry/model_list.h"

#include <set>

#include "base/limits.h"
#include "registry/json_text.h"

namespace maestro::registry {
namespace {

constexpr std::size_t id_bytes_max = 512;

bool makes_sense(const std::string& text) {
  if (text.empty() || text.size() > id_bytes_max || text.front() == ' ' || text.back() == ' ') return false;
  for (const char letter : text) {
    const auto code = static_cast<unsigned char>(letter);
    if (code < 0x20 || code == 0x7F) return false;
  }
  return true;
}

std::optional<ListedModel> model_from(const Json& entry) {
  if (!entry.is_object()) return std::nullopt;
  const auto id = entry.find("id");
  if (id == entry.end() || !id->is_string() || !makes_sense(id->get_ref<const std::string&>())) return std::nullopt;
  ListedModel model{id->get<std::string>(), id->get<std::string>()};
  for (const char* name : {"display_name", "name"}) {
    const auto found = entry.find(name);
    if (found == entry.end() || !found->is_string() || !makes_sense(found->get_ref<const std::string&>())) continue;
    model.display_name = found->get<std::string>();
    break;
  }
  return model;
}

}  // namespace

bool is_openai_chat_model(std::string_view id) {
  for (const std::string_view part : {"gpt-", "o1-", "o3-", "o4-"}) {
    if (id.find(part) != std::string_view::npos) return true;
  }
  return id == "o1" || id == "o3" || id == "o4";
}

Result<ModelList> read_model_list(std::string_view body, ListFilter filter) {
  auto json = parse_json(body, Doubles::keep_last);
  if (!json) return Error(ErrorKind::provider_failed, "its model list is no JSON (" + json.error().message + ")");
  const Json* entries = json->is_array() ? &*json : nullptr;
  if (json->is_object() && json->contains("data")) entries = &(*json)["data"];
  if (entries == nullptr || !entries->is_array()) {
    return Error(
        ErrorKind::provider_failed,
        "its model list is not of the form {\"data\": [...]}; check the base URL, or name the models in \"models\"");
  }
  ModelList list;
  std::set<std::string, std::less<>> seen;
  for (const Json& entry : *entries) {
    auto model = model_from(entry);
    if (!model || list.models.size() >= limits::models_per_provider_max || !seen.insert(model->id).second) {
      ++list.skipped_count;
    } else if (filter == ListFilter::all || is_openai_chat_model(model->id)) {
      list.models.push_back(std::move(*model));
    }
  }
  return list;
}

ModelList openai_static_list() {
  ModelList list;
  for (const char* id : {"gpt-4o", "gpt-4o-mini", "gpt-4-turbo"}) list.models.push_back(ListedModel{id, id});
  return list;
}

}  // namespace maestro::registry
