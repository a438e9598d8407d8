#include <gtest/gtest.h>

#include "route/attempts.h"
#include "route/catalog.h"
#include "route/names.h"
#include "route/plan.h"

namespace maestro::route {
namespace {

Model model(std::uint32_t provider, std::string id, std::string display_name = "") {
  Model made;
  made.provider = provider;
  made.display_name = display_name.empty() ? id : display_name;
  made.id = std::move(id);
  made.endpoints = {{chat::Operation::generate, chat::DialectId::openai_chat}};
  return made;
}

Provider provider(std::string id) {
  Provider made;
  made.id = std::move(id);
  made.base_url = "http://127.0.0.1:1/v1";
  return made;
}

CatalogParts parts() {
  CatalogParts made;
  made.revision = {"e", 7};
  made.providers = {provider("first"), provider("second"), provider("openrouter")};
  made.models = {model(0, "gpt-4o"), model(0, "gpt-4o-mini"), model(1, "gpt-4o"), model(1, "llama3:8b"),
                 model(2, "openrouter/auto")};
  made.aliases = {{"Claude-Haiku", "first/gpt-4o-mini", false}};
  return made;
}

std::shared_ptr<const Catalog> catalog() { return *Catalog::build(parts()); }

TEST(CatalogTest, what_does_not_hold_together_is_refused_and_says_where) {
  struct Case {
    const char* name;
    void (*spoil)(CatalogParts&);
    const char* says;
  };
  const Case cases[] = {
      {"no_provider", [](CatalogParts& p) { p.models[0].provider = 9; }, "gpt-4o has no provider"},
      {"slash", [](CatalogParts& p) { p.providers[0].id = "a/b"; }, "\"a/b\" is no provider id"},
      {"twice", [](CatalogParts& p) { p.providers[1].id = "FIRST"; }, "FIRST is there twice"},
      {"model_twice", [](CatalogParts& p) { p.models[1].id = "gpt-4o"; }, "first/gpt-4o is there twice"},
      {"no_id", [](CatalogParts& p) { p.models[0].id = ""; }, "a model of first has no id"},
  };
  for (const auto& c : cases) {
    auto spoiled = parts();
    c.spoil(spoiled);
    auto built = Catalog::build(std::move(spoiled));
    ASSERT_FALSE(built) << c.name;
    EXPECT_NE(built.error().message.find(c.says), std::string::npos) << built.error().message;
  }
}

TEST(CatalogTest, lists_priorities_first_then_by_provider_and_natural_name) {
  auto made = parts();
  made.models = {model(1, "b", "GPT-4.1"), model(0, "y", "GPT-5"), model(0, "x", "GPT-5.2"),
                 model(0, "z", "GPT-5 mini")};
  made.priorities = {"second/b", "unknown/model", "second/b"};
  const auto built = *Catalog::build(std::move(made));
  std::vector<std::string> names;
  names.reserve(built->listed().size());
  for (const auto index : built->listed()) names.push_back(built->models()[index].qualified);
  EXPECT_EQ(names, (std::vector<std::string>{"second/b", "first/y", "first/z", "first/x"}));
}

TEST(NamesTest, table) {
  struct Case {
    const char* name;
    MatchKind kind;
    std::vector<std::string> want;
  };
  const Case cases[] = {
      {"first/gpt-4o", MatchKind::qualified, {"first/gpt-4o"}},
      {"second/gpt-4o", MatchKind::qualified, {"second/gpt-4o"}},
      {"gpt-4o", MatchKind::bare, {"first/gpt-4o", "second/gpt-4o"}},
      {"gpt-4o-mini", MatchKind::bare, {"first/gpt-4o-mini"}},
      {"llama3:8b", MatchKind::bare, {"second/llama3:8b"}},
      {"openrouter/auto", MatchKind::bare, {"openrouter/openrouter/auto"}},
      {"openrouter/openrouter/auto", MatchKind::qualified, {"openrouter/openrouter/auto"}},
      {"claude-haiku", MatchKind::alias, {"first/gpt-4o-mini"}},
      {"third/gpt-4o", MatchKind::none, {}},
      {"", MatchKind::none, {}},
  };
  const auto built = catalog();
  for (const auto& c : cases) {
    const auto match = resolve(*built, c.name);
    EXPECT_EQ(match.kind, c.kind) << c.name;
    std::vector<std::string> names;
    names.reserve(match.models.size());
    for (const auto index : match.models) names.push_back(built->models()[index].qualified);
    EXPECT_EQ(names, c.want) << c.name;
  }
}

TEST(NamesTest, similarity_has_the_values_of_the_specification) {
  EXPECT_NEAR(similarity("gpt-4", "gpt-4o"), 90.91, 0.01);
  EXPECT_NEAR(similarity("gpt-4", "gpt-4-1"), 83.33, 0.01);
  EXPECT_NEAR(similarity("claude-4", "claude-opus-4"), 76.19, 0.01);
  EXPECT_EQ(similarity("", "x"), 0.0);
}

TEST(PlanTest, an_unknown_model_is_404_with_near_names) {
  auto plan = make_plan(*catalog(), Principal{}, "frist/gpt-4o", {});
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().kind, ErrorKind::not_found);
  ASSERT_FALSE(plan.error().choices.empty());
  EXPECT_EQ(plan.error().choices.front(), "first/gpt-4o");
  EXPECT_NE(plan.error().message.find("first/gpt-4o"), std::string::npos);
}

TEST(PlanTest, a_provider_without_models_says_what_it_waits_for) {
  auto made = parts();
  made.providers[2].problem = "set OPENROUTER_API_KEY.";
  made.models.pop_back();
  auto plan = make_plan(**Catalog::build(std::move(made)), Principal{}, "openrouter/some", {});
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().kind, ErrorKind::unavailable);
  EXPECT_NE(plan.error().message.find("OPENROUTER_API_KEY"), std::string::npos);
}

