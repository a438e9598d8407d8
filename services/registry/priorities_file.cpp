#include "registry/priorities_file.h"

#include <map>
#include <optional>
#include <set>
#include <utility>

#include <google/protobuf/field_mask.pb.h>
#include <google/protobuf/util/field_mask_util.h>

#include "registry/json_text.h"
#include "registry/providers_file.h"
#include "store/store.h"

namespace maestro::registry {
namespace {

constexpr std::int64_t retries_max_limit = 10;
constexpr std::int64_t budget_tokens_min = 1024;
constexpr std::int64_t budget_tokens_max = 128'000;
constexpr std::int64_t runaway_bytes_min = 100'000;
constexpr std::int64_t runaway_deltas_min = 1000;
constexpr int list_entries_max = 10'000;
constexpr std::string_view auto_route = "router-maestro";

struct StrategyRow {
  pb::FallbackStrategy strategy;
  const char* name;
};
constexpr StrategyRow strategies[] = {{pb::FALLBACK_STRATEGY_PRIORITY, "priority"},
                                      {pb::FALLBACK_STRATEGY_SAME_MODEL, "same-model"},
                                      {pb::FALLBACK_STRATEGY_NONE, "none"}};

Error wrong(std::string field_path, std::string message) {
  Error error(ErrorKind::invalid_request, std::move(message));
  error.field_path = std::move(field_path);
  return error;
}

// Reads members of one object; the first thing that is wrong is kept and ends the reading.
class Reader final {
 public:
  Reader(const Json& json, std::string path, std::optional<Error>& error)
      : json_(json), path_(std::move(path)), error_(error) {
    if (!json_.is_object()) refuse({}, "an object", json_);
  }

  // Nothing when the member is absent or something was wrong before.
  const Json* find(const char* name) const {
    if (error_ || !json_.is_object()) return nullptr;
    const auto found = json_.find(name);
    return found == json_.end() ? nullptr : &*found;
  }
  std::optional<bool> flag(const char* name) {
    const Json* value = find(name);
    if (value == nullptr) return std::nullopt;
    if (!value->is_boolean()) return refuse(name, "true or false", *value), std::nullopt;
    return value->get<bool>();
  }
  std::optional<std::int64_t> number(const char* name) {
    const Json* value = find(name);
    if (value == nullptr) return std::nullopt;
    return number_in(*value, name);
  }
  std::optional<std::int64_t> number_in(const Json& value, std::string_view name) {
    const bool large = value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX;
    if (!value.is_number_integer() || large) {
      refuse(name, large ? "a smaller number" : "a whole number", value);
      return std::nullopt;
    }
    return value.get<std::int64_t>();
  }
  std::optional<std::string> text(const char* name) {
    const Json* value = find(name);
    if (value == nullptr) return std::nullopt;
    if (!value->is_string()) return refuse(name, "a text", *value), std::nullopt;
    return value->get<std::string>();
  }
  template <class Add>
  void texts(const char* name, Add add) {
    const Json* value = find(name);
    if (value == nullptr) return;
    if (!value->is_array()) return refuse(name, "a list", *value);
    for (std::size_t i = 0; i < value->size(); ++i) {
      const Json& entry = (*value)[i];
      if (!entry.is_string()) return refuse(name + ('[' + std::to_string(i) + ']'), "a text", entry);
      add(entry.get_ref<const std::string&>());
    }
  }
  template <class Read>
  void members(const char* name, Read read) {
    const Json* value = find(name);
    if (value == nullptr) return;
    if (!value->is_object()) return refuse(name, "an object", *value);
    for (const auto& [key, member] : value->items()) {
      if (error_) return;
      read(key, member, std::string(name) + '.' + shown(key));
    }
  }
  template <class Read>
  void object(const char* name, Read read) {
    const Json* value = find(name);
    if (value == nullptr) return;
    Reader inner(*value, path_.empty() ? name : path_ + '.' + name, error_);
    read(inner);
  }
  void refuse(std::string_view name, std::string_view wanted, const Json& value) {
    refuse_text(name, "must be " + std::string(wanted) + ", is " + std::string(type_of(value)));
  }
  void refuse_text(std::string_view name, std::string message) {
    if (error_) return;
    std::string path = path_;
    if (!path.empty() && !name.empty()) path += '.';
    path += name;
    error_ = wrong(std::move(path), std::move(message));
  }

