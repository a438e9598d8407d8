#include "auth/vault.h"

#include <chrono>

#include <sys/stat.h>

#include "auth/auth_test_room.h"
#include "auth/declarations.h"
#include "base/deadline.h"
#include "store/store.h"

namespace maestro::auth {
namespace {

const std::string flag_key = "flag-SECRET-0123456789";

class VaultTest : public ::testing::Test {
 protected:
  void open() {
    store_ = room_.open_store(loop_);
    Vault::Options options;
    options.keys.flag = Secret(flag_key);
    options.variable = room_.environment();
    auto opened = Vault::open(*store_, std::move(options));
    ASSERT_TRUE(opened) << opened.error().message;
    vault_ = std::move(*opened);
    vault_->credentials_changed = [this] { ++credential_changes_; };
    vault_->keys_changed = [this] { ++key_changes_; };
  }
  void close() {
    vault_.reset();
    store_.reset();
    loop_.restart();
  }
  // Runs the loop until it is so.
  template <class Claim>
  bool soon(Claim claim) {
    const auto deadline = Deadline::in(std::chrono::seconds(10));
    while (!claim() && !deadline.passed()) loop_.run_one_for(std::chrono::milliseconds(20));
    return claim();
  }
  std::string key_of(const std::string& provider_id) {
    const auto* credential = vault_->first_leased(provider_id);
    if (!credential || !credential->lease) return {};
    return std::string(credential->lease->headers.at(0).value.reveal());
  }

