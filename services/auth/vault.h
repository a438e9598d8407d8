// All that auth knows now, on the loop's thread: keys, providers, credentials, and the two snapshots made of them. It
// watches the documents; whatever changes one, the snapshots follow, and who listens is told. A document that becomes
// unreadable leaves the last good content in force and one line in the log, without a value.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "auth/auth_file.h"
#include "auth/credentials.h"
#include "auth/ledger.h"
#include "auth/provider.h"
#include "auth/server_key.h"
#include "base/result.h"
#include "rpc/status.h"
#include "store/store.h"

namespace maestro::auth {

// An Error and what the status says beyond it.
struct Refusal {
  Error error{};
  rpc::Mark mark{};
};

enum class Scope : std::uint8_t { inference, admin };

class Vault final {
 public:
  struct Options {
    PassedKeys keys{};
    std::function<std::string(const std::string& name)> variable{};  // of the environment
    std::vector<Provider> providers = builtin_providers();           // until others are declared
  };

  // `store` outlives the vault.
  static Result<std::unique_ptr<Vault>> open(store::Store& store, Options options);
  Vault(const Vault&) = delete;
  Vault& operator=(const Vault&) = delete;

  // Called after each change of the snapshot, from inside of the call that changed it.
  std::function<void()> keys_changed = [] {};
  std::function<void()> credentials_changed = [] {};

  KeySource key_source() const { return key_source_; }
  const Ledger& ledger() const { return ledger_; }
  const std::vector<Provider>& providers() const { return providers_; }
  const std::vector<Credential>& credentials() const { return credentials_; }

  // In constant time. Any of the presented keys suffices. unauthenticated without one, or with wrong ones.
  Result<void> judge(const std::vector<std::string_view>& presented, Scope scope) const;

  void declare(std::vector<Provider> providers);
  // Stores a key; see StoreApiKey in the contract for the meaning of the arguments.
  std::optional<Refusal> store_key(const std::string& provider_id, const std::string& credential_id, const Secret& key,
                                   const std::string& origin, std::optional<std::uint64_t> expected_generation);
  std::optional<Refusal> remove(const std::string& provider_id, const std::string& credential_id,
                                std::optional<std::uint64_t> expected_generation);

  const Provider* find_provider(std::string_view id) const;
  // The first credential of the provider with a lease, or why there is none.
  const Credential* first_leased(std::string_view provider_id) const;
  const Credential* find(std::string_view provider_id, std::string_view credential_id) const;
  // For a provider that is tried before it is declared.
  std::vector<Credential> trial(const Provider& provider);
  // The provider refused this credential: remembered until its key is another.
  void note_rejected(const std::string& provider_id, const std::string& credential_id, std::uint64_t generation,
                     int http_status);

 private:
  struct Rejection {
    std::uint64_t generation = 0;
    int http_status = 0;
  };

  Vault(store::Store& store, Options options, ServerKey key, Ledger ledger);
  void reload_server_key();
  void reload_auth_file();
  void rebuild_credentials();
  Surroundings surroundings();
  // Reads auth.json, lets `change` edit it, and writes it by compare-and-set; again when another writer was faster.
  template <class Change>
  std::optional<Refusal> edit(Change change);

  store::Store& store_;
  std::function<std::string(const std::string& name)> variable_;
  Secret server_key_;
  KeySource key_source_;
  Ledger ledger_;
  std::vector<Provider> providers_;
  AuthFile auth_file_;
  std::vector<Credential> credentials_;
  std::set<std::string> refused_variables_;      // already told of
  std::map<std::string, Rejection> rejections_;  // by "provider/credential"
};

}  // namespace maestro::auth