 private:
  const Json& json_;
  std::string path_;
  std::optional<Error>& error_;
};

void read_limits(Reader& reader, const std::string& id, const Json& json, const std::string& path, pb::Config& out) {
  if (!json.is_object()) return reader.refuse(path, "an object", json);
  pb::Limits& limits = (*out.mutable_model_overrides())[id];
  const auto read = [&](const char* name, void (pb::Limits::*set)(std::int64_t)) {
    const auto found = json.find(name);
    if (found == json.end() || found->is_null()) return;
    if (const auto number = reader.number_in(*found, path + '.' + name)) (limits.*set)(*number);
  };
  read("max_prompt_tokens", &pb::Limits::set_prompt_tokens_max);
  read("max_output_tokens", &pb::Limits::set_output_tokens_max);
  read("max_context_window_tokens", &pb::Limits::set_context_tokens_max);
}

void read_fallback(Reader& reader, pb::Fallback& out) {
  if (const auto name = reader.text("strategy")) {
    for (const StrategyRow& row : strategies) {
      if (*name == row.name) out.set_strategy(row.strategy);
    }
    if (out.strategy() == pb::FALLBACK_STRATEGY_UNSPECIFIED) {
      reader.refuse_text("strategy", "is unknown; there are \"priority\", \"same-model\" and \"none\"");
    }
  }
  if (const auto retries = reader.number("maxRetries")) {
    if (*retries < 0 || *retries > retries_max_limit) return reader.refuse_text("maxRetries", "must be from 0 to 10");
    out.set_retries_max(static_cast<std::uint32_t>(*retries));
  }
}

void read_thinking(Reader& reader, pb::Thinking& out) {
  if (const auto budget = reader.number("default_budget")) out.set_default_budget_tokens(*budget);
  if (const auto automatic = reader.flag("auto_enable")) out.set_auto_enable(*automatic);
  reader.members("model_budgets", [&](const std::string& id, const Json& value, const std::string& path) {
    if (const auto budget = reader.number_in(value, path)) (*out.mutable_model_budgets())[id] = *budget;
  });
}

void read_guards(Reader& reader, pb::Guards& out) {
  reader.object("leak_guard", [&](Reader& guard) {
    if (const auto enabled = guard.flag("enabled")) out.set_leak_guard_enabled(*enabled);
  });
  reader.object("runaway_guard", [&](Reader& guard) {
    if (const auto enabled = guard.flag("enabled")) out.set_runaway_guard_enabled(*enabled);
    if (const auto bytes = guard.number("max_bytes")) out.set_runaway_bytes_max(*bytes);
    if (const auto deltas = guard.number("max_deltas")) out.set_runaway_deltas_max(*deltas);
  });
}

Result<pb::Config> config_from(const Json& json) {
  std::optional<Error> error;
  pb::Config out;
  Reader root(json, {}, error);
  root.texts("priorities", [&](const std::string& text) { out.add_priorities(text); });
  root.object("fallback", [&](Reader& reader) { read_fallback(reader, *out.mutable_fallback()); });
  root.members("model_overrides", [&](const std::string& id, const Json& value, const std::string& path) {
    read_limits(root, id, value, path, out);
  });
  root.object("thinking", [&](Reader& reader) { read_thinking(reader, *out.mutable_thinking()); });
  root.object("guards", [&](Reader& reader) { read_guards(reader, *out.mutable_guards()); });
  root.texts("beta_strip", [&](const std::string& text) { out.add_beta_strip(text); });
  root.object("audit", [&](Reader& reader) {
    pb::Audit& audit = *out.mutable_audit();
    if (const auto enabled = reader.flag("enabled")) audit.set_enabled(*enabled);
    const Json* directory = reader.find("trace_dir");
    if (directory == nullptr || directory->is_null()) return;
    if (auto text = reader.text("trace_dir")) audit.set_trace_dir(std::move(*text));
  });
  root.members("aliases", [&](const std::string& name, const Json& value, const std::string& path) {
    if (!value.is_string()) return root.refuse(path, "a model name", value);
    (*out.mutable_aliases())[name] = value.get<std::string>();
  });
  if (error) return *error;
  return out;
}

// The names of the file for the places of Config.
std::string file_path_of(std::string_view config_path) {
  static const std::map<std::string_view, std::string_view> names{
      {"config.fallback.strategy", "fallback.strategy"},
      {"config.fallback.retries_max", "fallback.maxRetries"},
      {"config.thinking.default_budget_tokens", "thinking.default_budget"},
      {"config.guards.runaway_bytes_max", "guards.runaway_guard.max_bytes"},
      {"config.guards.runaway_deltas_max", "guards.runaway_guard.max_deltas"}};
  if (const auto found = names.find(config_path); found != names.end()) return std::string(found->second);
  return std::string(config_path.substr(config_path.find('.') + 1));
}

Result<void> check_aliases(const pb::Config& config) {
  std::set<std::string> lower_names;
  const auto lower = [](std::string text) {
    for (char& letter : text) letter = letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
    return text;
  };
  for (const auto& [name, target] : config.aliases()) {
    const std::string path = "config.aliases." + shown(name);
    if (name.find_first_not_of(" \t\r\n") == std::string::npos) return wrong(path, "the name is blank");
    if (target.find_first_not_of(" \t\r\n") == std::string::npos) return wrong(path, "names no model");
    if (equal_but_for_case(name, auto_route)) return wrong(path, "is the name of auto-routing; choose another");
    if (!lower_names.insert(lower(name)).second) return wrong(path, "stands twice but for case; remove one");
  }
  for (const auto& [name, target] : config.aliases()) {
    if (lower_names.contains(lower(target))) {
      return wrong("config.aliases." + shown(name), "leads to another alias; write the model's own name");
    }
  }
  return success();
}

Result<void> check_ranges(const pb::Config& config) {
  if (!pb::FallbackStrategy_IsValid(config.fallback().strategy())) {
    return wrong("config.fallback.strategy", "is unknown");
  }
  if (config.fallback().retries_max() > retries_max_limit) {
    return wrong("config.fallback.retries_max", "must be from 0 to 10");
  }
  const std::int64_t budget = config.thinking().default_budget_tokens();
  if (budget < budget_tokens_min || budget > budget_tokens_max) {
    return wrong("config.thinking.default_budget_tokens", "must be from 1024 to 128000");
  }
  if (config.guards().runaway_bytes_max() < runaway_bytes_min) {
    return wrong("config.guards.runaway_bytes_max", "must be at least 100000");
  }
  if (config.guards().runaway_deltas_max() < runaway_deltas_min) {
    return wrong("config.guards.runaway_deltas_max", "must be at least 1000");
  }
  if (config.priorities_size() > list_entries_max || config.beta_strip_size() > list_entries_max ||
      static_cast<int>(config.model_overrides().size()) > list_entries_max ||
      static_cast<int>(config.aliases().size()) > list_entries_max ||
      static_cast<int>(config.thinking().model_budgets().size()) > list_entries_max) {
    return wrong("config", "has a list of more than 10000 entries");
  }
  return success();
}

Json number_or_null(bool present, std::int64_t number) { return present ? Json(number) : Json(); }

Json json_from(const pb::Config& config) {
  Json json;
  json["priorities"] = Json::array();
  for (const std::string& entry : config.priorities()) json["priorities"].push_back(entry);
  for (const StrategyRow& row : strategies) {
    if (row.strategy == config.fallback().strategy()) json["fallback"]["strategy"] = row.name;
  }
  json["fallback"]["maxRetries"] = config.fallback().retries_max();
  json["model_overrides"] = Json::object();
  for (const auto& [id, limits] : std::map(config.model_overrides().begin(), config.model_overrides().end())) {
    Json& entry = json["model_overrides"][id];
    entry["max_prompt_tokens"] = number_or_null(limits.has_prompt_tokens_max(), limits.prompt_tokens_max());
    entry["max_output_tokens"] = number_or_null(limits.has_output_tokens_max(), limits.output_tokens_max());
    entry["max_context_window_tokens"] = number_or_null(limits.has_context_tokens_max(), limits.context_tokens_max());
  }
  json["thinking"]["default_budget"] = config.thinking().default_budget_tokens();
  json["thinking"]["auto_enable"] = config.thinking().auto_enable();
  json["thinking"]["model_budgets"] = Json::object();
  const auto& budgets = config.thinking().model_budgets();
  for (const auto& [id, tokens] : std::map(budgets.begin(), budgets.end())) {
    json["thinking"]["model_budgets"][id] = tokens;
  }
  json["guards"]["leak_guard"]["enabled"] = config.guards().leak_guard_enabled();
  Json& runaway = json["guards"]["runaway_guard"];
  runaway["enabled"] = config.guards().runaway_guard_enabled();
  runaway["max_bytes"] = config.guards().runaway_bytes_max();
  runaway["max_deltas"] = config.guards().runaway_deltas_max();
  json["beta_strip"] = Json::array();
  for (const std::string& token : config.beta_strip()) json["beta_strip"].push_back(token);
  json["audit"]["enabled"] = config.audit().enabled();
  json["audit"]["trace_dir"] = config.audit().has_trace_dir() ? Json(config.audit().trace_dir()) : Json();
  for (const auto& [name, target] : std::map(config.aliases().begin(), config.aliases().end())) {
    json["aliases"][name] = target;
  }
  return json;
}

}  // namespace

Result<pb::Config> read_config(std::string_view bytes, std::string_view file_name) {
  const auto refused = [&](std::string_view separator, const std::string& what) {
    return Error(ErrorKind::invalid_request, std::string(file_name) + std::string(separator) + what +
                                                 "; the last good configuration stays in use until this is mended");
  };
  if (bytes.find_first_not_of(" \t\r\n") == std::string_view::npos) bytes = "{}";
  auto json = parse_json(bytes, Doubles::refuse);
  if (!json) {
    const bool has_place = json.error().message.find_first_of("0123456789") == 0;
    return refused(has_place ? ":" : ": ", json.error().message);
  }
  const auto placed = [&](const Error& error, const std::string& path) {
    const std::string top = path.substr(0, path.find_first_of(".["));
    std::size_t offset = root_of(bytes);
    for (const Member& member : members_of(bytes, offset)) {
      if (member.key == top) offset = member.key_begin;
    }
    return refused(":", place_of(bytes, offset) + ": " + (path.empty() ? "the file" : path) + ' ' + error.message);
  };
  auto config = config_from(*json);
  if (!config) return placed(config.error(), config.error().field_path);
  auto complete = complete_config(*config);
  if (!complete) return placed(complete.error(), file_path_of(complete.error().field_path));
  return complete;
}

Result<pb::Config> complete_config(const pb::Config& config) {
  pb::Config complete = config;
  pb::Fallback& fallback = *complete.mutable_fallback();
  if (fallback.strategy() == pb::FALLBACK_STRATEGY_UNSPECIFIED) fallback.set_strategy(pb::FALLBACK_STRATEGY_PRIORITY);
  if (!fallback.has_retries_max()) fallback.set_retries_max(2);
  pb::Thinking& thinking = *complete.mutable_thinking();
  if (!thinking.has_default_budget_tokens()) thinking.set_default_budget_tokens(16'000);
  if (!thinking.has_auto_enable()) thinking.set_auto_enable(false);
  pb::Guards& guards = *complete.mutable_guards();
  if (!guards.has_leak_guard_enabled()) guards.set_leak_guard_enabled(true);
  if (!guards.has_runaway_guard_enabled()) guards.set_runaway_guard_enabled(true);
  if (!guards.has_runaway_bytes_max()) guards.set_runaway_bytes_max(10'000'000);
  if (!guards.has_runaway_deltas_max()) guards.set_runaway_deltas_max(50'000);
  pb::Audit& audit = *complete.mutable_audit();
  if (!audit.has_enabled()) audit.set_enabled(false);
  if (auto checked = check_ranges(complete); !checked) return checked.error();
  if (auto checked = check_aliases(complete); !checked) return checked.error();
  return complete;
}

std::string canonical_config(const pb::Config& complete) { return canonical_text(json_from(complete)); }
std::string config_revision(const pb::Config& complete) { return store::content_revision(canonical_config(complete)); }

std::string write_config(const pb::Config& complete, std::string_view present_bytes) {
  Json json = Json::object();
  if (auto present = parse_json(present_bytes, Doubles::keep_last); present && present->is_object()) {
    json = std::move(*present);
  }
  json.erase("aliases");
  const Json known = json_from(complete);
  for (const auto& [name, value] : known.items()) json[name] = value;
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

Result<pb::Config> merged_config(const pb::Config& present, const pb::Config& change,
                                 const google::protobuf::FieldMask& mask) {
  using google::protobuf::util::FieldMaskUtil;
  if (mask.paths().empty()) return change;
  for (const std::string& path : mask.paths()) {
    if (!FieldMaskUtil::IsValidPath<pb::Config>(path)) {
      return wrong("update_mask", "names \"" + shown(path) + "\", which is no field of Config");
    }
  }
  pb::Config merged = present;
  FieldMaskUtil::MergeOptions options;
  options.set_replace_message_fields(true);
  options.set_replace_repeated_fields(true);
  FieldMaskUtil::MergeMessageTo(change, mask, options, &merged);
  // Maps are merged, not replaced, whatever the options say.
  for (const std::string& path : mask.paths()) {
    if (path == "model_overrides") *merged.mutable_model_overrides() = change.model_overrides();
    if (path == "aliases") *merged.mutable_aliases() = change.aliases();
    if (path == "thinking.model_budgets") {
      *merged.mutable_thinking()->mutable_model_budgets() = change.thinking().model_budgets();
    }
  }
  return merged;
}

}  // namespace maestro::registry
