#include "auth/server_key.h"

#include <algorithm>
#include <array>

#include <sodium.h>

#include "auth/json_document.h"
#include "base/limits.h"
#include "log/log.h"

namespace maestro::auth {
namespace {

constexpr auto document_name = "contexts.json";
constexpr std::size_t key_bytes_min = 16;
constexpr std::size_t key_bytes_max = 4096;
constexpr std::string_view how_to_make_one = "Make one with: openssl rand -hex 32";

std::string where(KeySource source) {
  switch (source) {
    case KeySource::flag:
      return "The server key of --api-key";
    case KeySource::file:
      return "The server key of --api-key-file or --api-key-fd";
    case KeySource::variable:
      return "The server key in ROUTER_MAESTRO_API_KEY";
    case KeySource::stored:
      return "The server key in contexts.json (contexts.local.api_key)";
    case KeySource::generated:
      return "The server key";
  }
  return "The server key";
}

std::optional<ServerKey> first_passed(const PassedKeys& passed) {
  if (passed.flag) return ServerKey{*passed.flag, KeySource::flag};
  if (passed.file) return ServerKey{*passed.file, KeySource::file};
  if (passed.variable && !passed.variable->empty()) return ServerKey{*passed.variable, KeySource::variable};
  return std::nullopt;
}

Result<Json> read_contexts(const std::optional<store::Document>& document) {
  if (document) return parse_object(document_name, document->bytes);
  Json root = Json::object();
  root["current"] = "local";
  root["contexts"] = Json::object();
  return root;
}

Result<void> write_back(store::Store& store, const Secret& key) {
  for (int attempt = 0; attempt < limits::store_attempts_max; ++attempt) {
    auto document = store.get(document_name);
    if (!document) return document.error();
    auto root = read_contexts(*document);
    if (!root) return root.error();
    auto& contexts = (*root)["contexts"];
    if (contexts.is_null()) contexts = Json::object();
    if (!contexts.is_object() || (contexts.contains("local") && !contexts["local"].is_object()))
      return Error(ErrorKind::unavailable,
                   "contexts.json: `contexts` and `contexts.local` must be objects. Repair it, or move it away.");
    auto& local = contexts["local"];
    if (!local.contains("endpoint")) local["endpoint"] = "http://localhost:8080";
    if (key.equals(text_member(local, "api_key"))) return {};
    local["api_key"] = std::string(key.reveal());
    auto written = store.put(document_name, print(*root), *document ? (*document)->revision : std::string{});
    if (written) return {};
    if (written.error().kind != ErrorKind::conflict) return written.error();
  }
  return Error(ErrorKind::conflict, "contexts.json is being changed all the time. Try again.");
}

}  // namespace

std::string_view to_string(KeySource source) {
  switch (source) {
    case KeySource::flag:
      return "flag";
    case KeySource::file:
      return "file";
    case KeySource::variable:
      return "variable";
    case KeySource::stored:
      return "stored";
    case KeySource::generated:
      return "generated";
  }
  return "generated";
}

Result<void> judge_server_key(std::string_view key, KeySource source) {
  const auto refuse = [&](const std::string& why) {
    return Error(ErrorKind::invalid_request, where(source) + " " + why + " " + std::string(how_to_make_one));
  };
  if (key.find("$(") != std::string_view::npos) return refuse("holds `$(`: a command that no shell has run.");
  if (key.size() < key_bytes_min) return refuse("is shorter than 16 bytes.");
  if (key.size() > key_bytes_max) return refuse("is longer than 4096 bytes.");
  const bool fits = std::all_of(key.begin(), key.end(), [](char letter) { return letter > 0x20 && letter < 0x7f; });
  if (!fits) return refuse("holds a blank or a character that no HTTP header can carry.");
  return {};
}

Result<std::optional<Secret>> stored_server_key(store::Store& store) {
  auto document = store.get(document_name);
  if (!document) return document.error();
  if (!*document) return std::optional<Secret>{};
  auto root = parse_object(document_name, (*document)->bytes);
  if (!root) return root.error();
  const Json* contexts = member(*root, "contexts");
  const Json* local = contexts ? member(*contexts, "local") : nullptr;
  if (!local) return std::optional<Secret>{};
  Secret key(text_member(*local, "api_key"));
  if (key.empty()) return std::optional<Secret>{};
  if (auto judged = judge_server_key(key.reveal(), KeySource::stored); !judged) return judged.error();
  return std::optional<Secret>(std::move(key));
}

Result<ServerKey> resolve_server_key(store::Store& store, const PassedKeys& passed) {
  auto chosen = first_passed(passed);
  if (chosen) {
    if (auto judged = judge_server_key(chosen->key.reveal(), chosen->source); !judged) return judged.error();
  } else {
    auto stored = stored_server_key(store);
    if (!stored) return stored.error();
    if (*stored) return ServerKey{std::move(**stored), KeySource::stored};
    chosen = ServerKey{generate_key(), KeySource::generated};
  }
  if (auto written = write_back(store, chosen->key); !written) {
    // A key that nobody has seen is of no use unless the CLI can read it.
    if (chosen->source == KeySource::generated) return written.error();
    log::warning("server_key_not_written_back", {{"why", written.error().message}});
  }
  return std::move(*chosen);
}

Secret generate_key() {
  std::array<unsigned char, 32> bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  constexpr int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  std::array<char, sodium_base64_ENCODED_LEN(32, variant)> text{};
  sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), variant);
  std::string key = "sk-rm-";
  key.reserve(64);
  key += text.data();
  sodium_memzero(bytes.data(), bytes.size());
  sodium_memzero(text.data(), text.size());
  return Secret(std::move(key));
}

std::string hint_of(std::string_view key) {
  if (key.size() < 32) return {};
  return std::string(key.substr(0, 12)) + "..." + std::string(key.substr(key.size() - 4));
}

}  // namespace maestro::auth
