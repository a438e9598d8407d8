#include <future>
#include <thread>

#include <boost/asio/co_spawn.hpp>

#include "auth/app.h"
#include "auth/auth_test_room.h"
#include "log/log.h"
#include "maestro/auth/v1/auth_service.grpc.pb.h"
#include "maestro/auth/v1/lease_service.grpc.pb.h"
#include "rpc/channel.h"
#include "rpc/status.h"

namespace maestro::auth {
namespace {

using namespace std::chrono_literals;

const std::string server_key = "server-SECRET-0123456789-0123456789";

// Every line that this binary logs is looked at when it ends.
class LogIsClean final : public ::testing::Environment {
 public:
  void SetUp() override {
    file_ = ::tmpfile();
    log::start("auth_test", log::Level::debug, ::fileno(file_));
  }
  void TearDown() override {
    log::stop();
    std::rewind(file_);
    std::string text;
    char part[4096];
    for (std::size_t count = 0; (count = std::fread(part, 1, sizeof(part), file_)) > 0;) text.append(part, count);
    std::fclose(file_);
    EXPECT_EQ(text.find("SECRET"), std::string::npos) << text;
  }

 private:
  FILE* file_ = nullptr;
};
const auto* const log_is_clean = ::testing::AddGlobalTestEnvironment(new LogIsClean);

// The service as it runs, asked by plain blocking stubs.
class ServiceTest : public ::testing::Test {
 protected:
  void SetUp() override { start(); }
  void TearDown() override { stop(); }

  void start() {
    loop_ = std::make_unique<boost::asio::io_context>(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO);
    AppOptions options;
    options.listen = {"unix:" + (room_ / "auth.sock").string(), "127.0.0.1:0"};
    options.public_listen = {"127.0.0.1:0"};
    options.directories = room_.directories();
    options.keys.flag = Secret(server_key);
    options.variable = room_.environment();
    auto started = App::start(*loop_, std::move(options));
    ASSERT_TRUE(started) << started.error().message;
    app_ = std::move(*started);
    thread_ = std::thread([this] { loop_->run(); });
    connect(app_->server().addresses()[0]);
  }
  void stop() {
    if (!app_) return;
    std::promise<void> drained;
    boost::asio::co_spawn(loop_->get_executor(), app_->drain(Deadline::in(5s)),
                          [&](std::exception_ptr) { drained.set_value(); });
    drained.get_future().wait();
    loop_->stop();
    thread_.join();
    app_.reset();
    loop_.reset();
  }
  void connect(const std::string& address) {
    channel_ = *rpc::make_channel(address);
    lease_ = v1::LeaseService::NewStub(channel_);
    admin_ = v1::AuthService::NewStub(channel_);
  }

  static void prepare(grpc::ClientContext& context, const std::string& key = server_key) {
    context.set_deadline(Deadline::in(20s).wall());
    if (!key.empty()) context.AddMetadata("authorization", "Bearer " + key);
  }
  template <class Response, class Method, class Request>
  Response ask_admin(Method method, const Request& request, grpc::StatusCode expected = grpc::StatusCode::OK) {
    grpc::ClientContext context;
    prepare(context);
    Response response;
    status_ = ((*admin_).*method)(&context, request, &response);
    EXPECT_EQ(status_.error_code(), expected) << status_.error_message();
    return response;
  }
  template <class Response, class Method, class Request>
  Response ask_peer(Method method, const Request& request, grpc::StatusCode expected = grpc::StatusCode::OK) {
    grpc::ClientContext context;
    prepare(context, "");
    Response response;
    status_ = ((*lease_).*method)(&context, request, &response);
    EXPECT_EQ(status_.error_code(), expected) << status_.error_message();
    return response;
  }
  void store(const std::string& provider_id, const std::string& key, const std::string& credential_id = "") {
    v1::StoreApiKeyRequest request;
    request.set_provider_id(provider_id);
    request.set_credential_id(credential_id);
    request.mutable_api_key()->set_value(key);
    request.set_skip_verification(true);
    ask_admin<v1::StoreApiKeyResponse>(&v1::AuthService::Stub::StoreApiKey, request);
  }
  void declare_ollama(bool anonymous, std::uint64_t number = 1) {
    v1::DeclareProvidersRequest request;
    request.mutable_catalog_revision()->set_epoch("e");
    request.mutable_catalog_revision()->set_number(number);
    auto* provider = request.add_providers();
    provider->set_provider_id("ollama");
    provider->set_style(v1::AUTH_STYLE_BEARER);
    provider->set_base_url("http://localhost:11434/v1");
    provider->set_anonymous_allowed(anonymous);
    ask_peer<v1::DeclareProvidersResponse>(&v1::LeaseService::Stub::DeclareProviders, request);
  }
  static const v1::Lease* lease_of(const v1::WatchCredentialsResponse& response, const std::string& provider_id) {
    for (const auto& lease : response.credentials().leases())
      if (lease.provider_id() == provider_id) return &lease;
    return nullptr;
  }

