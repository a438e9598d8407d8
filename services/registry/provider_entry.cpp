#include "registry/provider_entry.h"

#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include "base/limits.h"

namespace maestro::registry {
namespace {

constexpr std::size_t id_bytes_max = 128;
constexpr std::size_t model_id_bytes_max = 512;
constexpr std::size_t url_bytes_max = 2048;
constexpr double timeout_seconds_max = 86'400;

struct DialectRow {
  pb::Dialect dialect;
  std::string_view name;
  std::string_view type;
};
constexpr std::array dialects{DialectRow{pb::DIALECT_OPENAI_CHAT, "openai_chat", "openai-compatible"},
                              DialectRow{pb::DIALECT_OPENAI_RESPONSES, "openai_responses", "openai-responses"},
                              DialectRow{pb::DIALECT_ANTHROPIC, "anthropic", "anthropic"},
                              DialectRow{pb::DIALECT_GEMINI, "gemini", "gemini"}};

struct TimeoutRow {
  const char* name;
  google::protobuf::Duration* (pb::Timeouts::*mutable_value)();
  const google::protobuf::Duration& (pb::Timeouts::*value)() const;
  bool (pb::Timeouts::*has)() const;
};
constexpr std::array timeouts{
    TimeoutRow{"connect_seconds", &pb::Timeouts::mutable_connect, &pb::Timeouts::connect, &pb::Timeouts::has_connect},
    TimeoutRow{"first_event_seconds", &pb::Timeouts::mutable_first_event, &pb::Timeouts::first_event,
               &pb::Timeouts::has_first_event},
    TimeoutRow{"whole_reply_seconds", &pb::Timeouts::mutable_whole_reply, &pb::Timeouts::whole_reply,
               &pb::Timeouts::has_whole_reply},
    TimeoutRow{"idle_seconds", &pb::Timeouts::mutable_idle, &pb::Timeouts::idle, &pb::Timeouts::has_idle},
    TimeoutRow{"total_seconds", &pb::Timeouts::mutable_total, &pb::Timeouts::total, &pb::Timeouts::has_total}};

Error wrong(std::string field_path, std::string message) {
  Error error(ErrorKind::invalid_request, std::move(message));
  error.field_path = std::move(field_path);
  return error;
}
Error wrong_type(std::string field_path, std::string_view wanted, const Json& json) {
  return wrong(std::move(field_path), "must be " + std::string(wanted) + ", is " + std::string(type_of(json)));
}

bool has_control_characters(std::string_view text) {
  for (const char letter : text) {
    const auto code = static_cast<unsigned char>(letter);
    if (code < 0x20 || code == 0x7F) return true;
  }
  return false;
}
bool is_padded(std::string_view text) {
  constexpr std::string_view spaces = " \t\r\n\f\v";
  return !text.empty() &&
         (spaces.find(text.front()) != std::string_view::npos || spaces.find(text.back()) != std::string_view::npos);
}
std::string problem_of_model_id(std::string_view id) {
  if (id.empty()) return "a model id is empty";
  if (is_padded(id)) return "a model id begins or ends with a space";
  if (id.size() > model_id_bytes_max)
    return "a model id is longer than " + std::to_string(model_id_bytes_max) + " bytes";
  if (has_control_characters(id)) return "a model id has control characters";
  return {};
}
bool is_variable_name(std::string_view name) {
  if (name.empty() || (name.front() >= '0' && name.front() <= '9')) return false;
  for (const char letter : name) {
    const bool good = (letter >= 'A' && letter <= 'Z') || (letter >= 'a' && letter <= 'z') ||
                      (letter >= '0' && letter <= '9') || letter == '_';
    if (!good) return false;
  }
  return true;
}

bool is_port(std::string_view digits) {
  unsigned int number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return error == std::errc{} && end == digits.data() + digits.size() && number >= 1 && number <= 65'535;
}

Result<void> read_models(const Json& json, ProvidersFile::Entry& out) {
  if (!json.is_object()) return wrong_type("models", "an object of model ids", json);
  if (json.size() > limits::models_per_provider_max) {
    return wrong("models", "has more than " + std::to_string(limits::models_per_provider_max) + " models");
  }
  for (const auto& [id, model] : json.items()) {
    const std::string path = "models." + shown(id);
    if (std::string problem = problem_of_model_id(id); !problem.empty()) return wrong(path, std::move(problem));
    if (!model.is_object()) return wrong_type(path, "an object such as {\"name\": \"Llama 3\"}", model);
    std::string name;
    if (const auto found = model.find("name"); found != model.end()) {
      if (!found->is_string()) return wrong_type(path + ".name", "a text", *found);
      name = found->get<std::string>();
    }
    if (has_control_characters(name)) return wrong(path + ".name", "has control characters");
    (*out.entry.mutable_models())[id] = name;
    out.models.emplace_back(id, std::move(name));
  }
  return success();
}

Result<void> read_timeouts(const Json& json, pb::Timeouts& out) {
  if (!json.is_object()) return wrong_type("options.timeouts", "an object", json);
  for (const auto& [name, value] : json.items()) {
    const std::string path = "options.timeouts." + shown(name);
    const TimeoutRow* row = nullptr;
    for (const TimeoutRow& candidate : timeouts) {
      if (name == candidate.name) row = &candidate;
    }
    if (row == nullptr) {
      return wrong(path,
                   "is unknown; there are connect_seconds, first_event_seconds, whole_reply_seconds, idle_seconds "
                   "and total_seconds");
    }
    if (!value.is_number()) return wrong_type(path, "a number of seconds", value);
    const auto seconds = value.get<double>();
    if (!(seconds >= 0.001 && seconds <= timeout_seconds_max)) {
      return wrong(path, "must be between 0.001 and 86400 seconds");
    }
    google::protobuf::Duration& duration = *(out.*row->mutable_value)();
    const double whole = std::floor(seconds);
    duration.set_seconds(static_cast<std::int64_t>(whole));
    duration.set_nanos(static_cast<std::int32_t>(std::lround((seconds - whole) * 1e6)) * 1000);
  }
  return success();
}

Result<void> read_dialects(const Json& json, pb::ProviderEntry& out) {
  if (!json.is_array()) return wrong_type("options.dialects", "a list", json);
  std::set<pb::Dialect> seen;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const std::string path = "options.dialects[" + std::to_string(i) + "]";
    if (!json[i].is_string()) return wrong_type(path, "a text", json[i]);
    const pb::Dialect dialect = dialect_from(json[i].get_ref<const std::string&>());
    if (dialect == pb::DIALECT_UNSPECIFIED) {
      return wrong(path, "is unknown; there are openai_chat, openai_responses, anthropic and gemini");
    }
    if (!seen.insert(dialect).second) return wrong(path, "stands twice; remove one");
    out.add_dialects(dialect);
  }
  return success();
}

Result<void> read_options(const Json& json, ProvidersFile::Entry& out) {
  if (!json.is_object()) return wrong_type("options", "an object", json);
  Json others = Json::object();
  for (const auto& [name, value] : json.items()) {
    if (name == "api_key_env") {
      if (value.is_null()) continue;
      if (!value.is_string()) return wrong_type("options.api_key_env", "a text", value);
      if (!is_variable_name(value.get_ref<const std::string&>())) {
        return wrong(
            "options.api_key_env",
            "must be the NAME of an environment variable: letters, digits and _, no digit first (the key itself "
            "belongs in that variable, or is stored with `router-maestro auth login`)");
      }
      out.entry.set_api_key_env(value.get<std::string>());
    } else if (name == "allow_unauthenticated") {
      if (!value.is_boolean()) return wrong_type("options.allow_unauthenticated", "true or false", value);
      out.entry.set_allow_unauthenticated(value.get<bool>());
    } else if (name == "dialects") {
      if (auto read = read_dialects(value, out.entry); !read) return read.error();
    } else if (name == "timeouts") {
      if (auto read = read_timeouts(value, *out.entry.mutable_timeouts()); !read) return read.error();
    } else {
      others[name] = value;
      out.unknown_options.push_back(shown(name));
    }
  }
  if (!others.empty()) out.entry.set_other_options_json(others.dump(-1, ' ', false, Json::error_handler_t::replace));
  return success();
}

// The names of ProviderEntry for what is wrong in the JSON that was made of one.
std::string entry_field(std::string_view json_path) {
  if (json_path.starts_with("options.")) json_path.remove_prefix(8);
  if (json_path == "baseURL") return "entry.base_url";
  return "entry." + std::string(json_path);
}

Json written_models(const pb::ProviderEntry& entry, const Json& before) {
  Json models = Json::object();
  const auto put = [&](const std::string& id, const std::string& name) {
    const bool kept = before.contains(id) && before[id].is_object();
    Json model = kept ? before[id] : Json::object();
    model["name"] = name;
    models[id] = std::move(model);
  };
  if (before.is_object()) {
    for (const auto& [id, ignored] : before.items()) {
      if (const auto found = entry.models().find(id); found != entry.models().end()) put(id, found->second);
    }
  }
  const std::map<std::string, std::string> rest(entry.models().begin(), entry.models().end());
  for (const auto& [id, name] : rest) {
    if (!models.contains(id)) put(id, name);
  }
  return models;
}

Result<Json> written_options(const pb::ProviderEntry& entry) {
  Json options = Json::object();
  if (!entry.other_options_json().empty()) {
    auto others = parse_json(entry.other_options_json(), Doubles::refuse);
    if (!others) return wrong("entry.other_options_json", "is no JSON: " + others.error().message);
    if (!others->is_object()) return wrong_type("entry.other_options_json", "an object", *others);
    for (const char* known : {"api_key_env", "allow_unauthenticated", "dialects", "timeouts"}) {
      if (others->contains(known)) {
        return wrong("entry.other_options_json", std::string("has ") + known + ", which has a field of its own");
      }
    }
    options = std::move(*others);
  }
  if (!entry.api_key_env().empty()) options["api_key_env"] = entry.api_key_env();
  if (entry.allow_unauthenticated()) options["allow_unauthenticated"] = true;
  for (int i = 0; i < entry.dialects_size(); ++i) {
    if (dialect_name(entry.dialects(i)).empty()) {
      return wrong("entry.dialects[" + std::to_string(i) + "]", "is unknown");
    }
    options["dialects"].push_back(std::string(dialect_name(entry.dialects(i))));
  }
  for (const TimeoutRow& row : timeouts) {
    if (!(entry.timeouts().*row.has)()) continue;
    const auto& duration = (entry.timeouts().*row.value)();
    if (duration.nanos() == 0) {
      options["timeouts"][row.name] = duration.seconds();
    } else {
      options["timeouts"][row.name] = static_cast<double>(duration.seconds()) + duration.nanos() / 1e9;
    }
  }
  return options;
}

}  // namespace

