#include "registry/catalog.h"

#include <gtest/gtest.h>

#include "registry/model_pages.h"
#include "registry/names.h"
#include "registry/priorities_file.h"

namespace maestro::registry {
namespace {

// Sources that a test changes, and what is built of them.
struct Bench {
  std::string providers_json = "{}";
  std::string config_json = "{}";
  std::map<std::string, ModelList, std::less<>> lists;
  CredentialView credentials;
  Demo demo = Demo::off;

  BuiltCatalog build() {
    auto providers = read_providers(providers_json, "providers.json");
    auto config = read_config(config_json, "priorities.json");
    EXPECT_TRUE(providers.has_value() && config.has_value());
    return build_catalog(CatalogSources{*providers, *config, lists, credentials, "https://api.openai.com/v1", demo});
  }
};

std::string names_of(const pb::Catalog& catalog) {
  std::string names;
  for (const pb::Model& model : catalog.models()) names += model.provider_id() + '/' + model.id() + ' ';
  return names;
}

const pb::Provider& provider(const pb::Catalog& catalog, std::string_view id) {
  for (const pb::Provider& candidate : catalog.providers()) {
    if (candidate.id() == id) return candidate;
  }
  static const pb::Provider none;
  return none;
}

TEST(Catalog, customs_stand_after_built_in_ones_in_the_order_of_the_file) {
  Bench bench;
  bench.providers_json =
      R"({"providers": {"z": {"baseURL": "http://z/v1/", "models": {"x": {"name": "X"}, "a/b": {"name": ""}},
    "options": {"timeouts": {"idle_seconds": 3}}}, "bad": {}, "a": {"baseURL": "http://a", "models": {"x": {}}}}})";
  const BuiltCatalog built = bench.build();
  const pb::Catalog& catalog = built.catalog;
  ASSERT_EQ(catalog.providers_size(), 3);
  EXPECT_EQ(catalog.providers(0).id(), "openai");
  EXPECT_TRUE(catalog.providers(0).builtin());
  EXPECT_EQ(catalog.providers(1).id(), "z");
  EXPECT_EQ(catalog.providers(1).base_url(), "http://z/v1");
  EXPECT_EQ(catalog.providers(1).timeouts().idle().seconds(), 3);
  EXPECT_EQ(catalog.providers(2).id(), "a");
  EXPECT_EQ(names_of(catalog), "z/x z/a/b a/x ");
  EXPECT_EQ(catalog.models(1).display_name(), "a/b");
  ASSERT_EQ(catalog.models(0).endpoints_size(), 1);
  EXPECT_EQ(catalog.models(0).endpoints(0).operation(), pb::OPERATION_GENERATE);
  EXPECT_EQ(catalog.models(0).endpoints(0).dialect(), pb::DIALECT_OPENAI_CHAT);
  ASSERT_EQ(built.views.size(), 4U);
  EXPECT_FALSE(built.views[2].has_provider());
  EXPECT_EQ(built.views[2].entry().id(), "bad");
  EXPECT_NE(built.views[2].problem(), "");
}

TEST(Catalog, two_providers_with_one_id_have_two_models_and_a_bare_id_means_the_first) {
  Bench bench;
  bench.providers_json = R"({"providers": {"second": {"baseURL": "http://z", "models": {"x": {}}},
    "first": {"baseURL": "http://a", "models": {"x": {}}},
    "openrouter": {"baseURL": "http://o", "models": {"openrouter/auto": {}}}}})";
  bench.config_json = R"({"aliases": {"Fast": "first/x"}})";
  pb::Catalog catalog = bench.build().catalog;
  EXPECT_EQ(names_of(catalog), "second/x first/x openrouter/openrouter/auto ");
  catalog.mutable_revision()->set_epoch("e");
  catalog.mutable_revision()->set_number(1);
  auto routed = to_route(catalog);
  ASSERT_TRUE(routed.has_value());
  const auto resolve = [&](std::string_view name) { return resolve_model(catalog, **routed, name); };
  EXPECT_EQ(resolve("x").match_kind(), pb::MATCH_KIND_BARE);
  ASSERT_EQ(resolve("x").models_size(), 2);
  EXPECT_EQ(resolve("x").models(0).provider_id(), "second");
  EXPECT_EQ(resolve("first/x").match_kind(), pb::MATCH_KIND_QUALIFIED);
  EXPECT_EQ(resolve("openrouter/auto").models(0).id(), "openrouter/auto");
  EXPECT_EQ(resolve("openrouter/openrouter/auto").models(0).id(), "openrouter/auto");
  EXPECT_EQ(resolve("fast").match_kind(), pb::MATCH_KIND_ALIAS);
  EXPECT_EQ(resolve("fast").models(0).provider_id(), "first");
  EXPECT_EQ(resolve("").outcome(), pb::RESOLUTION_OUTCOME_MALFORMED);
  EXPECT_EQ(resolve("a\nb").outcome(), pb::RESOLUTION_OUTCOME_MALFORMED);
  const pb::Resolution unknown = resolve("frist/x");
  EXPECT_EQ(unknown.outcome(), pb::RESOLUTION_OUTCOME_UNKNOWN);
  ASSERT_GE(unknown.choices_size(), 1);
  EXPECT_EQ(unknown.choices(0).name(), "first/x");
}

