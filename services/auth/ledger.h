// What auth must remember beyond the documents of the user, in keys.json: the salt, the verifiers of the client keys
// (never a key), and the numbers that only grow, so that a revision or a generation never has two meanings, also after
// a restart. Each change is written by compare-and-set before it is published.
//
// While the store is away, changes go on under an epoch of their own: readers take what comes under another epoch as
// the newer. The next write that succeeds keeps it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "auth/json_document.h"
#include "base/result.h"
#include "store/store.h"

namespace maestro::auth {

struct Revision {
  std::string epoch{};
  std::uint64_t number = 0;

  bool operator==(const Revision&) const = default;
};

// How the server key is known without being kept.
struct Verifier {
  std::string hash{};  // 32 bytes
  std::string hint{};
  std::int64_t created_seconds = 0;  // of the Unix clock

  bool operator==(const Verifier&) const = default;
};

class Ledger final {
 public:
  // Makes keys.json when it is missing; a broken one is refused, since the salt of every key is in it.
  static Result<Ledger> open(store::Store& store);

  const std::string& salt() const { return salt_; }  // 32 bytes
  // BLAKE2b-256 keyed with the salt.
  std::string hash(std::string_view text) const;

  const Revision& keys_revision() const { return keys_; }
  const Revision& credentials_revision() const { return credentials_; }
  const Verifier& server_verifier() const { return server_; }

  // True when it is another key than before: the number has grown.
  bool record_server_key(std::string_view key);
  // The same for the whole set of credentials, given as any text that stands for it.
  bool record_credentials(std::string_view set);
  // The generation of a credential whose secret is `secret`; one more than before when the secret is another.
  std::uint64_t generation(const std::string& provider_id, const std::string& credential_id, std::string_view secret);
  // The last one given out; 0: none.
  std::uint64_t last_generation(const std::string& provider_id, const std::string& credential_id) const;

 private:
  struct Generation {
    std::uint64_t number = 0;
    std::string fingerprint;
  };

  explicit Ledger(store::Store& store) : store_(&store) {}
  Result<void> read(const Json& root);
  Json write() const;
  // Grows `revision` and saves; see the head of this file.
  void advance(Revision& revision);
  Result<void> save();
  Result<void> take_over();

  store::Store* store_;
  Json document_ = Json::object();  // with the members that are not ours to know
  std::string document_revision_;
  std::string salt_;
  Revision keys_;
  Revision credentials_;
  Verifier server_;
  std::string credentials_fingerprint_;
  std::map<std::string, std::map<std::string, Generation>> generations_;
};

}  // namespace maestro::auth
