#include "auth/vault.h"

#include <algorithm>
#include <utility>

#include <sodium.h>

#include "base/limits.h"
#include "log/log.h"

namespace maestro::auth {
namespace {

constexpr auto document_name = "auth.json";
constexpr std::size_t provider_id_bytes_max = 128;
constexpr std::size_t presented_key_bytes_max = 4096;

Refusal refuse(ErrorKind kind, std::string message, std::string field_path = {}) {
  Refusal refusal{Error(kind, std::move(message)), {}};
  refusal.error.field_path = std::move(field_path);
  return refusal;
}

Refusal refuse_precondition(std::string reason, std::string message) {
  Refusal refusal{Error(ErrorKind::conflict, std::move(message)), {}};
  refusal.mark.reason = std::move(reason);
  refusal.mark.precondition = true;
  return refusal;
}

Refusal generation_conflict(std::uint64_t current) {
  Refusal refusal{
      Error(ErrorKind::conflict, "The credential was changed meanwhile. List the credentials and try again."), {}};
  refusal.mark.reason = "GENERATION_CONFLICT";
  refusal.mark.current_generation = current;
  return refusal;
}

std::optional<Refusal> judge_provider_id(std::string_view id) {
  const bool plain = std::all_of(id.begin(), id.end(), [](char letter) {
    return static_cast<unsigned char>(letter) > 0x20 && letter != 0x7f && letter != '/';
  });
  if (!id.empty() && id.size() <= provider_id_bytes_max && plain) return std::nullopt;
  return refuse(ErrorKind::invalid_request, "Give the name of a provider: 1 to 128 bytes, without a blank or a slash.",
                "provider_id");
}

std::string place_of(const std::string& provider_id, const std::string& credential_id) {
  return provider_id + "/" + credential_id;
}

// All that readers of the set would see differently, in one text. The generation stands for the secret.
std::string summary_of(const std::vector<Credential>& credentials) {
  std::string text;
  for (const auto& credential : credentials) {
    text += credential.provider_id + '\0' + credential.credential_id + '\0' + credential.problem + '\0';
    text += std::to_string(static_cast<int>(credential.kind)) + '\0';
    text += std::to_string(static_cast<int>(credential.state)) + '\0';
    text += std::to_string(credential.generation) + '\0';
    if (credential.lease) {
      text += credential.lease->origin + '\0';
      for (const auto& header : credential.lease->headers) text += header.name + '\0';
    }
    text += '\n';
  }
  return text;
}

}  // namespace

Result<std::unique_ptr<Vault>> Vault::open(store::Store& store, Options options) {
  if (sodium_init() < 0)
    return Error(ErrorKind::internal, "libsodium does not start: is the system's randomness there?");
  auto key = resolve_server_key(store, options.keys);
  if (!key) return key.error();
  auto ledger = Ledger::open(store);
  if (!ledger) return ledger.error();
  return std::unique_ptr<Vault>(new Vault(store, std::move(options), std::move(*key), std::move(*ledger)));
}

Vault::Vault(store::Store& store, Options options, ServerKey key, Ledger ledger)
    : store_(store),
      variable_(std::move(options.variable)),
      server_key_(std::move(key.key)),
      key_source_(key.source),
      ledger_(std::move(ledger)),
      providers_(std::move(options.providers)) {
  ledger_.record_server_key(server_key_.reveal());
  reload_auth_file();
  store_.watch("contexts.json", [this] { reload_server_key(); });
  store_.watch(document_name, [this] { reload_auth_file(); });
}

Result<void> Vault::judge(const std::vector<std::string_view>& presented, Scope) const {
  const auto& expected = ledger_.server_verifier().hash;
  bool found = false;
  for (const auto key : presented) {
    if (key.size() > presented_key_bytes_max) continue;
    const auto hash = ledger_.hash(key);
    found |= sodium_memcmp(hash.data(), expected.data(), expected.size()) == 0;
  }
  // The server key has both scopes.
  if (found) return {};
  if (presented.empty())
    return Error(ErrorKind::unauthenticated,
                 "A client key is needed: send `authorization: Bearer KEY`. router-maestro server show-key prints it.");
  return Error(ErrorKind::unauthenticated,
               "The client key is wrong. router-maestro server show-key prints the right one.");
}

void Vault::reload_server_key() {
  auto stored = stored_server_key(store_);
  if (!stored) return log::warning("server_key_kept", {{"why", stored.error().message}});
  if (!*stored) {
    return log::warning("server_key_kept", {{"why",
                                             "contexts.json holds no key under contexts.local.api_key any more: "
                                             "the key in force stays until the next start"}});
  }
  if (server_key_.equals((*stored)->reveal())) return;
  server_key_ = std::move(**stored);
  key_source_ = KeySource::stored;
  if (!ledger_.record_server_key(server_key_.reveal())) return;
  log::info("server_key_changed", {{"number", ledger_.keys_revision().number}});
  keys_changed();
  rebuild_credentials();
}

void Vault::reload_auth_file() {
  auto document = store_.get(document_name);
  if (!document) {
    log::error("auth_file_kept", {{"why", document.error().message}});
    return rebuild_credentials();
  }
  if (!*document) {
    auth_file_ = AuthFile();
    return rebuild_credentials();
  }
  auto file = AuthFile::parse((*document)->bytes);
  if (!file) {
    log::error("auth_file_kept", {{"why", file.error().message}});
    return rebuild_credentials();
  }
  auth_file_ = std::move(*file);
  for (const auto& provider_id : auth_file_.unreadable())
    log::warning("auth_entry_skipped", {{"provider", provider_id}, {"why", "not of a known form"}});
  rebuild_credentials();
}

Surroundings Vault::surroundings() {
  Surroundings result;
  result.variable = variable_ ? variable_ : [](const std::string&) { return std::string(); };
  result.is_client_key = [this](std::string_view text) { return server_key_.equals(text); };
  result.refused_variable = [this](const std::string& name) {
    if (!refused_variables_.insert(name).second) return;
    log::warning("variable_refused", {{"variable", name}, {"why", "it holds a client key of router-maestro"}});
  };
  return result;
}

void Vault::rebuild_credentials() {
  const auto around = surroundings();
  std::vector<Credential> all;
  const auto append = [&](std::vector<Credential> some) {
    std::move(some.begin(), some.end(), std::back_inserter(all));
  };
  const auto& unreadable = auth_file_.unreadable();
  for (const auto& provider : providers_) {
    auto some = credentials_of(provider, auth_file_.find(provider.id), around);
    const bool hidden = std::find(unreadable.begin(), unreadable.end(), provider.id) != unreadable.end();
    if (hidden && some.front().kind == CredentialKind::none)
      some.front().problem = "its entry in auth.json cannot be read: run router-maestro auth login " + provider.id;
    append(std::move(some));
  }
  for (const auto& stored : auth_file_.credentials()) {
    if (!find_provider(stored.provider_id)) append(undeclared_credentials(stored));
    // Also those that a variable hides: a change is judged by their generation.
    if (const auto* keys = std::get_if<ApiKeys>(&stored.secret))
      for (std::size_t i = 0; i < keys->keys.size(); ++i)
        ledger_.generation(stored.provider_id, key_id(i), keys->keys[i].reveal());
  }
  for (auto& credential : all) {
    if (credential.credential_id.empty()) continue;
    credential.generation =
        ledger_.generation(credential.provider_id, credential.credential_id, credential.secret.reveal());
    const auto rejection = rejections_.find(place_of(credential.provider_id, credential.credential_id));
    if (rejection == rejections_.end()) continue;
    if (rejection->second.generation != credential.generation) {
      rejections_.erase(rejection);
      continue;
    }
    const bool refused = rejection->second.http_status == 401;
    credential.state = refused ? CredentialState::login_required : CredentialState::failing;
    credential.problem = "the provider answered " + std::to_string(rejection->second.http_status) +
                         " to this credential: check it at the provider, then run router-maestro auth login " +
                         credential.provider_id;
  }
  credentials_ = std::move(all);
  if (ledger_.record_credentials(summary_of(credentials_))) credentials_changed();
}

void Vault::declare(std::vector<Provider> providers) {
  if (providers == providers_) return;
  providers_ = std::move(providers);
  rebuild_credentials();
}

const Provider* Vault::find_provider(std::string_view id) const {
  const auto found =
      std::find_if(providers_.begin(), providers_.end(), [&](const Provider& provider) { return provider.id == id; });
  return found == providers_.end() ? nullptr : &*found;
}

const Credential* Vault::find(std::string_view provider_id, std::string_view credential_id) const {
  for (const auto& credential : credentials_)
    if (credential.provider_id == provider_id && credential.credential_id == credential_id) return &credential;
  return nullptr;
}

const Credential* Vault::first_leased(std::string_view provider_id) const {
  const Credential* first = nullptr;
  for (const auto& credential : credentials_) {
    if (credential.provider_id != provider_id) continue;
    if (credential.lease && credential.state == CredentialState::active) return &credential;
    if (!first || (credential.lease && !first->lease)) first = &credential;
  }
  return first;
}

std::vector<Credential> Vault::trial(const Provider& provider) {
  std::optional<StoredCredential> stored;
  if (const auto* found = auth_file_.find(provider.id)) stored = *found;
  const auto* declared = find_provider(provider.id);
  // A key that is bound to nothing goes where its provider is declared to be, not to a new place.
  if (auto* keys = stored ? std::get_if<ApiKeys>(&stored->secret) : nullptr; keys && keys->origin.empty() && declared)
    keys->origin = origin_of(declared->base_url);
  auto credentials = credentials_of(provider, stored ? &*stored : nullptr, surroundings());
  for (auto& credential : credentials) {
    if (!credential.credential_id.empty())
      credential.generation = ledger_.last_generation(credential.provider_id, credential.credential_id);
  }
  return credentials;
}

void Vault::note_rejected(const std::string& provider_id, const std::string& credential_id, std::uint64_t generation,
                          int http_status) {
  const auto* credential = find(provider_id, credential_id);
  if (!credential || credential->generation != generation) return;
  rejections_[place_of(provider_id, credential_id)] = Rejection{generation, http_status};
  rebuild_credentials();
}

template <class Change>
std::optional<Refusal> Vault::edit(Change change) {
  for (int attempt = 0; attempt < limits::store_attempts_max; ++attempt) {
    auto document = store_.get(document_name);
    if (!document) return Refusal{document.error(), {}};
    AuthFile file;
    if (*document) {
      auto parsed = AuthFile::parse((*document)->bytes);
      if (!parsed) return refuse_precondition("DOCUMENT_BROKEN", parsed.error().message);
      file = std::move(*parsed);
    }
    if (auto refusal = change(file)) return refusal;
    auto written = store_.put(document_name, file.text(), *document ? (*document)->revision : std::string{});
    if (written) {
      auth_file_ = std::move(file);
      rebuild_credentials();
      return std::nullopt;
    }
    if (written.error().kind != ErrorKind::conflict) return Refusal{written.error(), {}};
  }
  return refuse(ErrorKind::unavailable, "auth.json is being changed all the time. Try again.");
}

std::optional<Refusal> Vault::store_key(const std::string& provider_id, const std::string& credential_id,
                                        const Secret& key, const std::string& origin,
                                        std::optional<std::uint64_t> expected_generation) {
  if (auto refusal = judge_provider_id(provider_id)) return refusal;
  const auto position = credential_id.empty() ? std::optional<std::size_t>(0) : key_position(credential_id);
  if (!position || *position >= limits::api_keys_per_provider_max)
    return refuse(ErrorKind::invalid_request, "Name a stored key as key-1, key-2, ... key-64.", "credential_id");
  if (const auto why = why_unfit(key.reveal()); !why.empty())
    return refuse(ErrorKind::invalid_request, "The key " + why + ". Copy it again from the provider.", "api_key");
  if (server_key_.equals(key.reveal()))
    return refuse(ErrorKind::invalid_request, "This is the key of this server, not of a provider.", "api_key");
  const auto* provider = find_provider(provider_id);
  if (provider && provider->style == AuthStyle::github_copilot)
    return refuse(ErrorKind::invalid_request, "This provider is logged in to by device, not by a key.", "provider_id");
  if (provider && provider->style == AuthStyle::none)
    return refuse(ErrorKind::invalid_request, "This provider takes no key.", "provider_id");
  const auto asked = origin_of(origin);
  if (!origin.empty() && asked.empty())
    return refuse(ErrorKind::invalid_request, "Give the origin as https://host or https://host:port.", "origin");
  const auto declared = provider ? origin_of(provider->base_url) : std::string{};
  if (!asked.empty() && !declared.empty() && asked != declared)
    return refuse(ErrorKind::invalid_request, "The provider is at " + declared + ": the key could not be used.",
                  "origin");
  const auto bound = asked.empty() ? declared : asked;

  return edit([&](AuthFile& file) -> std::optional<Refusal> {
    const auto* stored = file.find(provider_id);
    const auto* keys = stored ? std::get_if<ApiKeys>(&stored->secret) : nullptr;
    const std::size_t count = keys ? keys->keys.size() : 0;
    if (*position > count)
      return refuse(ErrorKind::not_found,
                    "There are " + std::to_string(count) + " keys: the next is " + key_id(count) + ".",
                    "credential_id");
    if (keys && count > 1 && !keys->origin.empty() && !bound.empty() && keys->origin != bound)
      return refuse(ErrorKind::invalid_request,
                    "The other keys are for " + keys->origin + ". Delete them first, or give that origin.", "origin");
    const auto current = *position < count
                             ? ledger_.generation(provider_id, key_id(*position), keys->keys[*position].reveal())
                             : std::uint64_t{0};
    if (expected_generation && *expected_generation != current) return generation_conflict(current);
    file.set_key(provider_id, *position, key, bound);
    return std::nullopt;
  });
}

std::optional<Refusal> Vault::remove(const std::string& provider_id, const std::string& credential_id,
                                     std::optional<std::uint64_t> expected_generation) {
  if (auto refusal = judge_provider_id(provider_id)) return refusal;
  return edit([&](AuthFile& file) -> std::optional<Refusal> {
    const auto* stored = file.find(provider_id);
    const auto* keys = stored ? std::get_if<ApiKeys>(&stored->secret) : nullptr;
    const auto& unreadable = file.unreadable();
    const bool hidden = std::find(unreadable.begin(), unreadable.end(), provider_id) != unreadable.end();
    const auto position = key_position(credential_id);
    const bool known = credential_id.empty() ? stored || hidden
                                             : (keys && position && *position < keys->keys.size()) ||
                                                   (stored && !keys && credential_id == "oauth");
    if (!known) {
      const auto* present = first_leased(provider_id);
      if (present && present->kind == CredentialKind::environment)
        return refuse_precondition("FROM_ENVIRONMENT",
                                   "The key comes from a variable of the environment. Unset it "
                                   "where the server is started, and start it again.");
      return refuse(ErrorKind::not_found, "There is no such credential. router-maestro auth list shows them.");
    }
    if (expected_generation) {
      const auto which = position.value_or(0);
      const auto current = keys ? ledger_.generation(provider_id, key_id(which), keys->keys[which].reveal())
                                : ledger_.last_generation(provider_id, credential_id);
      if (*expected_generation != current) return generation_conflict(current);
    }
    if (keys && position) {
      file.remove_key(provider_id, *position);
    } else {
      file.remove(provider_id);
    }
    return std::nullopt;
  });
}

}  // namespace maestro::auth