TEST(Catalog, overrides_reach_all_providers_by_bare_id_and_one_by_its_full_name) {
  Bench bench;
  bench.providers_json = R"({"providers": {"a": {"baseURL": "http://a", "models": {"x": {}, "y": {}}},
    "b": {"baseURL": "http://b", "models": {"x": {}}}}})";
  bench.config_json = R"({"model_overrides": {"x": {"max_prompt_tokens": 5, "max_output_tokens": 6},
    "b/x": {"max_prompt_tokens": 7}}})";
  const pb::Catalog catalog = bench.build().catalog;
  EXPECT_EQ(catalog.models(0).limits().prompt_tokens_max(), 5);
  EXPECT_FALSE(catalog.models(1).has_limits());
  EXPECT_EQ(catalog.models(2).limits().prompt_tokens_max(), 7);
  EXPECT_EQ(catalog.models(2).limits().output_tokens_max(), 6);
  EXPECT_FALSE(catalog.models(2).limits().has_context_tokens_max());
}

TEST(Catalog, a_provider_says_what_it_waits_for) {
  Bench bench;
  bench.providers_json =
      R"({"providers": {"my.prov": {"baseURL": "http://a"}, "c": {"baseURL": "http://c", "type": "anthropic"},
    "d": {"baseURL": "http://d", "type": "gemini", "options": {"dialects": ["openai_chat"]}}}})";
  const auto problem = [&](std::string_view id) { return provider(bench.build().catalog, id).listing().problem(); };
  EXPECT_NE(problem("my.prov").find("auth"), std::string::npos);
  bench.credentials.known = true;
  EXPECT_NE(problem("my.prov").find("MY_PROV_API_KEY"), std::string::npos);
  EXPECT_NE(problem("openai").find("ROUTER_MAESTRO_OPENAI_API_KEY"), std::string::npos);
  EXPECT_NE(problem("c").find("does not speak"), std::string::npos);
  EXPECT_EQ(problem("d").find("does not speak"), std::string::npos);
  bench.credentials.problems["openai"] = "the key was refused";
  EXPECT_EQ(problem("openai"), "the key was refused");
  bench.credentials.leased.insert("openai");
  EXPECT_EQ(problem("openai"), "");
}

TEST(Catalog, a_fetched_list_stays_while_auth_is_away_and_goes_with_its_credential) {
  Bench bench;
  bench.lists["openai"] = openai_static_list();
  EXPECT_EQ(names_of(bench.build().catalog), "openai/gpt-4o openai/gpt-4o-mini openai/gpt-4-turbo ");
  bench.credentials.known = true;
  EXPECT_EQ(names_of(bench.build().catalog), "");
  bench.credentials.problems["openai"] = "the issuer is away";
  EXPECT_NE(names_of(bench.build().catalog), "");
}

TEST(Catalog, demo_is_there_only_while_nothing_else_can_answer) {
  const std::string custom = R"({"providers": {"a": {"baseURL": "http://a"}}})";
  const std::string unspoken = R"({"providers": {"a": {"baseURL": "http://a", "type": "anthropic"}}})";
  const std::string own_demo = R"({"providers": {"Demo": {"baseURL": "http://a"}}})";
  const struct {
    Demo demo;
    std::string providers;
    std::set<std::string, std::less<>> leased;
    bool there;
  } cases[] = {{Demo::off, "{}", {}, false},
               {Demo::on, "{}", {}, true},
               {Demo::automatic, "{}", {}, true},
               {Demo::automatic, custom, {}, false},
               {Demo::automatic, unspoken, {}, true},
               {Demo::automatic, R"({"providers": {"a": {}}})", {}, true},
               {Demo::automatic, "{}", {"openai"}, false},
               {Demo::on, custom, {"openai"}, true},
               {Demo::on, own_demo, {}, false}};
  for (const auto& row : cases) {
    Bench bench;
    bench.demo = row.demo;
    bench.providers_json = row.providers;
    bench.credentials.known = true;
    bench.credentials.leased = row.leased;
    const pb::Catalog catalog = bench.build().catalog;
    EXPECT_EQ(provider(catalog, "demo").adapter() == "demo", row.there) << row.providers;
    if (!row.there) continue;
    EXPECT_TRUE(provider(catalog, "demo").keyless());
    EXPECT_EQ(catalog.models(catalog.models_size() - 1).id(), "echo");
    EXPECT_EQ(catalog.models(catalog.models_size() - 1).display_name(), "Demo echo");
  }
}

