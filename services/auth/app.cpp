#include "auth/app.h"

#include <utility>

#include "log/log.h"

namespace maestro::auth {

Result<std::unique_ptr<App>> App::start(boost::asio::io_context& loop, AppOptions options) {
  std::unique_ptr<App> app(new App);
  auto store = store::open_files(loop, options.directories);
  if (!store) return store.error();
  app->store_ = std::move(*store);
  app->declarations_ = std::make_unique<Declarations>(options.directories.data_dir / "state" / "providers.pb");

  Vault::Options known;
  known.keys = std::move(options.keys);
  known.variable = std::move(options.variable);
  known.providers = app->declarations_->providers();
  auto vault = Vault::open(*app->store_, std::move(known));
  if (!vault) return vault.error();
  app->vault_ = std::move(*vault);

  const auto executor = loop.get_executor();
  app->leases_ = std::make_unique<LeaseMethods>(executor, *app->vault_, *app->declarations_, options.plaintext_peers);
  app->admin_ = std::make_unique<AdminMethods>(executor, *app->vault_, *app->leases_);
  auto* leases = app->leases_.get();
  app->vault_->keys_changed = [leases] { leases->publish_keys(); };
  app->vault_->credentials_changed = [leases] { leases->publish_credentials(); };
  leases->publish_keys();
  leases->publish_credentials();

  rpc::ServerOptions serving;
  serving.listen = std::move(options.listen);
  serving.public_listen = std::move(options.public_listen);
  serving.peer_services = {leases};
  serving.public_services = {app->admin_.get()};
  serving.plaintext_peers = options.plaintext_peers;
  auto server = rpc::Server::start(std::move(serving));
  if (!server) return server.error();
  app->server_ = std::move(*server);
  log::info("serving", {{"keys", app->vault_->ledger().keys_revision().number},
                        {"credentials", app->vault_->ledger().credentials_revision().number},
                        {"server_key", to_string(app->key_source())}});
  return app;
}

rpc::Awaitable<void> App::drain(Deadline deadline) {
  leases_->drain();
  co_await server_->drain(deadline);
}

}  // namespace maestro::auth