  Room room_;
  std::unique_ptr<boost::asio::io_context> loop_;
  std::unique_ptr<App> app_;
  std::thread thread_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::LeaseService::Stub> lease_;
  std::unique_ptr<v1::AuthService::Stub> admin_;
  grpc::Status status_;
};

TEST_F(ServiceTest, keys_are_pushed_at_once_and_again_when_contexts_are_edited) {
  grpc::ClientContext context;
  prepare(context, "");
  v1::WatchKeysRequest request;
  request.set_instance_id("g-1");
  auto reader = lease_->WatchKeys(&context, request);
  v1::WatchKeysResponse first;
  ASSERT_TRUE(reader->Read(&first));
  EXPECT_EQ(first.revision().number(), 1u);
  EXPECT_EQ(first.keys().salt().size(), 32u);
  ASSERT_EQ(first.keys().verifiers_size(), 1);
  EXPECT_EQ(first.keys().verifiers(0).key().id(), "server");
  EXPECT_EQ(first.keys().verifiers(0).key().scopes_size(), 2);
  EXPECT_EQ(first.keys().verifiers(0).hash().size(), 32u);
  EXPECT_EQ(first.DebugString().find(server_key), std::string::npos);

  write_text(room_.contexts_file(), R"({"contexts":{"local":{"api_key":"edited-SECRET-0123456789"}}})");
  v1::WatchKeysResponse second;
  ASSERT_TRUE(reader->Read(&second));
  EXPECT_EQ(second.revision().number(), 2u);
  EXPECT_EQ(second.revision().epoch(), first.revision().epoch());
  EXPECT_NE(second.keys().verifiers(0).hash(), first.keys().verifiers(0).hash());
  ask_admin<v1::ListKeysResponse>(&v1::AuthService::Stub::ListKeys, v1::ListKeysRequest(),
                                  grpc::StatusCode::UNAUTHENTICATED);
  context.TryCancel();
}

TEST_F(ServiceTest, a_known_revision_gets_no_keys_again_also_after_a_restart) {
  v1::WatchKeysRequest request;
  for (int start_number = 0; start_number < 2; ++start_number) {
    grpc::ClientContext context;
    prepare(context, "");
    auto reader = lease_->WatchKeys(&context, request);
    v1::WatchKeysResponse response;
    ASSERT_TRUE(reader->Read(&response));
    EXPECT_EQ(response.has_keys(), start_number == 0);
    *request.mutable_known_revision() = response.revision();
    context.TryCancel();
    reader->Finish();
    stop();
    start();
  }
}

TEST_F(ServiceTest, a_stored_key_and_an_edited_one_are_pushed_as_leases) {
  grpc::ClientContext context;
  prepare(context, "");
  auto reader = lease_->WatchCredentials(&context, v1::WatchCredentialsRequest());
  v1::WatchCredentialsResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.credentials().leases_size(), 0);
  EXPECT_EQ(response.credentials().statuses_size(), 4);
  EXPECT_NE(response.credentials().statuses(1).problem().find("router-maestro auth login openai"), std::string::npos);

  store("openai", "one-SECRET");
  ASSERT_TRUE(reader->Read(&response));
  const auto* lease = lease_of(response, "openai");
  ASSERT_TRUE(lease);
  EXPECT_EQ(lease->headers(0).name(), "authorization");
  EXPECT_EQ(lease->headers(0).value(), "Bearer one-SECRET");
  EXPECT_EQ(lease->origin(), "https://api.openai.com");
  EXPECT_EQ(lease->generation(), 1u);
  EXPECT_FALSE(lease->has_fresh_for() || lease->has_valid_for());

  write_text(room_.auth_file(), R"({"anthropic":{"type":"api","key":"a-SECRET"}})");
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_FALSE(lease_of(response, "openai"));
  ASSERT_TRUE(lease_of(response, "anthropic"));
  EXPECT_EQ(lease_of(response, "anthropic")->headers(0).name(), "x-api-key");

