// The providers that the registry declared last, kept in <data>/state/providers.pb, so that auth starts without the
// registry. The file is a DeclareProvidersRequest; one that cannot be read is ignored with one line.
#pragma once

#include <filesystem>
#include <vector>

#include "auth/ledger.h"
#include "auth/provider.h"
#include "base/result.h"

namespace maestro::auth {

namespace v1 {
class DeclareProvidersRequest;
}

class Declarations final {
 public:
  explicit Declarations(std::filesystem::path file);

  // What is in the file, else the built-in providers.
  const std::vector<Provider>& providers() const { return providers_; }
  // Takes and keeps a declaration. conflict when one of a newer catalog is known; a repeated one is a success.
  Result<void> accept(const v1::DeclareProvidersRequest& request);

 private:
  void load();

  std::filesystem::path file_;
  Revision catalog_;
  std::vector<Provider> providers_ = builtin_providers();
};

}  // namespace maestro::auth