pb::Dialect dialect_of_type(std::string_view type) {
  for (const DialectRow& row : dialects) {
    if (row.type == type) return row.dialect;
  }
  return pb::DIALECT_UNSPECIFIED;
}
std::string_view dialect_name(pb::Dialect dialect) {
  for (const DialectRow& row : dialects) {
    if (row.dialect == dialect) return row.name;
  }
  return {};
}
pb::Dialect dialect_from(std::string_view name) {
  for (const DialectRow& row : dialects) {
    if (row.name == name) return row.dialect;
  }
  return pb::DIALECT_UNSPECIFIED;
}

Result<std::string> checked_base_url(std::string_view url) {
  const auto refused = [](std::string message) { return Error(ErrorKind::invalid_request, std::move(message)); };
  if (url.empty()) return refused("is empty; write where the provider's API begins, such as http://localhost:11434/v1");
  if (url.size() > url_bytes_max) return refused("is longer than " + std::to_string(url_bytes_max) + " bytes");
  const auto parsed = boost::urls::parse_uri(boost::urls::string_view(url.data(), url.size()));
  if (!parsed) return refused("is no URL; write it as http://host:port/v1 or https://host/v1");
  const auto scheme = parsed->scheme_id();
  if (scheme != boost::urls::scheme::http && scheme != boost::urls::scheme::https) {
    return refused("must begin with http:// or https://");
  }
  if (parsed->encoded_host().empty()) return refused("has no host");
  if (parsed->has_userinfo())
    return refused("must not hold credentials; store the key with `router-maestro auth login`");
  if (parsed->has_query() || parsed->has_fragment()) return refused("must end with its path: no ? and no #");
  if (parsed->has_port() && !is_port(std::string_view(parsed->port().data(), parsed->port().size()))) {
    return refused("has no usable port; write one from 1 to 65535");
  }
  while (url.ends_with('/')) url.remove_suffix(1);
  for (const std::string_view tail : {"/chat/completions", "/responses", "/messages", "/models"}) {
    if (url.ends_with(tail)) return refused("must end before " + std::string(tail) + ", which is added to it");
  }
  return std::string(url);
}

