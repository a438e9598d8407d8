#include "auth/credentials.h"

#include <map>

#include <gtest/gtest.h>

namespace maestro::auth {
namespace {

const std::string client_key = "server-SECRET-0123456789";

Provider builtin(const std::string& id) {
  for (const auto& provider : builtin_providers())
    if (provider.id == id) return provider;
  return {};
}

Provider custom(const std::string& id, const std::string& api_key_env = "", bool anonymous = false) {
  Provider provider;
  provider.id = id;
  provider.base_url = "http://LocalHost:11434/v1";
  provider.api_key_env = api_key_env;
  provider.anonymous_allowed = anonymous;
  return provider;
}

struct World {
  std::map<std::string, std::string> variables{};
  std::vector<std::string> refused{};

  Surroundings surroundings() {
    Surroundings result;
    result.variable = [this](const std::string& name) {
      const auto found = variables.find(name);
      return found == variables.end() ? std::string() : found->second;
    };
    result.is_client_key = [](std::string_view text) { return text == client_key; };
    result.refused_variable = [this](const std::string& name) { refused.push_back(name); };
    return result;
  }
};

StoredCredential stored_key(const std::string& key, const std::string& origin = "") {
  ApiKeys keys;
  keys.keys.emplace_back(key);
  keys.origin = origin;
  return StoredCredential{"x", keys};
}

TEST(ProviderTest, variables_have_the_names_of_the_specification) {
  const std::pair<std::string, std::string> cases[] = {
      {"ollama", "OLLAMA_API_KEY"},
      {"my-provider", "MY_PROVIDER_API_KEY"},
      {"my.provider-v2", "MY_PROVIDER_V2_API_KEY"},
      {"--a--", "A_API_KEY"},
      {"9lives", "9LIVES_API_KEY"},
      {"中文", ""},
  };
  for (const auto& [id, name] : cases) EXPECT_EQ(key_variable(custom(id)), name) << id;
  EXPECT_EQ(key_variable(custom("ollama", "LOCAL_KEY")), "LOCAL_KEY");
  EXPECT_EQ(key_variable(custom("gemini")), "GEMINI_API_KEY");
  EXPECT_EQ(key_variable(builtin("openai")), "ROUTER_MAESTRO_OPENAI_API_KEY");
  EXPECT_EQ(key_variable(builtin("anthropic")), "ROUTER_MAESTRO_ANTHROPIC_API_KEY");
  EXPECT_EQ(key_variable(builtin("gemini")), "ROUTER_MAESTRO_GEMINI_API_KEY");
  EXPECT_EQ(key_variable(builtin("github-copilot")), "");
}

TEST(ProviderTest, an_origin_is_scheme_host_and_unusual_port) {
  const std::pair<std::string, std::string> cases[] = {
      {"https://api.openai.com/v1", "https://api.openai.com"},
      {"https://API.OpenAI.com:443/v1", "https://api.openai.com"},
      {"http://localhost:11434/v1", "http://localhost:11434"},
      {"http://[::1]:80/", "http://[::1]"},
      {"https://user:SECRET@host/", ""},
      {"ftp://host/", ""},
      {"host/v1", ""},
      {"https:///v1", ""},
      {"", ""},
  };
  for (const auto& [url, origin] : cases) EXPECT_EQ(origin_of(url), origin) << url;
}

TEST(CredentialsTest, the_environment_wins_an_empty_variable_does_not_and_client_keys_are_never_sent) {
  struct Case {
    const char* name;
    std::string variable;
    std::string stored;
    CredentialKind kind;
    std::string header;
    bool refused = false;
  };
  const Case cases[] = {
      {"variable", "env-SECRET", "", CredentialKind::environment, "Bearer env-SECRET"},
      {"variable_over_stored", "env-SECRET", "st-SECRET", CredentialKind::environment, "Bearer env-SECRET"},
      {"variable_is_trimmed", " env-SECRET\n", "", CredentialKind::environment, "Bearer env-SECRET"},
      {"empty_falls_through", "", "st-SECRET", CredentialKind::api_key, "Bearer st-SECRET"},
      {"blank_falls_through", "  ", "st-SECRET", CredentialKind::api_key, "Bearer st-SECRET"},
      {"client_key_falls_through", client_key, "st-SECRET", CredentialKind::api_key, "Bearer st-SECRET", true},
      {"client_prefix", "sk-rm-SECRET", "", CredentialKind::none, "", true},
      {"line_end_inside", "a\nX: SECRET", "", CredentialKind::environment, ""},
      {"stored_client_key", "", client_key, CredentialKind::api_key, ""},
      {"sealed", "", "sealed:v1:a:SECRET", CredentialKind::api_key, ""},
      {"nothing", "", "", CredentialKind::none, ""},
  };
  for (const auto& row : cases) {
    World world;
    if (!row.variable.empty()) world.variables["OLLAMA_API_KEY"] = row.variable;
    const auto stored = stored_key(row.stored);
    const auto result = credentials_of(custom("ollama"), row.stored.empty() ? nullptr : &stored, world.surroundings());
    ASSERT_EQ(result.size(), 1u) << row.name;
    EXPECT_EQ(result[0].kind, row.kind) << row.name;
    EXPECT_EQ(world.refused.size(), row.refused ? 1u : 0u) << row.name;
    EXPECT_EQ(result[0].problem.find("SECRET"), std::string::npos) << row.name;
    ASSERT_EQ(result[0].lease.has_value(), !row.header.empty()) << row.name;
    if (row.header.empty()) {
      EXPECT_EQ(result[0].state, CredentialState::login_required) << row.name;
      EXPECT_NE(result[0].problem, "") << row.name;
      continue;
    }
    EXPECT_EQ(result[0].lease->headers.at(0).name, "authorization");
    EXPECT_EQ(result[0].lease->headers.at(0).value.reveal(), row.header) << row.name;
    EXPECT_EQ(result[0].lease->origin, "http://localhost:11434");
  }
}

TEST(CredentialsTest, built_in_providers_read_their_own_variables_and_no_others) {
  World world;
  world.variables["OPENAI_API_KEY"] = "env-SECRET";
  world.variables["ANTHROPIC_API_KEY"] = "env-SECRET";
  world.variables["ROUTER_MAESTRO_ANTHROPIC_API_KEY"] = "own-SECRET";
  world.variables["ROUTER_MAESTRO_GEMINI_API_KEY"] = "gem-SECRET";
  const auto openai = credentials_of(builtin("openai"), nullptr, world.surroundings());
  EXPECT_FALSE(openai[0].lease);
  EXPECT_EQ(openai[0].problem, "no key: set ROUTER_MAESTRO_OPENAI_API_KEY or run router-maestro auth login openai");
  const auto anthropic = credentials_of(builtin("anthropic"), nullptr, world.surroundings());
  EXPECT_EQ(anthropic[0].lease->headers.at(0).name, "x-api-key");
  EXPECT_EQ(anthropic[0].lease->headers.at(0).value.reveal(), "own-SECRET");
  const auto gemini = credentials_of(builtin("gemini"), nullptr, world.surroundings());
  EXPECT_EQ(gemini[0].lease->headers.at(0).name, "x-goog-api-key");
}

TEST(CredentialsTest, an_oauth_credential_under_a_custom_name_is_not_used) {
  World world;
  const StoredCredential oauth{"ollama", OauthTokens{}};
  EXPECT_EQ(credentials_of(custom("ollama"), &oauth, world.surroundings())[0].kind, CredentialKind::none);
  EXPECT_EQ(credentials_of(custom("ollama", "", true), &oauth, world.surroundings())[0].kind,
            CredentialKind::anonymous);
}

TEST(CredentialsTest, without_a_key_only_who_allows_it_is_called_without_headers) {
  World world;
  const auto anonymous = credentials_of(custom("ollama", "", true), nullptr, world.surroundings());
  ASSERT_TRUE(anonymous[0].lease);
  EXPECT_TRUE(anonymous[0].lease->headers.empty());
  EXPECT_EQ(anonymous[0].lease->origin, "http://localhost:11434");
  const auto refused = credentials_of(custom("ollama"), nullptr, world.surroundings());
  EXPECT_FALSE(refused[0].lease);
  EXPECT_EQ(refused[0].problem, "no key: set OLLAMA_API_KEY or run router-maestro auth login ollama");
  auto keyless = custom("local");
  keyless.style = AuthStyle::none;
  EXPECT_TRUE(credentials_of(keyless, nullptr, world.surroundings())[0].lease);
}

TEST(CredentialsTest, a_stored_key_goes_to_the_origin_it_was_stored_for_and_nowhere_else) {
  World world;
  const auto bound = stored_key("st-SECRET", "http://localhost:11434");
  EXPECT_TRUE(credentials_of(custom("ollama"), &bound, world.surroundings())[0].lease);
  const auto elsewhere = stored_key("st-SECRET", "https://evil.example");
  const auto refused = credentials_of(custom("ollama"), &elsewhere, world.surroundings());
  EXPECT_FALSE(refused[0].lease);
  EXPECT_EQ(refused[0].state, CredentialState::login_required);
}

TEST(CredentialsTest, several_keys_are_several_credentials) {
  World world;
  ApiKeys keys;
  for (const char* key : {"a-SECRET", "b-SECRET", "c-SECRET"}) keys.keys.emplace_back(key);
  const StoredCredential stored{"ollama", keys};
  const auto result = credentials_of(custom("ollama"), &stored, world.surroundings());
  ASSERT_EQ(result.size(), 3u);
  EXPECT_EQ(result[2].credential_id, "key-3");
  EXPECT_EQ(key_position("key-3"), 2u);
  for (const char* id : {"key-0", "key-", "key-x", "oauth", "", "key-1x"}) EXPECT_FALSE(key_position(id)) << id;
}

}  // namespace
}  // namespace maestro::auth