TEST(PlanTest, a_provider_with_models_does_not_know_others_whatever_its_problem) {
  auto made = parts();
  made.providers[0].problem = "waits for auth.";
  auto plan = make_plan(**Catalog::build(std::move(made)), Principal{}, "first/gpt-4p", {});
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().kind, ErrorKind::not_found);
}

TEST(PlanTest, a_bare_id_tries_its_owners_in_order_and_no_more_than_the_retries) {
  const auto built = catalog();
  auto plan = make_plan(*built, Principal{}, "gpt-4o", {});
  ASSERT_TRUE(plan);
  ASSERT_EQ(plan->targets().size(), 2u);
  EXPECT_EQ(plan->targets()[0].provider->id, "first");
  EXPECT_EQ(plan->targets()[1].provider->id, "second");
  auto made = parts();
  made.retries_max = 0;
  const auto without = *Catalog::build(std::move(made));
  EXPECT_EQ(make_plan(*without, Principal{}, "gpt-4o", {})->targets().size(), 1u);
}

TEST(PlanTest, a_key_sees_only_the_models_it_may_use) {
  Principal principal;
  principal.allowed_models = {"second/*"};
  const auto built = catalog();
  auto plan = make_plan(*built, principal, "gpt-4o", {});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->targets()[0].provider->id, "second");
  auto refused = make_plan(*built, principal, "first/gpt-4o-mini", {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::forbidden);
}

TEST(PlanTest, the_lane_is_verbatim_when_both_sides_speak_one_dialect) {
  const auto built = catalog();
  chat::Needs needs;
  EXPECT_EQ(make_plan(*built, Principal{}, "gpt-4o-mini", needs)->targets()[0].lane, Lane::verbatim);
  needs.client_dialect = chat::DialectId::anthropic;
  EXPECT_EQ(make_plan(*built, Principal{}, "gpt-4o-mini", needs)->targets()[0].lane, Lane::translated);
  needs.own_dialect_only = true;
  EXPECT_EQ(make_plan(*built, Principal{}, "gpt-4o-mini", needs).error().kind, ErrorKind::invalid_request);
  needs.operation = chat::Operation::embed;
  EXPECT_EQ(make_plan(*built, Principal{}, "gpt-4o-mini", needs).error().kind, ErrorKind::invalid_request);
}

TEST(AttemptsTest, goes_on_after_trouble_and_stops_at_a_verdict) {
  const auto built = catalog();
  const auto plan = *make_plan(*built, Principal{}, "gpt-4o", {});
  for (const bool trouble : {true, false}) {
    Attempts attempts{plan.targets()};
    ASSERT_NE(attempts.next(), nullptr);
    attempts.failed(Error{trouble ? ErrorKind::provider_failed : ErrorKind::provider_refused, "first"});
    EXPECT_EQ(attempts.next() != nullptr, trouble);
    if (trouble) attempts.failed(Error{ErrorKind::provider_limited, "second"});
    EXPECT_EQ(attempts.next(), nullptr);
    EXPECT_EQ(std::move(attempts).verdict().message, trouble ? "second" : "first");
  }
}

}  // namespace
}  // namespace maestro::route
