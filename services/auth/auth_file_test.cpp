#include "auth/auth_file.h"

#include <gtest/gtest.h>

namespace maestro::auth {
namespace {

std::vector<std::string> names(const AuthFile& file) {
  std::vector<std::string> result;
  for (const auto& stored : file.credentials()) result.push_back(stored.provider_id);
  return result;
}

TEST(AuthFileTest, what_is_no_object_is_refused_without_showing_it) {
  for (const std::string text : {"[]", "null", "42", "", "{\"openai\": SECRET", "\"SECRET\""}) {
    const auto file = AuthFile::parse(text);
    ASSERT_FALSE(file) << text;
    EXPECT_EQ(file.error().message.find("SECRET"), std::string::npos);
  }
  EXPECT_TRUE(AuthFile::parse("{}"));
}

TEST(AuthFileTest, only_valid_entries_load_and_the_others_are_named) {
  const auto file = AuthFile::parse(R"({
    "openai": {"type": "api", "key": "a"},
    "many": {"type": "api", "key": "a", "keys": ["b", "", "c"]},
    "first_empty": {"type": "api", "key": "", "keys": ["b"]},
    "github-copilot": {"type": "oauth", "refresh": "r", "access": "a", "expires": 0, "api_endpoint": null},
    "no_key": {"type": "api"},
    "empty_key": {"type": "api", "key": " "},
    "number": {"type": "api", "key": 7},
    "bad_keys": {"type": "api", "key": "a", "keys": [7]},
    "no_refresh": {"type": "oauth", "access": "a"},
    "unknown_type": {"type": "magic", "key": "a"},
    "list": [],
    "null": null
  })");
  ASSERT_TRUE(file);
  EXPECT_EQ(names(*file), (std::vector<std::string>{"openai", "many", "first_empty", "github-copilot"}));
  EXPECT_EQ(file->unreadable().size(), 8u);
  EXPECT_EQ(std::get<ApiKeys>(file->find("many")->secret).keys.size(), 3u);
}

TEST(AuthFileTest, a_change_touches_one_provider_and_keeps_what_it_cannot_read) {
  const std::string text = R"({
  "strange": {
    "type": "magic",
    "z": 1,
    "a": [
      2
    ]
  },
  "github-copilot": {
    "type": "oauth",
    "refresh": "r",
    "access": "a",
    "expires": 1767225600,
    "api_endpoint": "https://api.individual.githubcopilot.com"
  },
  "openai": {
    "type": "api",
    "key": "one",
    "comment": "mine"
  }
}
)";
  auto file = AuthFile::parse(text);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->text(), text) << "unchanged is unchanged";
  file->set_key("openai", 1, Secret("two"), "https://api.openai.com");
  auto expected = text;
  expected.replace(expected.find("    \"comment\": \"mine\"\n"), 22,
                   "    \"comment\": \"mine\",\n    \"keys\": [\n      \"two\"\n    ],\n    \"origin\": "
                   "\"https://api.openai.com\"\n");
  EXPECT_EQ(file->text(), expected);
  EXPECT_TRUE(file->remove_key("openai", 0));
  EXPECT_EQ(std::get<ApiKeys>(file->find("openai")->secret).keys.front().reveal(), "two");
  EXPECT_FALSE(file->remove_key("openai", 1));
  EXPECT_TRUE(file->remove_key("openai", 0));
  EXPECT_EQ(file->find("openai"), nullptr);
  EXPECT_NE(file->text().find("\"magic\""), std::string::npos);
  EXPECT_FALSE(file->remove("openai"));
}

TEST(AuthFileTest, a_key_replaces_an_entry_of_another_kind) {
  auto file = AuthFile::parse(R"({"openai": {"type": "oauth", "refresh": "r", "access": "a"}, "x": [1]})");
  ASSERT_TRUE(file);
  file->set_key("openai", 0, Secret("k"), "");
  file->set_key("x", 0, Secret("k"), "");
  EXPECT_EQ(file->credentials().size(), 2u);
  EXPECT_TRUE(file->unreadable().empty());
  EXPECT_EQ(file->text().find("refresh"), std::string::npos);
}

}  // namespace
}  // namespace maestro::auth
