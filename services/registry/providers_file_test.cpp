#include "registry/providers_file.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "registry/json_text.h"

namespace maestro::registry {
namespace {

const std::string file_name = "/c/providers.json";

ProvidersFile read(std::string_view bytes) {
  auto file = read_providers(bytes, file_name);
  EXPECT_TRUE(file.has_value()) << file.error().message;
  return file ? std::move(*file) : ProvidersFile{};
}

TEST(ProvidersFile, an_entry_is_read_whole) {
  const auto file = read(R"({"providers": {"ollama": {"type": "anthropic", "baseURL": "http://localhost:11434/v1//",
    "models": {"z": {"name": "Zed"}, "a/b:c": {"name": ""}},
    "options": {"api_key_env": "LOCAL_KEY", "allow_unauthenticated": true, "dialects": ["openai_chat"],
      "timeouts": {"connect_seconds": 1.5, "total_seconds": 60}, "mine": {"x": [1, 2]}}}}})");
  ASSERT_EQ(file.entries.size(), 1U);
  const auto& [entry, models, unknown, problem] = file.entries[0];
  EXPECT_EQ(problem, "");
  EXPECT_EQ(entry.id(), "ollama");
  EXPECT_EQ(entry.type(), "anthropic");
  EXPECT_EQ(entry.base_url(), "http://localhost:11434/v1");
  EXPECT_EQ(models, (std::vector<std::pair<std::string, std::string>>{{"z", "Zed"}, {"a/b:c", ""}}));
  EXPECT_EQ(entry.models_size(), 2U);
  EXPECT_EQ(entry.api_key_env(), "LOCAL_KEY");
  EXPECT_TRUE(entry.allow_unauthenticated());
  ASSERT_EQ(entry.dialects_size(), 1);
  EXPECT_EQ(entry.dialects(0), pb::DIALECT_OPENAI_CHAT);
  EXPECT_EQ(entry.timeouts().connect().seconds(), 1);
  EXPECT_EQ(entry.timeouts().connect().nanos(), 500'000'000);
  EXPECT_EQ(entry.timeouts().total().seconds(), 60);
  EXPECT_FALSE(entry.timeouts().has_idle());
  EXPECT_EQ(entry.other_options_json(), R"({"mine":{"x":[1,2]}})");
  EXPECT_EQ(unknown, std::vector<std::string>{"mine"});
}

TEST(ProvidersFile, no_file_and_no_providers_are_no_error) {
  for (const char* bytes : {"", " \n", "{}", "\xEF\xBB\xBF{\"other\": 1}", R"({"providers": {}})"}) {
    EXPECT_TRUE(read(bytes).entries.empty()) << bytes;
  }
}

TEST(ProvidersFile, order_is_kept_and_one_broken_entry_harms_no_other) {
  const auto file = read(R"({"providers": {"z": {"baseURL": "http://z"}, "b": {"baseURL": 7},
    "a": {"baseURL": "https://a/v1"}}})");
  ASSERT_EQ(file.entries.size(), 3U);
  EXPECT_EQ(file.entries[0].entry.id(), "z");
  EXPECT_EQ(file.entries[0].problem, "");
  EXPECT_EQ(file.entries[1].problem, "/c/providers.json:1:46: providers.b.baseURL: must be a text, is a whole number");
  EXPECT_EQ(file.entries[2].entry.id(), "a");
  EXPECT_EQ(file.entries[2].problem, "");
}

TEST(ProvidersFile, of_names_alike_and_built_in_ones_only_the_first_counts) {
  const auto file = read(R"({"providers": {"First": {"baseURL": "http://a"}, "first": {"baseURL": "http://b"},
    "OpenAI": {"baseURL": "http://c"}, "Anthropic": {"baseURL": "http://d"}, "GitHub-Copilot": {"baseURL": "http://e"},
    "First": {"baseURL": "http://f"}}})");
  ASSERT_EQ(file.entries.size(), 6U);
  EXPECT_EQ(file.entries[0].problem, "");
  EXPECT_EQ(file.entries[0].entry.base_url(), "http://a");
  for (std::size_t i = 1; i < 6; ++i) EXPECT_NE(file.entries[i].problem, "") << i;
}

TEST(ProvidersFile, a_broken_file_is_refused_with_line_and_column) {
  const struct {
    const char* bytes;
    const char* place;
  } cases[] = {{"{\n  \"providers\": {\n    \"a\": {\"baseURL\": \"http://a\",}\n  }\n}", ":3:33: "},
               {"[]", ":1:1: "},
               {"\n  42", ":2:3: "},
               {"{\"providers\": []}", ":1:15: "},
               {"{\"providers\": {}, \"providers\": {}}", ":1:19: "},
               {"{\"providers\": {}} x", ":1:19: "},
               {"{\"a\": \"\xFF\"}", ":1:8: "},
               {"{\"providers\": {", ":1:16: "},
               {"{\"a\": 1e999}", ":1:11: "},
               {"{\"a\": NaN}", ":1:7: "}};
  for (const auto& [bytes, place] : cases) {
    auto file = read_providers(bytes, file_name);
    ASSERT_FALSE(file.has_value()) << bytes;
    EXPECT_TRUE(file.error().message.starts_with(file_name + place)) << bytes << "\n" << file.error().message;
  }
  EXPECT_FALSE(read_providers(std::string(200, '['), file_name).has_value());
}

