#include "auth/ledger.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <sodium.h>

#include "auth/server_key.h"
#include "base/limits.h"
#include "log/log.h"

namespace maestro::auth {
namespace {

constexpr auto document_name = "keys.json";
constexpr int format = 1;
constexpr std::size_t hash_bytes = 32;

std::string to_hex(std::string_view bytes) {
  std::string hex(bytes.size() * 2 + 1, '\0');
  sodium_bin2hex(hex.data(), hex.size(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  hex.pop_back();
  return hex;
}

// Empty when it is no hex.
std::string from_hex(std::string_view hex) {
  std::string bytes(hex.size() / 2, '\0');
  std::size_t length = 0;
  const char* end = nullptr;
  const int outcome = sodium_hex2bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), hex.data(),
                                     hex.size(), nullptr, &length, &end);
  if (outcome != 0 || end != hex.data() + hex.size() || length != bytes.size()) return {};
  return bytes;
}

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  randombytes_buf(bytes.data(), bytes.size());
  return bytes;
}

std::uint64_t number_member(const Json& object, const char* name) {
  const Json* found = member(object, name);
  return found && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

Result<Revision> read_revision(const Json& root, const char* name) {
  const Json* part = member(root, name);
  if (!part) return Error(ErrorKind::invalid_request, "");
  Revision revision{text_member(*part, "epoch"), number_member(*part, "number")};
  if (revision.epoch.empty()) return Error(ErrorKind::invalid_request, "");
  return revision;
}

Error broken(const std::string& why) {
  return {ErrorKind::unavailable, "keys.json " + why +
                                      ". Restore it from a copy, or move it away to begin anew: a new one is made, "
                                      "and created keys are lost."};
}

}  // namespace

Result<Ledger> Ledger::open(store::Store& store) {
  Ledger ledger(store);
  auto document = store.get(document_name);
  if (!document) return document.error();
  if (*document) {
    auto root = parse_object(document_name, (*document)->bytes);
    if (!root) return broken("is not a JSON object");
    ledger.document_revision_ = (*document)->revision;
    if (auto read = ledger.read(*root); !read) return read.error();
    ledger.document_ = std::move(*root);
    return ledger;
  }
  ledger.salt_ = random_bytes(hash_bytes);
  ledger.keys_ = Revision{to_hex(random_bytes(8)), 0};
  ledger.credentials_ = Revision{to_hex(random_bytes(8)), 0};
  if (auto saved = ledger.save(); !saved) return saved.error();
  return ledger;
}

Result<void> Ledger::read(const Json& root) {
  const auto its_format = number_member(root, "format");
  if (its_format > format) return broken("was written by a newer version (format " + std::to_string(its_format) + ")");
  salt_ = from_hex(text_member(root, "salt"));
  auto keys = read_revision(root, "keys");
  auto credentials = read_revision(root, "credentials");
  if (salt_.size() != hash_bytes || !keys || !credentials) return broken("lacks the salt or a revision");
  keys_ = std::move(*keys);
  credentials_ = std::move(*credentials);
  credentials_fingerprint_ = from_hex(text_member(root["credentials"], "fingerprint"));
  if (const Json* server = member(root["keys"], "server")) {
    server_.hash = from_hex(text_member(*server, "hash"));
    server_.hint = text_member(*server, "hint");
    server_.created_seconds = static_cast<std::int64_t>(number_member(*server, "created"));
  }
  const Json* generations = member(root["credentials"], "generations");
  if (!generations || !generations->is_object()) return {};
  for (const auto& [provider_id, credentials_of] : generations->items()) {
    if (!credentials_of.is_object()) continue;
    for (const auto& [credential_id, entry] : credentials_of.items())
      generations_[provider_id][credential_id] =
          Generation{number_member(entry, "generation"), from_hex(text_member(entry, "fingerprint"))};
  }
  return {};
}

Json Ledger::write() const {
  Json root = document_;
  root["format"] = format;
  root["salt"] = to_hex(salt_);
  root["keys"]["epoch"] = keys_.epoch;
  root["keys"]["number"] = keys_.number;
  if (!server_.hash.empty()) {
    root["keys"]["server"]["hash"] = to_hex(server_.hash);
    root["keys"]["server"]["hint"] = server_.hint;
    root["keys"]["server"]["created"] = static_cast<std::uint64_t>(server_.created_seconds);
  }
  root["credentials"]["epoch"] = credentials_.epoch;
  root["credentials"]["number"] = credentials_.number;
  root["credentials"]["fingerprint"] = to_hex(credentials_fingerprint_);
  Json generations = Json::object();
  for (const auto& [provider_id, credentials_of] : generations_) {
    for (const auto& [credential_id, entry] : credentials_of) {
      generations[provider_id][credential_id]["generation"] = entry.number;
      generations[provider_id][credential_id]["fingerprint"] = to_hex(entry.fingerprint);
    }
  }
  root["credentials"]["generations"] = std::move(generations);
  return root;
}

// Another replica may have written meanwhile: its numbers are taken over, so that ours come after them.
Result<void> Ledger::take_over() {
  auto document = store_->get(document_name);
  if (!document) return document.error();
  document_revision_ = *document ? (*document)->revision : std::string{};
  if (!*document) return {};
  auto root = parse_object(document_name, (*document)->bytes);
  if (!root) return root.error();
  Ledger other(*store_);
  if (auto read = other.read(*root); !read) return read.error();
  if (other.salt_ != salt_) return broken("was replaced while this server runs");
  if (other.keys_.epoch == keys_.epoch) keys_.number = std::max(keys_.number, other.keys_.number + 1);
  if (other.credentials_.epoch == credentials_.epoch)
    credentials_.number = std::max(credentials_.number, other.credentials_.number + 1);
  for (const auto& [provider_id, credentials_of] : other.generations_) {
    for (const auto& [credential_id, theirs] : credentials_of) {
      auto& ours = generations_[provider_id][credential_id];
      if (theirs.number > ours.number) ours = theirs;
    }
  }
  document_ = std::move(*root);
  return {};
}

Result<void> Ledger::save() {
  for (int attempt = 0; attempt < limits::store_attempts_max; ++attempt) {
    Json root = write();
    auto written = store_->put(document_name, print(root), document_revision_);
    if (written) {
      document_ = std::move(root);
      document_revision_ = std::move(written->revision);
      return {};
    }
    if (written.error().kind != ErrorKind::conflict) return written.error();
    if (auto taken = take_over(); !taken) return taken.error();
  }
  return Error(ErrorKind::conflict, "keys.json is being changed all the time.");
}

void Ledger::advance(Revision& revision) {
  ++revision.number;
  auto saved = save();
  if (saved) return;
  log::error("ledger_not_saved", {{"why", saved.error().message}});
  revision = Revision{to_hex(random_bytes(8)), 1};
}

std::string Ledger::hash(std::string_view text) const {
  std::string result(hash_bytes, '\0');
  crypto_generichash(reinterpret_cast<unsigned char*>(result.data()), result.size(),
                     reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                     reinterpret_cast<const unsigned char*>(salt_.data()), salt_.size());
  return result;
}

bool Ledger::record_server_key(std::string_view key) {
  Verifier verifier{hash(key), hint_of(key), 0};
  if (verifier.hash == server_.hash && keys_.number > 0) return false;
  verifier.created_seconds =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  server_ = std::move(verifier);
  advance(keys_);
  return true;
}

bool Ledger::record_credentials(std::string_view set) {
  auto fingerprint = hash(set);
  if (fingerprint == credentials_fingerprint_ && credentials_.number > 0) return false;
  credentials_fingerprint_ = std::move(fingerprint);
  advance(credentials_);
  return true;
}

std::uint64_t Ledger::generation(const std::string& provider_id, const std::string& credential_id,
                                 std::string_view secret) {
  auto& entry = generations_[provider_id][credential_id];
  auto fingerprint = hash(provider_id + '\n' + credential_id + '\n' + std::string(secret));
  if (entry.fingerprint != fingerprint) {
    entry.fingerprint = std::move(fingerprint);
    ++entry.number;
  }
  return entry.number;
}

std::uint64_t Ledger::last_generation(const std::string& provider_id, const std::string& credential_id) const {
  const auto provider = generations_.find(provider_id);
  if (provider == generations_.end()) return 0;
  const auto entry = provider->second.find(credential_id);
  return entry == provider->second.end() ? 0 : entry->second.number;
}

}  // namespace maestro::auth
