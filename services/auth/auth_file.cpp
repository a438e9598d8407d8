#include "auth/auth_file.h"

#include <algorithm>
#include <utility>

namespace maestro::auth {
namespace {

std::string trimmed(const std::string& text) {
  constexpr auto blanks = " \t\r\n";
  const auto begin = text.find_first_not_of(blanks);
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

// Nothing when the entry cannot be read. Keys that are empty count as missing.
std::optional<ApiKeys> read_api_keys(const Json& entry) {
  const Json* first = member(entry, "key");
  if (!first || !first->is_string()) return std::nullopt;
  ApiKeys result;
  result.keys.emplace_back(trimmed(first->get<std::string>()));
  if (const Json* more = member(entry, "keys"); more && !more->is_null()) {
    if (!more->is_array()) return std::nullopt;
    for (const auto& key : *more) {
      if (!key.is_string()) return std::nullopt;
      result.keys.emplace_back(trimmed(key.get<std::string>()));
    }
  }
  std::erase_if(result.keys, [](const Secret& key) { return key.empty(); });
  if (result.keys.empty()) return std::nullopt;
  result.origin = text_member(entry, "origin");
  return result;
}

bool is_oauth(const Json& entry) {
  const Json* refresh = member(entry, "refresh");
  const Json* access = member(entry, "access");
  return refresh && refresh->is_string() && access && access->is_string();
}

}  // namespace

Result<AuthFile> AuthFile::parse(std::string_view bytes) {
  auto root = parse_object("auth.json", bytes);
  if (!root) return root.error();
  AuthFile file;
  file.root_ = std::move(*root);
  file.read_entries();
  return file;
}

void AuthFile::read_entries() {
  credentials_.clear();
  unreadable_.clear();
  for (const auto& [provider_id, entry] : root_.items()) {
    const std::string type = text_member(entry, "type");
    if (auto keys = type == "api" ? read_api_keys(entry) : std::nullopt) {
      credentials_.push_back(StoredCredential{provider_id, std::move(*keys)});
    } else if (type == "oauth" && is_oauth(entry)) {
      credentials_.push_back(StoredCredential{provider_id, OauthTokens{}});
    } else {
      unreadable_.push_back(provider_id);
    }
  }
}

const StoredCredential* AuthFile::find(std::string_view provider_id) const {
  const auto found = std::find_if(credentials_.begin(), credentials_.end(),
                                  [&](const StoredCredential& stored) { return stored.provider_id == provider_id; });
  return found == credentials_.end() ? nullptr : &*found;
}

void AuthFile::set_key(const std::string& provider_id, std::size_t position, const Secret& key,
                       const std::string& origin) {
  const auto* present = find(provider_id);
  const auto* keys = present ? std::get_if<ApiKeys>(&present->secret) : nullptr;
  std::vector<std::string> texts;
  if (keys)
    for (const auto& old : keys->keys) texts.emplace_back(old.reveal());
  if (position < texts.size()) {
    texts[position] = key.reveal();
  } else {
    texts.emplace_back(key.reveal());
  }
  Json entry = keys ? root_[provider_id] : Json::object();
  entry["type"] = "api";
  entry["key"] = texts.front();
  entry.erase("keys");
  if (texts.size() > 1) entry["keys"] = std::vector<std::string>(texts.begin() + 1, texts.end());
  if (!origin.empty()) entry["origin"] = origin;
  root_[provider_id] = std::move(entry);
  read_entries();
}

bool AuthFile::remove_key(const std::string& provider_id, std::size_t position) {
  const auto* present = find(provider_id);
  const auto* keys = present ? std::get_if<ApiKeys>(&present->secret) : nullptr;
  if (!keys || position >= keys->keys.size()) return false;
  if (keys->keys.size() == 1) return remove(provider_id);
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < keys->keys.size(); ++i)
    if (i != position) texts.emplace_back(keys->keys[i].reveal());
  Json& entry = root_[provider_id];
  entry["key"] = texts.front();
  entry.erase("keys");
  if (texts.size() > 1) entry["keys"] = std::vector<std::string>(texts.begin() + 1, texts.end());
  read_entries();
  return true;
}

bool AuthFile::remove(const std::string& provider_id) {
  if (root_.erase(provider_id) == 0) return false;
  read_entries();
  return true;
}

}  // namespace maestro::auth
