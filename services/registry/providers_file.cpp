#include "registry/providers_file.h"

#include <algorithm>
#include <array>
#include <optional>

#include "registry/provider_entry.h"
#include "store/store.h"

namespace maestro::registry {
namespace {

constexpr std::string_view empty_file = "{\n  \"providers\": {}\n}\n";
constexpr std::array builtin_names{std::string_view("github-copilot"), std::string_view("openai"),
                                   std::string_view("anthropic")};

// The text as the reader sees it: a file that is not there has no providers.
std::string_view text_of(std::string_view bytes) {
  return bytes.find_first_not_of(" \t\r\n") == std::string_view::npos ? empty_file : bytes;
}

Error refused_file(std::string_view file_name, std::string_view place, std::string_view what) {
  std::string message(file_name);
  message += ':';
  message += place;
  message += ": ";
  message += what;
  message += "; the last good file stays in use until this is mended";
  return Error(ErrorKind::invalid_request, std::move(message));
}

struct Checked {
  Json json;
  std::optional<Member> providers;  // its member in the root
};

Result<Checked> check_file(std::string_view text, std::string_view file_name) {
  auto json = parse_json(text, Doubles::keep_last);
  if (!json) {
    const std::string& message = json.error().message;
    const auto split = message.find(": ");
    // Only what the parser itself refuses has a place; what the builder refuses concerns the whole.
    if (split == std::string::npos || message.find_first_of("0123456789") != 0) {
      return refused_file(file_name, "1:1", message);
    }
    return refused_file(file_name, std::string_view(message).substr(0, split), message.substr(split + 2));
  }
  const std::size_t root = root_of(text);
  if (!json->is_object()) {
    return refused_file(file_name, place_of(text, root),
                        "must be an object {\"providers\": {...}}, is " + std::string(type_of(*json)));
  }
  Checked checked{std::move(*json), std::nullopt};
  for (Member& member : members_of(text, root)) {
    if (member.key != "providers") continue;
    if (checked.providers) {
      return refused_file(file_name, place_of(text, member.key_begin), "\"providers\" stands twice; remove one");
    }
    checked.providers = std::move(member);
  }
  if (checked.providers && !checked.json["providers"].is_object()) {
    return refused_file(
        file_name, place_of(text, checked.providers->value_begin),
        "\"providers\" must be an object of provider names, is " + std::string(type_of(checked.json["providers"])));
  }
  return checked;
}

std::string value_text(std::string_view text, const Member& member) {
  return std::string(text.substr(member.value_begin, member.value_end - member.value_begin));
}

std::string problem_with(std::string_view file_name, std::string_view place, std::string_view id, const Error& error) {
  std::string problem(file_name);
  problem += ':';
  problem += place;
  problem += ": providers.";
  problem += shown(id);
  if (!error.field_path.empty()) problem += '.' + error.field_path;
  problem += ": " + error.message;
  return problem;
}

ProvidersFile::Entry read_member(std::string_view text, const Member& member, std::string_view file_name,
                                 const std::vector<ProvidersFile::Entry>& before) {
  const auto refused = [&](const Error& error) {
    ProvidersFile::Entry entry;
    entry.entry.set_id(member.key);
    entry.problem = problem_with(file_name, place_of(text, member.key_begin), member.key, error);
    return entry;
  };
  if (is_builtin_name(member.key)) {
    return refused(Error(ErrorKind::invalid_request, "the name is that of a built-in provider; choose another"));
  }
  for (const ProvidersFile::Entry& other : before) {
    if (equal_but_for_case(other.entry.id(), member.key)) {
      return refused(Error(ErrorKind::invalid_request, "another entry before it has the name; rename or remove one"));
    }
  }
  auto json = parse_json(value_text(text, member), Doubles::refuse);
  if (!json) return refused(json.error());
  auto entry = read_entry(member.key, *json);
  if (!entry) return refused(entry.error());
  return std::move(*entry);
}

// The line's own white space before `offset`: how far its neighbours are moved in.
std::string indentation_at(std::string_view text, std::size_t offset) {
  const auto line = text.rfind('\n', offset == 0 ? 0 : offset - 1);
  const std::size_t begin = line == std::string_view::npos ? 0 : line + 1;
  const std::string_view before = text.substr(begin, offset - begin);
  return before.find_first_not_of(" \t") == std::string_view::npos ? std::string(before) : std::string(4, ' ');
}

std::string indented(const Json& json, const std::string& indentation) {
  std::string text;
  for (const char letter : json.dump(2, ' ', false, Json::error_handler_t::replace)) {
    text += letter;
    if (letter == '\n') text += indentation;
  }
  return text;
}

std::string spliced(std::string_view text, std::size_t begin, std::size_t end, std::string_view piece) {
  std::string result(text.substr(0, begin));
  result += piece;
  result += text.substr(end);
  return result;
}

// The file with "providers" in it, so that an entry has a place to go to.
Result<std::string> prepared(std::string_view bytes, std::string_view file_name) {
  const std::string_view text = text_of(bytes);
  auto checked = check_file(text, file_name);
  if (!checked) return checked.error();
  if (checked->providers) return std::string(text);
  const std::size_t root = root_of(text);
  const auto members = members_of(text, root);
  const std::size_t at = members.empty() ? root + 1 : members.back().value_end;
  return spliced(text, at, at, members.empty() ? "\n  \"providers\": {}\n" : ",\n  \"providers\": {}");
}

std::vector<Member> entries_of(std::string_view text) {
  for (const Member& member : members_of(text, root_of(text))) {
    if (member.key == "providers") return members_of(text, member.value_begin);
  }
  return {};
}

std::size_t providers_begin(std::string_view text) {
  for (const Member& member : members_of(text, root_of(text))) {
    if (member.key == "providers") return member.value_begin;
  }
  return std::string_view::npos;
}

}  // namespace

bool equal_but_for_case(std::string_view a, std::string_view b) {
  const auto lower = [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

bool is_builtin_name(std::string_view id) {
  return std::any_of(builtin_names.begin(), builtin_names.end(),
                     [id](std::string_view name) { return equal_but_for_case(id, name); });
}

Result<ProvidersFile> read_providers(std::string_view bytes, std::string_view file_name) {
  const std::string_view text = text_of(bytes);
  auto checked = check_file(text, file_name);
  if (!checked) return checked.error();
  ProvidersFile file;
  file.revision = store::content_revision(canonical_text(checked->json));
  for (const Member& member : entries_of(text)) {
    file.entries.push_back(read_member(text, member, file_name, file.entries));
  }
  return file;
}

Result<std::string> with_entry(std::string_view bytes, const pb::ProviderEntry& entry, std::string_view file_name) {
  auto text = prepared(bytes, file_name);
  if (!text) return text.error();
  const auto refused = [](std::string message) {
    Error error(ErrorKind::invalid_request, std::move(message));
    error.field_path = "entry.id";
    return error;
  };
  if (is_builtin_name(entry.id())) return refused("The name is that of a built-in provider; choose another.");
  const auto members = entries_of(*text);
  const Member* present = nullptr;
  for (const Member& member : members) {
    if (member.key == entry.id()) {
      present = &member;
      break;
    }
    if (equal_but_for_case(member.key, entry.id())) {
      return refused("An entry whose name differs only in case exists; use its name, or delete it first.");
    }
  }
  Json before;
  if (present != nullptr) {
    if (auto parsed = parse_json(value_text(*text, *present), Doubles::keep_last)) before = std::move(*parsed);
  }
  auto json = write_entry(entry, before);
  if (!json) return json.error();
  if (present != nullptr) {
    // An entry that already says all this keeps its bytes.
    if (*json == before) return *text;
    return spliced(*text, present->value_begin, present->value_end,
                   indented(*json, indentation_at(*text, present->key_begin)));
  }
  const std::string indentation = members.empty() ? "    " : indentation_at(*text, members.back().key_begin);
  const std::string member = '\n' + indentation +
                             Json(entry.id()).dump(-1, ' ', false, Json::error_handler_t::replace) + ": " +
                             indented(*json, indentation);
  const std::size_t begin = members.empty() ? providers_begin(*text) + 1 : members.back().value_end;
  if (!members.empty()) return spliced(*text, begin, begin, "," + member);
  const std::size_t end = text->find('}', begin);
  return spliced(*text, begin, end, member + "\n  ");
}

Result<std::string> without_entry(std::string_view bytes, std::string_view id, std::string_view file_name) {
  const std::string_view text = text_of(bytes);
  if (auto checked = check_file(text, file_name); !checked) return checked.error();
  const auto members = entries_of(text);
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (members[i].key != id) continue;
    if (i > 0) return spliced(text, members[i - 1].value_end, members[i].value_end, {});
    if (members.size() > 1) return spliced(text, members[0].key_begin, members[1].key_begin, {});
    const std::size_t begin = providers_begin(text) + 1;
    return spliced(text, begin, text.find('}', members[0].value_end), {});
  }
  return Error(ErrorKind::not_found, "There is no provider \"" + shown(id) + "\" in " + std::string(file_name) + ".");
}

}  // namespace maestro::registry