TEST(Catalog, auth_is_told_how_each_provider_wants_its_key) {
  auto providers = read_providers(R"({"providers": {"a": {"baseURL": "http://a", "type": "anthropic", "options":
    {"api_key_env": "K", "allow_unauthenticated": true}}, "g": {"baseURL": "http://g", "type": "gemini"}, "x": {}}})",
                                  "providers.json");
  const auto auths = provider_auths(*providers, "https://o/v1");
  ASSERT_EQ(auths.size(), 3U);
  EXPECT_TRUE(auths[0].builtin());
  EXPECT_EQ(auths[0].style(), auth::v1::AUTH_STYLE_BEARER);
  EXPECT_EQ(auths[0].base_url(), "https://o/v1");
  EXPECT_EQ(auths[1].style(), auth::v1::AUTH_STYLE_X_API_KEY);
  EXPECT_EQ(auths[1].api_key_env(), "K");
  EXPECT_TRUE(auths[1].anonymous_allowed());
  EXPECT_EQ(auths[2].style(), auth::v1::AUTH_STYLE_X_GOOG_API_KEY);
}

TEST(Catalog, variables_are_named_after_the_provider) {
  const struct {
    const char* id;
    const char* variable;
  } cases[] = {{"ollama", "OLLAMA_API_KEY"},
               {"my-provider", "MY_PROVIDER_API_KEY"},
               {"my.provider-v2", "MY_PROVIDER_V2_API_KEY"},
               {"--a--", "A_API_KEY"},
               {"9lives", "9LIVES_API_KEY"},
               {"中文", ""}};
  for (const auto& [id, variable] : cases) {
    pb::ProviderEntry entry;
    entry.set_id(id);
    EXPECT_EQ(key_variable(entry), variable);
  }
}

TEST(ModelList, what_makes_no_sense_is_skipped_and_counted) {
  auto list = read_model_list(R"({"object": "list", "data": [{"id": "a", "name": "A"}, {"id": ""}, {"id": 5}, null, "b",
    {"id": "a"}, {"id": "c\n"}, {}, {"id": "d", "name": 7}, {"id": "e/f:g", "display_name": "E"}]})",
                              ListFilter::all);
  ASSERT_TRUE(list.has_value());
  EXPECT_EQ(list->models, (std::vector<ListedModel>{{"a", "A"}, {"d", "d"}, {"e/f:g", "E"}}));
  EXPECT_EQ(list->skipped_count, 7U);
  for (const char* body : {"", "<html>", "{}", "[", "7", R"({"data": {}})", R"({"data": null})"}) {
    auto broken = read_model_list(body, ListFilter::all);
    ASSERT_FALSE(broken.has_value()) << body;
    EXPECT_EQ(broken.error().kind, ErrorKind::provider_failed);
  }
}

TEST(ModelList, of_openai_only_chat_models_are_kept) {
  for (const char* id :
       {"gpt-4o", "chatgpt-4o-latest", "o1", "o3", "o4", "o1-mini", "o3-pro", "o4-mini", "ft:gpt-4o:x"}) {
    EXPECT_TRUE(is_openai_chat_model(id)) << id;
  }
  for (const char* id : {"whisper-1", "dall-e-3", "text-embedding-3-large", "o2", "tts-1", "o11", "omni-moderation"}) {
    EXPECT_FALSE(is_openai_chat_model(id)) << id;
  }
}

TEST(ModelPages, models_come_filtered_and_page_by_page) {
  Bench bench;
  bench.providers_json =
      R"({"providers": {"a": {"baseURL": "http://a", "models": {"m1": {"name": "Red"}, "m2": {"name": "Blue"}}},
    "b": {"baseURL": "http://b", "models": {"m3": {"name": "red too"}}}}})";
  bench.config_json = R"({"priorities": ["b/m3"], "model_overrides": {"m1": {"max_prompt_tokens": 10}}})";
  pb::Catalog catalog = bench.build().catalog;
  catalog.mutable_revision()->set_epoch("e");
  catalog.mutable_revision()->set_number(4);
  auto routed = to_route(catalog);
  ASSERT_TRUE(routed.has_value());
  const auto ids = [&](const pb::ListModelsRequest& request) {
    std::string text;
    pb::ListModelsRequest next = request;
    for (int pages = 0; pages < 10; ++pages) {
      auto page = list_models(catalog, **routed, next);
      if (!page) return page.error().field_path;
      for (const pb::Model& model : page->models()) text += model.id() + ' ';
      if (page->next_page_token().empty()) break;
      text += "| ";
      next.set_page_token(page->next_page_token());
    }
    return text;
  };
  pb::ListModelsRequest request;
  EXPECT_TRUE(ids(request).starts_with("m3 ")) << ids(request);
  request.set_text("RED");
  EXPECT_EQ(ids(request), "m3 m1 ");
  request.set_page_size(1);
  EXPECT_EQ(ids(request), "m3 | m1 ");
  request.mutable_needs()->set_prompt_tokens(11);
  EXPECT_EQ(ids(request), "m3 ");
  request.set_provider_id("a");
  EXPECT_EQ(ids(request), "");
  request.set_page_token("e/3/1");
  EXPECT_EQ(ids(request), "page_token");
  request.set_page_token("e/4/x");
  EXPECT_EQ(ids(request), "page_token");
}

}  // namespace
}  // namespace maestro::registry