constexpr const char* broken_urls[] = {"",
                                       " ",
                                       "a",
                                       "localhost:1",
                                       "//h/v1",
                                       "/v1",
                                       "ftp://h",
                                       "file:///x",
                                       "ws://h",
                                       "http://",
                                       "http:///v1",
                                       "http://h/?a=1",
                                       "http://h/v1#x",
                                       "http://u:p@h",
                                       "http://u@h/v1",
                                       "http://h:0",
                                       "http://h:99999",
                                       "http://h:x",
                                       "http://h/ v1",
                                       "http://h/\\u0000",
                                       "http://h\\n",
                                       " http://h",
                                       "http://h ",
                                       "http://[::1",
                                       "http://h/%zz",
                                       "http://h/v1/chat/completions",
                                       "https://h/v1/responses",
                                       "http://h/v1/messages/",
                                       "http://h/v1/models"};

struct WrongField {
  const char* field;
  std::vector<std::string> good;  // values that are right for it, of the types below
};
const WrongField wrong_fields[] = {{"entry", {}},
                                   {"baseURL", {}},
                                   {"type", {}},
                                   {"models", {"{}"}},
                                   {"models.m", {"{}", "{\"x\":1}"}},
                                   {"models.m.name", {"\"text\""}},
                                   {"options", {"{}", "{\"x\":1}"}},
                                   {"options.api_key_env", {"null", "\"text\""}},
                                   {"options.allow_unauthenticated", {"true"}},
                                   {"options.dialects", {"[]"}},
                                   {"options.dialects[0]", {}},
                                   {"options.timeouts", {"{}"}},
                                   {"options.timeouts.connect_seconds", {"7", "1.5"}},
                                   {"options.timeouts.first_event_seconds", {"7", "1.5"}},
                                   {"options.timeouts.whole_reply_seconds", {"7", "1.5"}},
                                   {"options.timeouts.idle_seconds", {"7", "1.5"}},
                                   {"options.timeouts.total_seconds", {"7", "1.5"}}};

// Every field with every kind of wrong value, and the values that are of the right type and wrong all the same.
std::vector<std::string> broken_entries() {
  const std::string types[] = {"null", "true", "7", "1.5", "\"text\"", "[]", "[1]", "{}", "{\"x\":1}"};
  const auto with = [](const std::string& field, const std::string& value) {
    if (field == "entry") return value;
    if (field == "baseURL") return "{\"baseURL\":" + value + "}";
    if (field == "type" || field == "models" || field == "options") {
      return "{\"baseURL\":\"http://a\",\"" + field + "\":" + value + "}";
    }
    if (field.starts_with("models.")) {
      return "{\"baseURL\":\"http://a\",\"models\":{\"m\":" +
             (field == "models.m" ? value : "{\"name\":" + value + "}") + "}}";
    }
    std::string inner = field.substr(8);
    if (inner.starts_with("timeouts.")) {
      return "{\"baseURL\":\"http://a\",\"options\":{\"timeouts\":{\"" + inner.substr(9) + "\":" + value + "}}}";
    }
    if (inner == "dialects[0]") return "{\"baseURL\":\"http://a\",\"options\":{\"dialects\":[" + value + "]}}";
    return "{\"baseURL\":\"http://a\",\"options\":{\"" + inner + "\":" + value + "}}";
  };
  std::vector<std::string> broken;
  for (const auto& [field, good] : wrong_fields) {
    for (const std::string& value : types) {
      if (std::find(good.begin(), good.end(), value) == good.end()) broken.push_back(with(field, value));
    }
  }
  for (const char* url : broken_urls) {
    broken.push_back(with("baseURL", "\"" + std::string(url) + "\""));
  }
  for (const char* type :
       {"", "openai", "OpenAI-compatible", "openai_compatible", "anthropic ", "gemini1", "copilot"}) {
    broken.push_back(with("type", "\"" + std::string(type) + "\""));
  }
  for (const char* name : {"", " ", "9A", "A-B", "A B", "A.B", "$A", "sk-123456", "\\u00e9", "A\\n", "A="}) {
    broken.push_back(with("options.api_key_env", "\"" + std::string(name) + "\""));
  }
  for (const char* dialect : {"", "openai", "OPENAI_CHAT", "openai-chat", "chat"}) {
    broken.push_back(with("options.dialects[0]", "\"" + std::string(dialect) + "\""));
  }
  broken.push_back(with("options.dialects", R"(["openai_chat","openai_chat"])"));
  for (const char* name : {"connect", "connect_ms", "idle", "first", ""}) {
    broken.push_back(with("options.timeouts." + std::string(name), "5"));
  }
  for (const char* seconds : {"0", "-1", "0.0001", "86401", "1e300", "-0.5"}) {
    for (const char* name : {"connect_seconds", "total_seconds"}) {
      broken.push_back(with("options.timeouts." + std::string(name), seconds));
    }
  }
  for (const char* id : {"", " ", " a", "a ", "a\\n", "\\u0001"}) {
    broken.push_back("{\"baseURL\":\"http://a\",\"models\":{\"" + std::string(id) + "\":{\"name\":\"x\"}}}");
  }
  broken.push_back("{\"baseURL\":\"http://a\",\"models\":{\"m\":{\"name\":\"a\\u0007\"}}}");
  broken.push_back("{\"baseURL\":\"http://a\",\"models\":{\"" + std::string(600, 'm') + "\":{\"name\":\"x\"}}}");
  broken.push_back("{\"baseURL\":\"http://a\",\"baseURL\":\"http://b\"}");
  broken.push_back("{\"baseURL\":\"http://a\",\"options\":{\"api_key_env\":\"A\",\"api_key_env\":\"B\"}}");
  broken.push_back("{\"baseURL\":\"http://a\",\"models\":{\"m\":{\"name\":\"a\"},\"m\":{\"name\":\"b\"}}}");
  broken.push_back("{\"baseUrl\":\"http://a\"}");
  return broken;
}