std::string problem_of_id(std::string_view id) {
  if (id.empty()) return "the name is empty";
  if (id.find_first_not_of(" \t\r\n\f\v") == std::string_view::npos) return "the name is blank";
  if (is_padded(id)) return "the name begins or ends with a space";
  if (id.find('/') != std::string_view::npos) return "the name must not hold \"/\", which parts provider and model";
  if (has_control_characters(id)) return "the name has control characters";
  if (id.size() > id_bytes_max) return "the name is longer than " + std::to_string(id_bytes_max) + " bytes";
  return {};
}

Result<ProvidersFile::Entry> read_entry(std::string_view id, const Json& json) {
  if (std::string problem = problem_of_id(id); !problem.empty()) return wrong({}, std::move(problem));
  if (!json.is_object()) return wrong_type({}, "an object with at least \"baseURL\"", json);
  ProvidersFile::Entry out;
  out.entry.set_id(std::string(id));
  out.entry.set_type("openai-compatible");
  if (const auto type = json.find("type"); type != json.end()) {
    if (!type->is_string()) return wrong_type("type", "a text", *type);
    if (dialect_of_type(type->get_ref<const std::string&>()) == pb::DIALECT_UNSPECIFIED) {
      return wrong("type", "is unknown; there are openai-compatible, openai-responses, anthropic and gemini");
    }
    out.entry.set_type(type->get<std::string>());
  }
  const auto url = json.find("baseURL");
  if (url == json.end()) return wrong("baseURL", "is missing; write where the provider's API begins");
  if (!url->is_string()) return wrong_type("baseURL", "a text", *url);
  auto base_url = checked_base_url(url->get_ref<const std::string&>());
  if (!base_url) return wrong("baseURL", base_url.error().message);
  out.entry.set_base_url(std::move(*base_url));
  if (const auto models = json.find("models"); models != json.end()) {
    if (auto read = read_models(*models, out); !read) return read.error();
  }
  if (const auto options = json.find("options"); options != json.end()) {
    if (auto read = read_options(*options, out); !read) return read.error();
  }
  return out;
}

Result<Json> write_entry(const pb::ProviderEntry& entry, const Json& before) {
  Json json = before.is_object() ? before : Json::object();
  json["type"] = entry.type().empty() ? "openai-compatible" : entry.type();
  json["baseURL"] = entry.base_url();
  Json models = written_models(entry, json.contains("models") ? json["models"] : Json());
  if (!models.empty() || json.contains("models")) json["models"] = std::move(models);
  auto options = written_options(entry);
  if (!options) return options.error();
  if (!options->empty() || json.contains("options")) json["options"] = std::move(*options);
  // What is written must be read again: one set of rules for both ways in.
  if (auto read = read_entry(entry.id(), json); !read) {
    const std::string& path = read.error().field_path;
    std::string field = path.empty() ? "entry.id" : entry_field(path);
    return wrong(std::move(field), read.error().message);
  }
  return json;
}

}  // namespace maestro::registry
