#include "auth/server_key.h"

#include <sodium.h>
#include <sys/stat.h>

#include "auth/auth_test_room.h"

namespace maestro::auth {
namespace {

const std::string flag_key = "flag-SECRET-0123456789";
const std::string file_key = "file-SECRET-0123456789";
const std::string variable_key = "variable-SECRET-0123456789";
const std::string stored_key = "stored-SECRET-0123456789";

TEST(ServerKeyTest, the_first_source_that_is_there_wins_and_is_written_back) {
  struct Case {
    const char* name;
    bool flag, file, variable, stored;
    KeySource source;
    std::string key;
  };
  const Case cases[] = {
      {"all_but_file", true, false, true, true, KeySource::flag, flag_key},
      {"file", false, true, true, true, KeySource::file, file_key},
      {"variable", false, false, true, true, KeySource::variable, variable_key},
      {"stored", false, false, false, true, KeySource::stored, stored_key},
      {"none", false, false, false, false, KeySource::generated, ""},
  };
  for (const auto& row : cases) {
    Room room;
    boost::asio::io_context loop;
    const auto store = room.open_store(loop);
    if (row.stored) write_text(room.contexts_file(), R"({"contexts":{"local":{"api_key":")" + stored_key + "\"}}}");
    PassedKeys passed;
    if (row.flag) passed.flag = Secret(flag_key);
    if (row.file) passed.file = Secret(file_key);
    if (row.variable) passed.variable = Secret(variable_key);
    const auto resolved = resolve_server_key(*store, passed);
    ASSERT_TRUE(resolved) << row.name << resolved.error().message;
    EXPECT_EQ(resolved->source, row.source) << row.name;
    if (row.key.empty()) {
      EXPECT_EQ(resolved->key.reveal().size(), 49u);
      EXPECT_TRUE(resolved->key.reveal().starts_with("sk-rm-"));
    } else {
      EXPECT_EQ(resolved->key.reveal(), row.key) << row.name;
    }
    const auto root = Json::parse(read_text(room.contexts_file()));
    EXPECT_EQ(root["contexts"]["local"]["api_key"], std::string(resolved->key.reveal())) << row.name;
  }
}

TEST(ServerKeyTest, writing_back_keeps_every_other_member_and_its_order) {
  Room room;
  boost::asio::io_context loop;
  const auto store = room.open_store(loop);
  write_text(room.contexts_file(), R"({
  "zebra": [1, 2],
  "current": "cloud",
  "contexts": {
    "cloud": {"endpoint": "https://x", "api_key": "k"},
    "local": {"note": "mine", "endpoint": "http://localhost:9999", "api_key": null}
  }
})");
  PassedKeys passed;
  passed.flag = Secret(flag_key);
  ASSERT_TRUE(resolve_server_key(*store, passed));
  EXPECT_EQ(read_text(room.contexts_file()), R"({
  "zebra": [
    1,
    2
  ],
  "current": "cloud",
  "contexts": {
    "cloud": {
      "endpoint": "https://x",
      "api_key": "k"
    },
    "local": {
      "note": "mine",
      "endpoint": "http://localhost:9999",
      "api_key": "flag-SECRET-0123456789"
    }
  }
}
)");
  struct stat found{};
  ASSERT_EQ(::stat(room.contexts_file().c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
}

TEST(ServerKeyTest, a_key_that_cannot_be_meant_is_refused_with_the_command_to_run) {
  const std::string cases[] = {"",
                               "short-SECRET",
                               "$(openssl rand -hex 32)SECRET",
                               "SECRET with a blank in it",
                               "SECRET-with-\xc3\xa4-umlaut-0",
                               "SECRET-with-\n-line-end-0",
                               std::string(5'000, 'S')};
  for (const auto& key : cases) {
    for (const auto source : {KeySource::flag, KeySource::file, KeySource::variable, KeySource::stored}) {
      const auto judged = judge_server_key(key, source);
      ASSERT_FALSE(judged) << key;
      EXPECT_NE(judged.error().message.find("openssl rand -hex 32"), std::string::npos);
      EXPECT_EQ(judged.error().message.find("SECRET"), std::string::npos) << "the key is not shown";
    }
  }
  EXPECT_TRUE(judge_server_key("0123456789abcdef", KeySource::flag));
}

TEST(ServerKeyTest, an_empty_variable_counts_as_unset_and_an_empty_flag_does_not) {
  Room room;
  boost::asio::io_context loop;
  const auto store = room.open_store(loop);
  PassedKeys passed;
  passed.variable = Secret("");
  EXPECT_EQ(resolve_server_key(*store, passed)->source, KeySource::generated);
  passed.flag = Secret("");
  EXPECT_FALSE(resolve_server_key(*store, passed));
}

TEST(ServerKeyTest, broken_contexts_stop_a_start_that_needs_them_and_stay_as_they_are) {
  Room room;
  boost::asio::io_context loop;
  const auto store = room.open_store(loop);
  const std::string broken = "{\n\"contexts\": SECRET";
  write_text(room.contexts_file(), broken);
  const auto refused = resolve_server_key(*store, {});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("line 2"), std::string::npos) << refused.error().message;
  EXPECT_EQ(refused.error().message.find("SECRET"), std::string::npos);
  PassedKeys passed;
  passed.flag = Secret(flag_key);
  EXPECT_TRUE(resolve_server_key(*store, passed)) << "a key that is passed does not need the file";
  EXPECT_EQ(read_text(room.contexts_file()), broken);
}

TEST(ServerKeyTest, the_hint_shows_both_ends_of_a_long_key_only) {
  EXPECT_EQ(hint_of("sk-rm-0123456789012345678901234567890wxyz"), "sk-rm-012345...wxyz");
  EXPECT_EQ(hint_of(std::string(31, 'x')), "");
}

}  // namespace
}  // namespace maestro::auth
