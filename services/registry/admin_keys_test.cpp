#include "registry/admin_keys.h"

#include <gtest/gtest.h>
#include <sodium.h>

namespace maestro::registry {
namespace {

const std::string salt(32, 's');

void add_key(auth::v1::KeySet& keys, const std::string& text, auth::v1::Scope scope, std::int64_t expire_seconds) {
  std::string hash(32, '\0');
  crypto_generichash(reinterpret_cast<unsigned char*>(hash.data()), hash.size(),
                     reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                     reinterpret_cast<const unsigned char*>(salt.data()), salt.size());
  auth::v1::KeyVerifier& verifier = *keys.add_verifiers();
  verifier.set_hash(hash);
  verifier.mutable_key()->add_scopes(scope);
  if (expire_seconds != 0) verifier.mutable_key()->mutable_expire_time()->set_seconds(expire_seconds);
}

TEST(AdminKeys, judges_by_hash_scope_and_time) {
  AdminKeys keys;
  const auto now = std::chrono::system_clock::time_point(std::chrono::seconds(1000));
  EXPECT_EQ(keys.judge({"admin"}, now).error().kind, ErrorKind::unavailable);
  auth::v1::KeySet set;
  set.set_salt(salt);
  add_key(set, "admin", auth::v1::SCOPE_ADMIN, 0);
  add_key(set, "plain", auth::v1::SCOPE_INFERENCE, 0);
  add_key(set, "ended", auth::v1::SCOPE_ADMIN, 1000);
  add_key(set, "going", auth::v1::SCOPE_ADMIN, 1001);
  ASSERT_TRUE(keys.replace(set).has_value());
  EXPECT_TRUE(keys.judge({"admin"}, now).has_value());
  EXPECT_TRUE(keys.judge({"wrong", "admin"}, now).has_value());
  EXPECT_TRUE(keys.judge({"going"}, now).has_value());
  const struct {
    std::vector<std::string_view> presented;
    ErrorKind kind;
  } cases[] = {{{}, ErrorKind::unauthenticated},        {{""}, ErrorKind::unauthenticated},
               {{"Admin"}, ErrorKind::unauthenticated}, {{"admin "}, ErrorKind::unauthenticated},
               {{"ended"}, ErrorKind::unauthenticated}, {{"\xC3\xA9"}, ErrorKind::unauthenticated},
               {{"plain"}, ErrorKind::forbidden},       {{"wrong", "plain"}, ErrorKind::forbidden}};
  for (const auto& [presented, kind] : cases) EXPECT_EQ(keys.judge(presented, now).error().kind, kind);
}

TEST(AdminKeys, a_set_that_cannot_be_read_leaves_the_one_before) {
  AdminKeys keys;
  const auto now = std::chrono::system_clock::now();
  auth::v1::KeySet set;
  set.set_salt(salt);
  add_key(set, "admin", auth::v1::SCOPE_ADMIN, 0);
  ASSERT_TRUE(keys.replace(set).has_value());
  auth::v1::KeySet newer = set;
  newer.set_reader_format_min(99);
  EXPECT_FALSE(keys.replace(newer).has_value());
  auth::v1::KeySet short_salt = set;
  short_salt.set_salt("x");
  EXPECT_FALSE(keys.replace(short_salt).has_value());
  auth::v1::KeySet short_hash = set;
  short_hash.mutable_verifiers(0)->set_hash("x");
  EXPECT_FALSE(keys.replace(short_hash).has_value());
  EXPECT_TRUE(keys.judge({"admin"}, now).has_value());
}

}  // namespace
}  // namespace maestro::registry