TEST(ProvidersFile, each_of_two_hundred_broken_entries_is_refused_with_a_reason_and_none_is_applied) {
  const auto broken = broken_entries();
  EXPECT_GE(broken.size(), 200U);
  for (const std::string& entry : broken) {
    const auto file = read("{\"providers\":{\"good\":{\"baseURL\":\"http://g\"},\n\"bad\":" + entry +
                           ",\n\"good too\":{\"baseURL\":\"http://h\"}}}");
    ASSERT_EQ(file.entries.size(), 3U) << entry;
    EXPECT_EQ(file.entries[0].problem, "") << entry;
    EXPECT_EQ(file.entries[2].problem, "") << entry;
    const auto& bad = file.entries[1];
    EXPECT_TRUE(bad.problem.starts_with("/c/providers.json:2:1: providers.bad")) << entry << "\n" << bad.problem;
    EXPECT_GT(bad.problem.size(), 50U) << entry;
    EXPECT_EQ(bad.entry.base_url(), "") << entry;
    EXPECT_TRUE(bad.models.empty()) << entry;
  }
}

TEST(ProvidersFile, broken_names_are_refused_and_shown_harmlessly) {
  for (const char* name : {"", " ", "\\t", " a", "a ", "a/b", "/", "a\\nb", "\\u001b[31m", "openai", "OPENAI",
                           "anthropic", "github-copilot", "a\\u007f"}) {
    const auto file = read("{\"providers\":{\"" + std::string(name) + "\":{\"baseURL\":\"http://g\"}}}");
    ASSERT_EQ(file.entries.size(), 1U);
    EXPECT_NE(file.entries[0].problem, "") << name;
    for (const char letter : file.entries[0].problem) EXPECT_GE(static_cast<unsigned char>(letter), 0x20) << name;
  }
  EXPECT_EQ(read(R"({"providers":{"gemini":{"baseURL":"http://g"},"demo":{"baseURL":"http://g"}}})").entries[1].problem,
            "");
}

TEST(ProvidersFile, no_message_repeats_a_value_that_may_be_a_secret) {
  const std::string secret = "sk-live-1234567890";
  for (const std::string& bytes :
       {"{\"providers\":{\"a\":{\"baseURL\":\"http://u:" + secret + "@h\"}}}",
        "{\"providers\":{\"a\":{\"baseURL\":\"http://h\",\"options\":{\"api_key_env\":\"" + secret + "\"}}}}",
        "{\"providers\":{\"a\":{\"baseURL\":\"http://h\",\"type\":\"" + secret + "\"}}}"}) {
    const auto file = read(bytes);
    EXPECT_NE(file.entries.at(0).problem, "");
    EXPECT_EQ(file.entries.at(0).problem.find(secret), std::string::npos) << file.entries.at(0).problem;
  }
  auto broken = read_providers("{\"key\": \"" + secret + "\n\"}", file_name);
  ASSERT_FALSE(broken.has_value());
  EXPECT_EQ(broken.error().message.find(secret), std::string::npos) << broken.error().message;
}

pb::ProviderEntry entry_of(const std::string& id, const std::string& url) {
  pb::ProviderEntry entry;
  entry.set_id(id);
  entry.set_base_url(url);
  return entry;
}

TEST(ProvidersFile, an_added_entry_leaves_the_bytes_of_the_others) {
  const std::string odd =
      "{ \"note\":1,\n\t\"providers\" : {\n\t\t\"a\":  {\"baseURL\":\"http://a\" , \"extra\":1}\n\t}\n}";
  auto added = with_entry(odd, entry_of("b", "http://b"), file_name);
  ASSERT_TRUE(added.has_value());
  EXPECT_TRUE(added->starts_with(odd.substr(0, odd.find(" , \"extra\"")))) << *added;
  EXPECT_NE(added->find("\"extra\":1},\n\t\t\"b\": {\n"), std::string::npos) << *added;
  EXPECT_EQ(read(*added).entries[1].entry.base_url(), "http://b");
  auto removed = without_entry(*added, "b", file_name);
  ASSERT_TRUE(removed.has_value());
  EXPECT_EQ(*removed, odd);
}

TEST(ProvidersFile, entries_come_and_go_in_any_place) {
  std::string text;
  for (const char* id : {"a", "b", "c"}) text = *with_entry(text, entry_of(id, "http://x"), file_name);
  for (const char* gone : {"a", "b", "c"}) {
    auto removed = without_entry(text, gone, file_name);
    ASSERT_TRUE(removed.has_value());
    const auto file = read(*removed);
    ASSERT_EQ(file.entries.size(), 2U) << *removed;
    for (const auto& entry : file.entries) EXPECT_NE(entry.entry.id(), gone);
  }
  for (const char* gone : {"b", "a", "c"}) text = *without_entry(text, gone, file_name);
  EXPECT_TRUE(read(text).entries.empty()) << text;
  EXPECT_EQ(without_entry(text, "a", file_name).error().kind, ErrorKind::not_found);
  EXPECT_EQ(read(*with_entry("{\"x\": 1}", entry_of("a", "http://x"), file_name)).entries.size(), 1U);
}

TEST(ProvidersFile, a_replaced_entry_keeps_its_place_its_unknown_members_and_the_order_of_its_models) {
  const std::string text = R"({"providers": {
    "a": {"baseURL": "http://a", "comment": "mine", "models": {"z": {"name": "Z", "ctx": 5}, "b": {"name": "B"}}},
    "c": {"baseURL": "http://c"}}})";
  pb::ProviderEntry entry = entry_of("a", "http://other");
  (*entry.mutable_models())["b"] = "B2";
  (*entry.mutable_models())["z"] = "Z";
  (*entry.mutable_models())["n"] = "N";
  entry.set_other_options_json(R"({"mine": 1})");
  auto replaced = with_entry(text, entry, file_name);
  ASSERT_TRUE(replaced.has_value()) << replaced.error().message;
  const auto file = read(*replaced);
  EXPECT_EQ(file.entries[0].models,
            (std::vector<std::pair<std::string, std::string>>{{"z", "Z"}, {"b", "B2"}, {"n", "N"}}));
  EXPECT_EQ(file.entries[0].entry.other_options_json(), R"({"mine":1})");
  EXPECT_NE(replaced->find("\"comment\": \"mine\""), std::string::npos);
  EXPECT_NE(replaced->find("\"ctx\": 5"), std::string::npos);
  EXPECT_NE(replaced->find(R"("c": {"baseURL": "http://c"}}})"), std::string::npos);
  EXPECT_EQ(*with_entry(*replaced, entry, file_name), *replaced);
}

TEST(ProvidersFile, a_wrong_entry_is_refused_with_its_field) {
  const auto field_of = [](const pb::ProviderEntry& entry) {
    auto written = with_entry("", entry, file_name);
    return written ? std::string("accepted") : written.error().field_path;
  };
  EXPECT_EQ(field_of(entry_of("a/b", "http://x")), "entry.id");
  EXPECT_EQ(field_of(entry_of("OpenAI", "http://x")), "entry.id");
  EXPECT_EQ(field_of(entry_of("a", "nonsense")), "entry.base_url");
  auto entry = entry_of("a", "http://x");
  entry.set_api_key_env("9");
  EXPECT_EQ(field_of(entry), "entry.api_key_env");
  entry = entry_of("a", "http://x");
  entry.set_other_options_json("[");
  EXPECT_EQ(field_of(entry), "entry.other_options_json");
  entry.set_other_options_json(R"({"timeouts": {}})");
  EXPECT_EQ(field_of(entry), "entry.other_options_json");
  entry = entry_of("a", "http://x");
  entry.mutable_timeouts()->mutable_idle()->set_seconds(-1);
  EXPECT_EQ(field_of(entry), "entry.timeouts.idle_seconds");
}

}  // namespace
}  // namespace maestro::registry