  Room room_;
  boost::asio::io_context loop_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Vault> vault_;
  int credential_changes_ = 0;
  int key_changes_ = 0;
};

TEST_F(VaultTest, revisions_and_generations_survive_a_restart_and_never_go_back) {
  open();
  const auto keys = vault_->ledger().keys_revision();
  EXPECT_EQ(keys.number, 1u);
  EXPECT_EQ(vault_->ledger().salt().size(), 32u);
  ASSERT_FALSE(vault_->store_key("openai", "", Secret("one-SECRET"), "", {}));
  ASSERT_FALSE(vault_->store_key("openai", "", Secret("two-SECRET"), "", {}));
  const auto credentials = vault_->ledger().credentials_revision();
  EXPECT_EQ(credentials.number, 3u);
  EXPECT_EQ(vault_->find("openai", "key-1")->generation, 2u);
  close();

  open();
  EXPECT_EQ(vault_->ledger().keys_revision(), keys);
  EXPECT_EQ(vault_->ledger().credentials_revision(), credentials);
  EXPECT_EQ(vault_->find("openai", "key-1")->generation, 2u);
  EXPECT_EQ(key_of("openai"), "Bearer two-SECRET");
  ASSERT_FALSE(vault_->remove("openai", "", {}));
  ASSERT_FALSE(vault_->store_key("openai", "", Secret("two-SECRET"), "", 0));
  EXPECT_GE(vault_->find("openai", "key-1")->generation, 2u);
  EXPECT_EQ(vault_->ledger().credentials_revision().number, 5u);
  EXPECT_EQ(vault_->ledger().credentials_revision().epoch, credentials.epoch);
}

TEST_F(VaultTest, keys_are_judged_by_the_key_in_force) {
  open();
  EXPECT_TRUE(vault_->judge({flag_key}, Scope::admin));
  EXPECT_TRUE(vault_->judge({"wrong-SECRET-0123456789", flag_key}, Scope::admin)) << "any of them suffices";
  const std::string long_key(100'000, 'x');
  const std::vector<std::vector<std::string_view>> wrong = {
      {}, {""}, {"wrong-SECRET-0123456789"}, {"schl\xc3\xbcssel-SECRET-0123"}, {long_key}};
  for (const auto& presented : wrong) {
    const auto judged = vault_->judge(presented, Scope::admin);
    ASSERT_FALSE(judged);
    EXPECT_EQ(judged.error().kind, ErrorKind::unauthenticated);
    EXPECT_EQ(judged.error().message.find("SECRET"), std::string::npos);
  }
}

TEST_F(VaultTest, an_edit_of_contexts_changes_the_key_at_once_and_a_bad_one_does_not) {
  open();
  const auto with_key = [](const std::string& value) { return R"({"contexts":{"local":{"api_key":)" + value + "}}}"; };
  write_text(room_.contexts_file(), with_key("\"edited-SECRET-0123456789\""));
  ASSERT_TRUE(soon([this] { return key_changes_ == 1; }));
  EXPECT_TRUE(vault_->judge({"edited-SECRET-0123456789"}, Scope::admin));
  EXPECT_FALSE(vault_->judge({flag_key}, Scope::admin));
  EXPECT_EQ(vault_->ledger().keys_revision().number, 2u);
  for (const auto& bad : {"{\"SECRET", "\"short\"", "null", "\"$(SECRET-0123456789)\"", "7"}) {
    write_text(room_.contexts_file(), with_key(bad));
    loop_.run_for(std::chrono::milliseconds(150));
    EXPECT_TRUE(vault_->judge({"edited-SECRET-0123456789"}, Scope::admin)) << bad;
  }
  write_text(room_.contexts_file(), with_key("\"again-SECRET-0123456789\""));
  ASSERT_TRUE(soon([this] { return key_changes_ == 2; }));
  EXPECT_TRUE(vault_->judge({"again-SECRET-0123456789"}, Scope::admin));
}

TEST_F(VaultTest, broken_files_at_the_start_are_no_credentials_and_stay_as_they_are) {
  for (const std::string text : {"[]", "null", "42", "{\"openai\": SECRET"}) {
    write_text(room_.auth_file(), text);
    open();
    EXPECT_EQ(key_of("openai"), "");
    const auto refusal = vault_->store_key("openai", "", Secret("one-SECRET"), "", {});
    ASSERT_TRUE(refusal) << text;
    EXPECT_TRUE(refusal->mark.precondition);
    EXPECT_EQ(read_text(room_.auth_file()), text);
    close();
  }
}

TEST_F(VaultTest, an_edit_is_live_at_once_and_a_broken_one_leaves_the_last_good) {
  open();
  write_text(room_.auth_file(), R"({"openai":{"type":"api","key":"one-SECRET"},"anthropic":{"type":"api"}})");
  ASSERT_TRUE(soon([this] { return key_of("openai") == "Bearer one-SECRET"; }));
  EXPECT_NE(vault_->first_leased("anthropic")->problem.find("cannot be read"), std::string::npos);
  write_text(room_.auth_file(), R"({"openai":{"type":"api","key":"two-SECRET)");
  loop_.run_for(std::chrono::milliseconds(150));
  EXPECT_EQ(key_of("openai"), "Bearer one-SECRET");
  write_text(room_.auth_file(), R"({"openai":{"type":"api","key":"two-SECRET"}})");
  ASSERT_TRUE(soon([this] { return key_of("openai") == "Bearer two-SECRET"; }));
  std::filesystem::remove(room_.auth_file());
  ASSERT_TRUE(soon([this] { return key_of("openai").empty(); }));
}

TEST_F(VaultTest, a_stored_file_is_private_whatever_the_umask_and_keeps_unreadable_entries) {
  write_text(room_.auth_file(), R"({"odd":{"type":"magic","key":"odd-SECRET"}})");
  open();
  const auto before = ::umask(0);
  EXPECT_FALSE(vault_->store_key("openai", "", Secret("one-SECRET"), "", {}));
  ::umask(before);
  struct stat found{};
  ASSERT_EQ(::stat(room_.auth_file().c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
  const auto root = Json::parse(read_text(room_.auth_file()));
  EXPECT_EQ(root["odd"]["key"], "odd-SECRET");
  EXPECT_EQ(root["openai"]["origin"], "https://api.openai.com");
  const auto ledger = read_text(room_.keys_file());
  EXPECT_EQ(ledger.find("SECRET"), std::string::npos) << "verifiers only";
}

TEST_F(VaultTest, changes_name_the_generation_they_were_made_from) {
  open();
  EXPECT_TRUE(vault_->store_key("openai", "", Secret("one-SECRET"), "", 1)) << "there is none";
  ASSERT_FALSE(vault_->store_key("openai", "", Secret("one-SECRET"), "", 0));
  const auto conflict = vault_->store_key("openai", "", Secret("two-SECRET"), "", 0);
  ASSERT_TRUE(conflict);
  EXPECT_EQ(conflict->mark.reason, "GENERATION_CONFLICT");
  EXPECT_EQ(conflict->mark.current_generation, 1u);
  EXPECT_TRUE(vault_->remove("openai", "", 7));
  EXPECT_FALSE(vault_->store_key("openai", "", Secret("two-SECRET"), "", 1));
  EXPECT_FALSE(vault_->remove("openai", "key-1", 2));
  EXPECT_TRUE(vault_->remove("openai", "", {})) << "it is gone";
}

TEST_F(VaultTest, what_cannot_be_stored_is_refused_with_its_field) {
  open();
  struct Case {
    std::string provider, credential, key, origin, field;
  };
  const Case cases[] = {
      {"", "", "k-SECRET", "", "provider_id"},
      {"a/b", "", "k-SECRET", "", "provider_id"},
      {std::string(200, 'x'), "", "k-SECRET", "", "provider_id"},
      {"github-copilot", "", "k-SECRET", "", "provider_id"},
      {"openai", "oauth", "k-SECRET", "", "credential_id"},
      {"openai", "key-2", "k-SECRET", "", "credential_id"},
      {"openai", "key-999", "k-SECRET", "", "credential_id"},
      {"openai", "", "", "", "api_key"},
      {"openai", "", "k SECRET", "", "api_key"},
      {"openai", "", flag_key, "", "api_key"},
      {"openai", "", "k-SECRET", "file:///etc", "origin"},
      {"openai", "", "k-SECRET", "https://evil.example", "origin"},
  };
  for (const auto& row : cases) {
    const auto refusal = vault_->store_key(row.provider, row.credential, Secret(row.key), row.origin, {});
    ASSERT_TRUE(refusal) << row.field;
    EXPECT_EQ(refusal->error.field_path, row.field);
    EXPECT_EQ(refusal->error.message.find("SECRET"), std::string::npos);
  }
  EXPECT_FALSE(std::filesystem::exists(room_.auth_file())) << "what is refused leaves no trace";
}

TEST_F(VaultTest, the_credential_of_a_variable_cannot_be_deleted) {
  room_.variables["ROUTER_MAESTRO_OPENAI_API_KEY"] = "env-SECRET";
  open();
  EXPECT_EQ(key_of("openai"), "Bearer env-SECRET");
  const auto refusal = vault_->remove("openai", "", {});
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->mark.reason, "FROM_ENVIRONMENT");
}

TEST_F(VaultTest, a_rejection_is_remembered_until_the_key_is_another) {
  open();
  ASSERT_FALSE(vault_->store_key("openai", "", Secret("one-SECRET"), "", {}));
  vault_->note_rejected("openai", "key-1", 1, 401);
  EXPECT_EQ(vault_->find("openai", "key-1")->state, CredentialState::login_required);
  const int changes = credential_changes_;
  vault_->note_rejected("openai", "key-1", 1, 401);
  EXPECT_EQ(credential_changes_, changes) << "nothing new, nothing pushed";
  ASSERT_FALSE(vault_->store_key("openai", "", Secret("two-SECRET"), "", {}));
  EXPECT_EQ(vault_->find("openai", "key-1")->state, CredentialState::active);
  vault_->note_rejected("openai", "key-1", 1, 401);
  EXPECT_EQ(vault_->find("openai", "key-1")->state, CredentialState::active) << "of a generation that is over";
}

TEST_F(VaultTest, a_broken_ledger_stops_the_start_and_is_not_overwritten) {
  for (const std::string text : {"{", "[]", "{\"format\":1}", "{\"format\":9,\"salt\":\"00\"}"}) {
    write_text(room_.keys_file(), text);
    const auto store = room_.open_store(loop_);
    Vault::Options options;
    options.keys.flag = Secret(flag_key);
    const auto opened = Vault::open(*store, std::move(options));
    ASSERT_FALSE(opened) << text;
    EXPECT_NE(opened.error().message.find("keys.json"), std::string::npos);
    EXPECT_EQ(read_text(room_.keys_file()), text);
  }
}

TEST_F(VaultTest, two_writers_that_store_different_providers_both_survive) {
  open();
  const auto other_store = room_.open_store(loop_);
  Vault::Options options;
  options.keys.flag = Secret(flag_key);
  auto other = Vault::open(*other_store, std::move(options));
  ASSERT_TRUE(other);
  for (int round = 0; round < 3; ++round) {
    const auto number = std::to_string(round);
    ASSERT_FALSE(vault_->store_key("openai", "", Secret("one-SECRET" + number), "", {}));
    ASSERT_FALSE((*other)->store_key("anthropic", "", Secret("two-SECRET" + number), "", {}));
  }
  const auto root = Json::parse(read_text(room_.auth_file()));
  EXPECT_EQ(root["openai"]["key"], "one-SECRET2");
  EXPECT_EQ(root["anthropic"]["key"], "two-SECRET2");
}

TEST_F(VaultTest, another_writer_of_the_ledger_is_taken_over) {
  open();
  const auto other_store = room_.open_store(loop_);
  auto other = Ledger::open(*other_store);
  ASSERT_TRUE(other);
  ASSERT_FALSE(vault_->store_key("openai", "", Secret("one-SECRET"), "", {}));
  const auto taken = vault_->ledger().credentials_revision();
  EXPECT_TRUE(other->record_credentials("something else"));
  EXPECT_EQ(other->credentials_revision().epoch, taken.epoch);
  EXPECT_GT(other->credentials_revision().number, taken.number) << "no number has two meanings";
}

}  // namespace
}  // namespace maestro::auth
