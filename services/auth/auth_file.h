// auth.json: provider to credential, as the user's installation has it.
//
//   {"openai": {"type": "api", "key": K1, "keys": [K2], "origin": "https://api.openai.com"},
//    "github-copilot": {"type": "oauth", "refresh": R, "access": A, "expires": 1767225600, "api_endpoint": URL}}
//
// `keys` and `origin` are ours and may be missing. An entry that cannot be read is skipped, named in the log without a
// value, and kept as it is in every write. Changes touch one provider.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "auth/json_document.h"
#include "base/result.h"
#include "base/secret.h"

namespace maestro::auth {

struct ApiKeys {
  std::vector<Secret> keys{};  // at least one
  std::string origin{};        // where they may go; empty: to the provider's address, wherever that is
};
struct OauthTokens {};  // what is in them is not used here
struct StoredCredential {
  std::string provider_id{};
  std::variant<ApiKeys, OauthTokens> secret{};
};

class AuthFile final {
 public:
  AuthFile() : root_(Json::object()) {}
  // The whole must be an object; see above for the entries.
  static Result<AuthFile> parse(std::string_view bytes);

  const std::vector<StoredCredential>& credentials() const { return credentials_; }
  const StoredCredential* find(std::string_view provider_id) const;
  // Providers whose entries cannot be read.
  const std::vector<std::string>& unreadable() const { return unreadable_; }

  // Puts the key at `position` (0: the first); one that is there is replaced, at most one can be appended. An entry of
  // another type, or an unreadable one, is replaced whole. An empty origin leaves the entry's.
  void set_key(const std::string& provider_id, std::size_t position, const Secret& key, const std::string& origin);
  // False when there is none. The last key takes the entry with it.
  bool remove_key(const std::string& provider_id, std::size_t position);
  bool remove(const std::string& provider_id);

  std::string text() const { return print(root_); }

 private:
  void read_entries();

  Json root_;
  std::vector<StoredCredential> credentials_;
  std::vector<std::string> unreadable_;
};

}  // namespace maestro::auth