  declare_ollama(true);
  ASSERT_TRUE(reader->Read(&response));
  ASSERT_TRUE(lease_of(response, "ollama"));
  EXPECT_EQ(lease_of(response, "ollama")->headers_size(), 0);
  context.TryCancel();
}

TEST_F(ServiceTest, every_admin_call_needs_a_key) {
  const auto code_with = [this](const std::string& name, const std::string& value) {
    grpc::ClientContext context;
    prepare(context, "");
    if (!name.empty()) context.AddMetadata(name, value);
    v1::ListCredentialsResponse response;
    return admin_->ListCredentials(&context, v1::ListCredentialsRequest(), &response).error_code();
  };
  EXPECT_EQ(code_with("", ""), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(code_with("authorization", "Bearer wrong-SECRET"), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(code_with("authorization", "bearer " + server_key), grpc::StatusCode::OK);
  EXPECT_EQ(code_with("authorization", server_key), grpc::StatusCode::OK);
  EXPECT_EQ(code_with("x-api-key", server_key), grpc::StatusCode::OK);
  EXPECT_EQ(code_with("x-goog-api-key", server_key), grpc::StatusCode::OK);
  grpc::ClientContext context;
  prepare(context, "wrong-SECRET");
  v1::GetStatusResponse response;
  EXPECT_EQ(admin_->GetStatus(&context, v1::GetStatusRequest(), &response).error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(ServiceTest, leases_are_for_the_unix_socket_and_the_public_listener_does_not_know_them) {
  connect(app_->server().addresses()[1]);
  const v1::GetCredentialRequest request;
  ask_peer<v1::GetCredentialResponse>(&v1::LeaseService::Stub::GetCredential, request,
                                      grpc::StatusCode::UNAUTHENTICATED);
  grpc::ClientContext context;
  prepare(context, "");
  auto reader = lease_->WatchCredentials(&context, v1::WatchCredentialsRequest());
  v1::WatchCredentialsResponse response;
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);

  connect(app_->server().public_addresses()[0]);
  ask_peer<v1::GetCredentialResponse>(&v1::LeaseService::Stub::GetCredential, request, grpc::StatusCode::UNIMPLEMENTED);
  ask_admin<v1::ListCredentialsResponse>(&v1::AuthService::Stub::ListCredentials, v1::ListCredentialsRequest());
}

TEST_F(ServiceTest, a_rejected_key_is_refused_and_a_newer_one_is_given) {
  store("openai", "one-SECRET");
  v1::ReportRejectedRequest report;
  report.set_provider_id("openai");
  report.set_credential_id("key-1");
  report.set_generation(1);
  report.set_http_status(401);
  ask_peer<v1::ReportRejectedResponse>(&v1::LeaseService::Stub::ReportRejected, report,
                                       grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(rpc::mark_of(status_).reason, "KEY_REFUSED");
  const auto list =
      ask_admin<v1::ListCredentialsResponse>(&v1::AuthService::Stub::ListCredentials, v1::ListCredentialsRequest());
  EXPECT_EQ(list.credentials(1).state(), v1::CREDENTIAL_STATE_LOGIN_REQUIRED);

  store("openai", "two-SECRET");
  const auto newer = ask_peer<v1::ReportRejectedResponse>(&v1::LeaseService::Stub::ReportRejected, report);
  EXPECT_EQ(newer.lease().generation(), 2u);
  store("openai", "three-SECRET", "key-2");
  report.set_generation(2);
  const auto other = ask_peer<v1::ReportRejectedResponse>(&v1::LeaseService::Stub::ReportRejected, report);
  EXPECT_EQ(other.lease().credential_id(), "key-2");
}

TEST_F(ServiceTest, get_credential_says_what_is_missing) {
  v1::GetCredentialRequest request;
  request.set_provider_id("nobody");
  ask_peer<v1::GetCredentialResponse>(&v1::LeaseService::Stub::GetCredential, request, grpc::StatusCode::NOT_FOUND);
  request.set_provider_id("openai");
  ask_peer<v1::GetCredentialResponse>(&v1::LeaseService::Stub::GetCredential, request,
                                      grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_NE(status_.error_message().find("ROUTER_MAESTRO_OPENAI_API_KEY"), std::string::npos);
  EXPECT_EQ(rpc::mark_of(status_).reason, "NO_CREDENTIAL");

  request.set_provider_id("ollama");
  request.mutable_trial()->set_provider_id("ollama");
  request.mutable_trial()->set_base_url("http://localhost:11434/v1");
  request.mutable_trial()->set_anonymous_allowed(true);
  const auto trial = ask_peer<v1::GetCredentialResponse>(&v1::LeaseService::Stub::GetCredential, request);
  EXPECT_EQ(trial.lease().origin(), "http://localhost:11434");
  request.set_provider_id("openai");
  request.mutable_trial()->set_provider_id("openai");
  ask_peer<v1::GetCredentialResponse>(&v1::LeaseService::Stub::GetCredential, request,
                                      grpc::StatusCode::PERMISSION_DENIED);
}

TEST_F(ServiceTest, declarations_outlive_the_process_and_an_older_one_is_refused) {
  declare_ollama(true, 5);
  stop();
  start();
  v1::GetCredentialRequest request;
  request.set_provider_id("ollama");
  ask_peer<v1::GetCredentialResponse>(&v1::LeaseService::Stub::GetCredential, request);
  v1::DeclareProvidersRequest older;
  older.mutable_catalog_revision()->set_epoch("e");
  older.mutable_catalog_revision()->set_number(4);
  ask_peer<v1::DeclareProvidersResponse>(&v1::LeaseService::Stub::DeclareProviders, older, grpc::StatusCode::ABORTED);
  ask_peer<v1::DeclareProvidersResponse>(&v1::LeaseService::Stub::DeclareProviders, v1::DeclareProvidersRequest(),
                                         grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ServiceTest, status_waits_until_all_who_watch_have_acknowledged) {
  grpc::ClientContext context;
  prepare(context, "");
  v1::WatchKeysRequest request;
  request.set_instance_id("g-1");
  auto reader = lease_->WatchKeys(&context, request);
  v1::WatchKeysResponse keys;
  ASSERT_TRUE(reader->Read(&keys));
  auto status = ask_admin<v1::GetStatusResponse>(&v1::AuthService::Stub::GetStatus, v1::GetStatusRequest());
  EXPECT_TRUE(status.ready());
  EXPECT_GT(status.memory_bytes(), 0);
  EXPECT_EQ(status.instance_count(), 1u);
  ASSERT_EQ(status.behind_size(), 1);
  EXPECT_EQ(status.behind(0), "g-1");

  std::thread acknowledging([this, &keys] {
    v1::AcknowledgeSnapshotRequest acknowledge;
    acknowledge.set_instance_id("g-1");
    *acknowledge.mutable_keys() = keys.revision();
    grpc::ClientContext other;
    prepare(other, "");
    v1::AcknowledgeSnapshotResponse response;
    EXPECT_TRUE(lease_->AcknowledgeSnapshot(&other, acknowledge, &response).ok());
  });
  v1::GetStatusRequest waiting;
  waiting.mutable_wait_max()->set_seconds(10);
  status = ask_admin<v1::GetStatusResponse>(&v1::AuthService::Stub::GetStatus, waiting);
  acknowledging.join();
  EXPECT_EQ(status.behind_size(), 0);
  EXPECT_TRUE(status.has_acknowledged_after());
  context.TryCancel();
}

TEST_F(ServiceTest, what_this_version_has_not_says_so_to_those_who_may_ask) {
  ask_admin<v1::StartDeviceLoginResponse>(&v1::AuthService::Stub::StartDeviceLogin, v1::StartDeviceLoginRequest(),
                                          grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_NE(status_.error_message(), "");
  ask_admin<v1::CreateKeyResponse>(&v1::AuthService::Stub::CreateKey, v1::CreateKeyRequest(),
                                   grpc::StatusCode::UNIMPLEMENTED);
  v1::StoreApiKeyRequest request;
  request.set_provider_id("openai");
  request.mutable_api_key()->set_value("one-SECRET");
  ask_admin<v1::StoreApiKeyResponse>(&v1::AuthService::Stub::StoreApiKey, request,
                                     grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(rpc::mark_of(status_).reason, "CANNOT_VERIFY");
}

TEST_F(ServiceTest, quota_is_granted_to_the_unlimited_key_and_to_no_unknown_one) {
  v1::LeaseQuotaRequest request;
  request.set_instance_id("g-1");
  for (const char* key_id : {"server", "unknown"}) {
    auto* use = request.add_uses();
    use->set_key_id(key_id);
    use->set_requests_wanted(7);
    use->set_tokens_wanted(900);
  }
  const auto response = ask_peer<v1::LeaseQuotaResponse>(&v1::LeaseService::Stub::LeaseQuota, request);
  ASSERT_EQ(response.grants_size(), 1);
  EXPECT_EQ(response.grants(0).requests(), 7);
  EXPECT_EQ(response.grants(0).tokens(), 900);
  EXPECT_EQ(response.gateway_count(), 1u);
}

TEST_F(ServiceTest, lists_show_no_secret) {
  store("openai", "one-SECRET");
  const auto credentials =
      ask_admin<v1::ListCredentialsResponse>(&v1::AuthService::Stub::ListCredentials, v1::ListCredentialsRequest());
  const auto options =
      ask_admin<v1::ListLoginOptionsResponse>(&v1::AuthService::Stub::ListLoginOptions, v1::ListLoginOptionsRequest());
  EXPECT_EQ(credentials.DebugString().find("SECRET"), std::string::npos);
  EXPECT_EQ(options.providers_size(), 4);
  EXPECT_EQ(options.providers(1).api_key_env(), "ROUTER_MAESTRO_OPENAI_API_KEY");
}

}  // namespace
}  // namespace maestro::auth
