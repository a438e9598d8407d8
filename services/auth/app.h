// The auth service put together on one loop: store, vault, the two gRPC services, their server.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "auth/admin_methods.h"
#include "auth/declarations.h"
#include "auth/lease_methods.h"
#include "auth/vault.h"
#include "base/result.h"
#include "rpc/server.h"
#include "store/store.h"

namespace maestro::auth {

struct AppOptions {
  std::vector<std::string> listen{};
  std::vector<std::string> public_listen{};
  store::Directories directories{};
  rpc::PlaintextPeers plaintext_peers = rpc::PlaintextPeers::refused;
  PassedKeys keys{};
  std::function<std::string(const std::string& name)> variable{};  // of the environment; empty when unset
};

class App final {
 public:
  // Serves when it returns. The loop outlives the App, which outlives all that runs on the loop.
  static Result<std::unique_ptr<App>> start(boost::asio::io_context& loop, AppOptions options);

  const rpc::Server& server() const { return *server_; }
  KeySource key_source() const { return vault_->key_source(); }

  // Ends the watches, lets the calls under way end, and stops serving.
  rpc::Awaitable<void> drain(Deadline deadline);

 private:
  App() = default;

  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Declarations> declarations_;
  std::unique_ptr<Vault> vault_;
  std::unique_ptr<LeaseMethods> leases_;
  std::unique_ptr<AdminMethods> admin_;
  std::unique_ptr<rpc::Server> server_;
};

}  // namespace maestro::auth
