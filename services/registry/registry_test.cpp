#include "registry/registry.h"

#include <set>

#include "registry/priorities_file.h"
#include "registry/registry_test_house.h"

namespace maestro::registry {

RegistryHouse::RegistryHouse() {
  std::string pattern = (fs::temp_directory_path() / "maestro-registry-XXXXXX").string();
  directory_ = ::mkdtemp(pattern.data());
  fs::create_directories(config_dir());
  fs::create_directories(directory_ / "state");
  pool_ = std::make_unique<net::ClientPool>(loop_, proxies_);
}

RegistryHouse::~RegistryHouse() {
  stop_registry();
  stop_auth();
  pool_->close_idle();
  loop_.context().restart();
  loop_.context().run_for(200ms);
  pool_.reset();
  fs::remove_all(directory_);
}

void RegistryHouse::start_auth() {
  if (!auth_) auth_ = std::make_unique<FakeAuth>(loop_.executor());
  rpc::ServerOptions options;
  options.listen = {"unix:" + (directory_ / "auth.sock").string()};
  options.peer_services = {auth_.get()};
  auto server = rpc::Server::start(std::move(options));
  ASSERT_TRUE(server.has_value()) << server.error().message;
  auth_server_ = std::move(*server);
}

void RegistryHouse::stop_auth() {
  if (auth_) {
    auth_->keys.drain();
    auth_->credentials.drain();
  }
  drain(auth_server_);
  auth_.reset();
}

void RegistryHouse::start_registry() {
  auto store = store::open_files(loop_.context(), store::Directories{config_dir(), directory_ / "data"});
  ASSERT_TRUE(store.has_value());
  store_ = std::move(*store);
  auto channel = rpc::make_channel("unix:" + (directory_ / "auth.sock").string());
  ASSERT_TRUE(channel.has_value());
  link_ = std::make_unique<AuthLink>(loop_.executor(), *channel, "registry-1");
  registry_ = std::make_unique<Registry>(loop_.executor(), *store_, *link_, make_fetcher(*pool_),
                                         Settings{config_dir(), directory_ / "state", "http://127.0.0.1:9/v1", demo_});
  catalog_service_ = std::make_unique<CatalogService>(loop_.executor(), *registry_, rpc::PlaintextPeers::refused);
  registry_service_ = std::make_unique<RegistryService>(loop_.executor(), *registry_);
  rpc::ServerOptions options;
  options.listen = {"unix:" + (directory_ / "registry.sock").string()};
  options.public_listen = {"127.0.0.1:0"};
  options.peer_services = {catalog_service_.get()};
  options.public_services = {registry_service_.get()};
  auto server = rpc::Server::start(std::move(options));
  ASSERT_TRUE(server.has_value()) << server.error().message;
  server_ = std::move(*server);
  auto own = rpc::make_channel("unix:" + (directory_ / "registry.sock").string());
  catalog_stub_ = v1::CatalogService::NewStub(*own);
  stub_ = v1::RegistryService::NewStub(*own);
  bool started = false;
  boost::asio::co_spawn(loop_.executor(), registry_->start(), [&](std::exception_ptr) { started = true; });
  ASSERT_TRUE(until([&] { return started; }));
}

void RegistryHouse::stop_registry() {
  if (!registry_) return;
  for (const auto& watch : watches_) {
    if (auto alive = watch.lock()) alive->close();
  }
  registry_->stop();
  drain(server_);
  until([&] { return watches_.empty() || watches_.back().expired(); });
  watches_.clear();
  catalogs_.clear();
  registry_service_.reset();
  catalog_service_.reset();
  registry_.reset();
  link_.reset();
  store_.reset();
  loop_.context().restart();
  loop_.context().run_for(50ms);
}

void RegistryHouse::drain(std::unique_ptr<rpc::Server>& server) {
  if (!server) return;
  bool drained = false;
  boost::asio::co_spawn(loop_.executor(), server->drain(Deadline::in(2s)), [&](std::exception_ptr) { drained = true; });
  EXPECT_TRUE(until([&] { return drained; }));
  server.reset();
}

void RegistryHouse::watch_catalog(const std::string& instance_id, std::optional<v1::Revision> known) {
  boost::asio::co_spawn(loop_.executor(), watch(instance_id, std::move(known)), [](std::exception_ptr) {});
}

rpc::Awaitable<void> RegistryHouse::watch(std::string instance_id, std::optional<v1::Revision> known) {
  v1::WatchCatalogRequest request;
  request.set_instance_id(instance_id);
  request.set_instance_version("9.9.9");
  request.set_reader_format(1);
  if (known) *request.mutable_known_revision() = *known;
  auto start = [&](auto* context, auto* reactor) { catalog_stub_->async()->WatchCatalog(context, &request, reactor); };
  auto stream = std::make_shared<rpc::Stream<v1::WatchCatalogResponse>>(loop_.executor(), "registry", start);
  watches_.push_back(stream);
  while (auto response = co_await stream->next()) catalogs_.push_back(std::move(*response));
  if (auto outcome = stream->outcome(); !outcome) watch_end_ = outcome.error().kind;
}

namespace {

std::string custom(const std::string& id, const std::string& url, const std::string& models = "{}") {
  return R"({"providers": {")" + id + R"(": {"baseURL": ")" + url + R"(", "models": )" + models + "}}}";
}

TEST_F(RegistryHouse, a_provider_of_the_file_gets_its_models_from_the_provider) {
  FakeProvider provider(loop_);
  write("providers.json", custom("local", provider.base_url()));
  start_auth();
  auth_->has_credential = {"local"};
  start_registry();
  watch_catalog("g1");
  ASSERT_TRUE(until([&] { return ids() == "local/tiny "; })) << ids();
  EXPECT_TRUE(provider.heads.at(0).starts_with("GET /v1/models HTTP/1.1\r\n")) << provider.heads.at(0);
  ASSERT_FALSE(auth_->declared.empty());
  EXPECT_EQ(auth_->declared.back().providers_size(), 2);
  EXPECT_EQ(catalogs_.back().catalog().config_revision(),
            "f2162ae71f441a51e18129df0452ad60f3e487320a50098a72694b3ea3ca5e2a");
  provider.close();
}

TEST_F(RegistryHouse, a_hand_edit_is_pushed_within_100_ms) {
  start_auth();
  start_registry();
  watch_catalog("g1");
  ASSERT_TRUE(until([&] { return catalogs_.size() == 1; }));
  const auto before = std::chrono::steady_clock::now();
  write("providers.json", custom("a", "http://a", R"({"x": {}})"));
  ASSERT_TRUE(until([&] { return ids() == "a/x "; }));
  EXPECT_LT(std::chrono::steady_clock::now() - before, 100ms);

  const auto renamed = std::chrono::steady_clock::now();
  write("new", R"({"priorities": ["a/x"]})");
  fs::rename(config_dir() / "new", config_dir() / "priorities.json");
  ASSERT_TRUE(until([&] { return catalogs_.back().catalog().config().priorities_size() == 1; }));
  EXPECT_LT(std::chrono::steady_clock::now() - renamed, 100ms);
  EXPECT_GT(catalogs_.back().revision().number(), catalogs_.front().revision().number());
}

TEST_F(RegistryHouse, a_bad_file_keeps_the_last_good_catalog_and_says_why_also_after_a_restart) {
  start_auth();
  write("providers.json", custom("a", "http://a", R"({"x": {}})"));
  write("priorities.json", R"({"priorities": ["a/x"]})");
  start_registry();
  watch_catalog("g1");
  ASSERT_TRUE(until([&] { return ids() == "a/x "; }));
  const std::uint64_t number = catalogs_.back().revision().number();
  write("providers.json", "{\n  \"providers\": {,}\n}");
  write("priorities.json", R"({"fallback": {"maxRetries": 99}})");
  ASSERT_TRUE(until([&] { return !registry_->providers_problem().empty() && !registry_->config_problem().empty(); }));
  const auto look = [&] {
    auto listed = ask<v1::ListProvidersResponse>([&](auto* context, auto* response, auto done) {
      static const v1::ListProvidersRequest request;
      stub_->async()->ListProviders(context, &request, response, std::move(done));
    });
    ASSERT_TRUE(listed.status.ok()) << listed.status.error_message();
    EXPECT_NE(listed.response.providers(0).problem().find("providers.json:2:17: "), std::string::npos)
        << listed.response.providers(0).problem();
    EXPECT_EQ(listed.response.providers_size(), 3);
    auto config = ask<v1::GetConfigResponse>([&](auto* context, auto* response, auto done) {
      static const v1::GetConfigRequest request;
      stub_->async()->GetConfig(context, &request, response, std::move(done));
    });
    EXPECT_EQ(config.response.config().priorities_size(), 1);
    EXPECT_NE(config.response.problem().find("fallback.maxRetries must be from 0 to 10"), std::string::npos);
  };
  look();
  EXPECT_EQ(registry_->publisher().revision().number(), number);
  stop_registry();
  start_registry();
  watch_catalog("g1");
  ASSERT_TRUE(until([&] { return ids() == "a/x "; }));
  ASSERT_TRUE(until([&] { return registry_->keys().known(); }));
  look();
  EXPECT_EQ(catalogs_.back().revision().number(), number) << "the same catalog under the same number";
}

TEST_F(RegistryHouse, without_auth_what_is_known_is_served_and_auth_is_found_when_it_comes) {
  write("providers.json", custom("a", "http://a", R"({"x": {}})"));
  demo_ = Demo::automatic;
  start_registry();
  watch_catalog("g1");
  ASSERT_TRUE(until([&] { return ids() == "a/x "; }));
  EXPECT_NE(catalogs_.back().catalog().providers(1).listing().problem(), "");
  auto refused = ask<v1::GetConfigResponse>([&](auto* context, auto* response, auto done) {
    static const v1::GetConfigRequest request;
    stub_->async()->GetConfig(context, &request, response, std::move(done));
  });
  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  auth_ = std::make_unique<FakeAuth>(loop_.executor());
  auth_->has_credential = {"a"};
  start_auth();
  ASSERT_TRUE(until([&] { return catalogs_.back().catalog().providers(1).listing().problem().empty(); }));
  stop_auth();
  EXPECT_EQ(ids(), "a/x ");
}

TEST_F(RegistryHouse, demo_does_not_flicker_when_a_credential_is_there) {
  FakeProvider provider(loop_);
  demo_ = Demo::automatic;
  start_auth();
  auth_->has_credential = {"openai"};
  start_registry();
  watch_catalog("g1");
  ASSERT_TRUE(until([&] { return !catalogs_.empty(); }));
  EXPECT_EQ(ids().find("demo/echo"), std::string::npos) << ids();
  auth_->has_credential.clear();
  auth_->lease_declared();
  ASSERT_TRUE(until([&] { return ids() == "demo/echo "; })) << ids();
  provider.close();
}

TEST_F(RegistryHouse, admin_calls_need_the_admin_scope_and_the_catalog_is_not_public) {
  start_auth();
  start_registry();
  ASSERT_TRUE(until([&] { return registry_->keys().known(); }));
  const auto code = [&](const std::string& key) {
    auto answer = ask<v1::GetConfigResponse>(
        [&](auto* context, auto* response, auto done) {
          static const v1::GetConfigRequest request;
          stub_->async()->GetConfig(context, &request, response, std::move(done));
        },
        key);
    return answer.status.error_code();
  };
  EXPECT_EQ(code("sk-rm-admin"), grpc::StatusCode::OK);
  EXPECT_EQ(code("sk-rm-plain"), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(code("wrong"), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(code(""), grpc::StatusCode::UNAUTHENTICATED);
  auto outside = rpc::make_channel(server_->public_addresses().front());
  catalog_stub_ = v1::CatalogService::NewStub(*outside);
  watch_catalog("g1");
  ASSERT_TRUE(until([&] { return watch_end_.has_value(); }));
  EXPECT_EQ(*watch_end_, ErrorKind::method_not_allowed);
}

TEST_F(RegistryHouse, changes_name_the_revision_that_they_were_made_from) {
  start_auth();
  start_registry();
  watch_catalog("g1");
  ASSERT_TRUE(until([&] { return registry_->keys().known(); }));
  v1::PutProviderRequest put;
  put.mutable_entry()->set_id("a");
  put.mutable_entry()->set_base_url("http://a");
  (*put.mutable_entry()->mutable_models())["x"] = "X";
  const auto put_now = [&] {
    return ask<v1::PutProviderResponse>([&](auto* context, auto* response, auto done) {
      stub_->async()->PutProvider(context, &put, response, std::move(done));
    });
  };
  EXPECT_EQ(put_now().status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  put.set_expected_revision("stale");
  auto stale = put_now();
  EXPECT_EQ(stale.status.error_code(), grpc::StatusCode::ABORTED);
  put.set_expected_revision(rpc::mark_of(stale.status).current_revision);
  auto done = put_now();
  ASSERT_TRUE(done.status.ok()) << done.status.error_message();
  ASSERT_TRUE(until([&] { return ids() == "a/x "; }));
  EXPECT_EQ(done.response.catalog_revision().number(), catalogs_.back().revision().number());
  put.set_expected_revision(done.response.revision());
  put.mutable_entry()->set_id("openai");
  EXPECT_EQ(put_now().status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  put.mutable_entry()->set_id("b");
  put.set_verify(true);
  EXPECT_EQ(put_now().status.error_code(), grpc::StatusCode::FAILED_PRECONDITION) << "auth has no credential for it";
  auth_->has_credential = {"b"};
  FakeProvider provider(loop_);
  put.mutable_entry()->set_base_url(provider.base_url());
  auto verified = put_now();
  ASSERT_TRUE(verified.status.ok()) << verified.status.error_message();
  provider.body = "nonsense";
  put.set_expected_revision(verified.response.revision());
  EXPECT_EQ(put_now().status.error_code(), grpc::StatusCode::UNAVAILABLE);
  provider.close();

  v1::DeleteProviderRequest remove;
  remove.set_id("a");
  remove.set_expected_revision(verified.response.revision());
  auto removed = ask<v1::DeleteProviderResponse>([&](auto* context, auto* response, auto finished) {
    stub_->async()->DeleteProvider(context, &remove, response, std::move(finished));
  });
  ASSERT_TRUE(removed.status.ok()) << removed.status.error_message();
  ASSERT_TRUE(until([&] { return ids() == "b/x "; })) << ids();
}

TEST_F(RegistryHouse, the_configuration_is_changed_by_mask_and_a_stale_writer_conflicts) {
  start_auth();
  write("priorities.json", R"({"priorities": ["a/x"], "mine": true})");
  start_registry();
  ASSERT_TRUE(until([&] { return registry_->keys().known(); }));
  v1::UpdateConfigRequest update;
  update.mutable_config()->mutable_fallback()->set_retries_max(5);
  update.mutable_update_mask()->add_paths("fallback.retries_max");
  const auto update_now = [&] {
    return ask<v1::UpdateConfigResponse>([&](auto* context, auto* response, auto done) {
      stub_->async()->UpdateConfig(context, &update, response, std::move(done));
    });
  };
  update.set_expected_revision("0");
  auto stale = update_now();
  EXPECT_EQ(stale.status.error_code(), grpc::StatusCode::ABORTED);
  update.set_expected_revision(rpc::mark_of(stale.status).current_revision);
  auto done = update_now();
  ASSERT_TRUE(done.status.ok()) << done.status.error_message();
  EXPECT_EQ(done.response.config().fallback().retries_max(), 5U);
  EXPECT_EQ(done.response.config().priorities_size(), 1);
  EXPECT_EQ(done.response.revision(), config_revision(done.response.config()));
  EXPECT_EQ(registry_->publisher().present()->config().fallback().retries_max(), 5U);
  auto document = store_->get("priorities.json");
  EXPECT_NE((*document)->bytes.find("\"mine\": true"), std::string::npos);
  update.set_expected_revision(done.response.revision());
  ASSERT_TRUE(update_now().status.ok()) << "a change of nothing succeeds";
  EXPECT_EQ((*store_->get("priorities.json"))->revision, (*document)->revision);
  update.mutable_config()->mutable_fallback()->set_retries_max(11);
  auto refused = update_now();
  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(rpc::from_status(refused.status, "registry").field_path, "config.fallback.retries_max");
}

TEST_F(RegistryHouse, status_waits_until_every_gateway_has_applied_the_catalog) {
  start_auth();
  start_registry();
  ASSERT_TRUE(until([&] { return registry_->keys().known(); }));
  watch_catalog("g1");
  ASSERT_TRUE(until([&] { return catalogs_.size() == 1; }));
  v1::GetStatusRequest request;
  const auto status = [&] {
    return ask<v1::GetStatusResponse>([&](auto* context, auto* response, auto done) {
      stub_->async()->GetStatus(context, &request, response, std::move(done));
    });
  };
  auto before = status();
  ASSERT_EQ(before.response.instances_size(), 1);
  EXPECT_EQ(before.response.instances(0).version(), "9.9.9");
  EXPECT_FALSE(before.response.complete());
  EXPECT_TRUE(before.response.ready());
  EXPECT_GT(before.response.memory_bytes(), 1'000'000);

  v1::AcknowledgeCatalogRequest acknowledgement;
  acknowledgement.set_instance_id("g1");
  *acknowledgement.mutable_revision() = catalogs_.back().revision();
  const auto acknowledge = [&]() -> rpc::Awaitable<Result<v1::AcknowledgeCatalogResponse>> {
    auto start = [&](auto* context, auto* response, auto done) {
      catalog_stub_->async()->AcknowledgeCatalog(context, &acknowledgement, response, std::move(done));
    };
    co_return co_await rpc::call<v1::AcknowledgeCatalogResponse>("registry", Deadline::in(5s), start);
  };
  boost::asio::co_spawn(loop_.executor(), acknowledge(),
                        [](std::exception_ptr, Result<v1::AcknowledgeCatalogResponse>) {});
  request.mutable_wait_max()->set_seconds(20);
  *request.mutable_revision() = catalogs_.back().revision();
  auto after = status();
  EXPECT_TRUE(after.response.complete());
  EXPECT_TRUE(after.response.instances(0).has_acknowledged_after());

  acknowledgement.set_problem("no");
  acknowledgement.mutable_revision()->set_number(99);
  ASSERT_TRUE(run(acknowledge()).has_value());
  auto refused = status();
  EXPECT_EQ(refused.response.instances(0).refused_revision().number(), 99U);
  EXPECT_TRUE(refused.response.complete());
}

TEST_F(RegistryHouse, a_watcher_that_has_the_present_catalog_is_told_so_and_a_drain_ends_it) {
  start_auth();
  start_registry();
  const v1::Revision present = registry_->publisher().revision();
  watch_catalog("g1", present);
  ASSERT_TRUE(until([&] { return catalogs_.size() == 1; }));
  EXPECT_FALSE(catalogs_.back().has_catalog());
  EXPECT_TRUE(same_revision(catalogs_.back().revision(), present));
  registry_->stop();
  ASSERT_TRUE(until([&] { return watch_end_.has_value(); }));
  EXPECT_EQ(*watch_end_, ErrorKind::unavailable);
}

TEST_F(RegistryHouse, models_are_listed_resolved_refreshed_and_explaining_is_not_offered) {
  FakeProvider provider(loop_);
  write("providers.json", custom("local", provider.base_url()));
  start_auth();
  auth_->has_credential = {"local"};
  start_registry();
  watch_catalog("g1");
  ASSERT_TRUE(until([&] { return ids() == "local/tiny " && registry_->keys().known(); }));
  provider.body = R"({"data": [{"id": "small"}, {"id": 5}]})";
  v1::RefreshModelsRequest refresh;
  const auto refresh_now = [&] {
    return ask<v1::RefreshModelsResponse>([&](auto* context, auto* response, auto done) {
      stub_->async()->RefreshModels(context, &refresh, response, std::move(done));
    });
  };
  auto refreshed = refresh_now();
  EXPECT_EQ(refreshed.response.model_count(), 1U);
  EXPECT_TRUE(refreshed.response.problems().contains("openai"));
  EXPECT_FALSE(refreshed.response.problems().contains("local"));
  refresh.set_provider_id("nobody");
  EXPECT_EQ(refresh_now().status.error_code(), grpc::StatusCode::NOT_FOUND);

  v1::ResolveModelRequest resolve;
  resolve.set_model("small");
  auto resolved = ask<v1::ResolveModelResponse>([&](auto* context, auto* response, auto done) {
    stub_->async()->ResolveModel(context, &resolve, response, std::move(done));
  });
  EXPECT_EQ(resolved.response.resolution().models(0).provider_id(), "local");
  auto listed = ask<v1::ListModelsResponse>([&](auto* context, auto* response, auto done) {
    static const v1::ListModelsRequest request;
    stub_->async()->ListModels(context, &request, response, std::move(done));
  });
  EXPECT_EQ(listed.response.models_size(), 1);
  auto explained = ask<v1::ExplainResponse>([&](auto* context, auto* response, auto done) {
    static const v1::ExplainRequest request;
    stub_->async()->Explain(context, &request, response, std::move(done));
  });
  EXPECT_EQ(explained.status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  provider.close();
}

}  // namespace
}  // namespace maestro::registry
