#include "registry/priorities_file.h"

#include <google/protobuf/field_mask.pb.h>
#include <gtest/gtest.h>

namespace maestro::registry {
namespace {

const std::string file_name = "/c/priorities.json";

pb::Config read(std::string_view bytes) {
  auto config = read_config(bytes, file_name);
  EXPECT_TRUE(config.has_value()) << config.error().message;
  return config ? *config : pb::Config{};
}

TEST(PrioritiesFile, defaults_have_the_canonical_text_and_the_revision_of_the_original) {
  for (const char* bytes : {"", "{}", "{\"unknown\": 1}", R"({"aliases": {}, "audit": {"trace_dir": null}})"}) {
    const pb::Config config = read(bytes);
    EXPECT_EQ(canonical_config(config),
              R"({"audit":{"enabled":false,"trace_dir":null},"beta_strip":[],"fallback":{"maxRetries":2,)"
              R"("strategy":"priority"},"guards":{"leak_guard":{"enabled":true},"runaway_guard":{"enabled":true,)"
              R"("max_bytes":10000000,"max_deltas":50000}},"model_overrides":{},"priorities":[],"thinking":)"
              R"({"auto_enable":false,"default_budget":16000,"model_budgets":{}}})");
    EXPECT_EQ(config_revision(config), "f2162ae71f441a51e18129df0452ad60f3e487320a50098a72694b3ea3ca5e2a");
  }
}

const std::string full = R"({"priorities": ["b/x", "a/y"], "fallback": {"strategy": "same-model", "maxRetries": 0},
  "model_overrides": {"a/y": {"max_prompt_tokens": 5, "max_output_tokens": null}, "Modèle": {}},
  "thinking": {"default_budget": 1024, "auto_enable": true, "model_budgets": {"y": -1}},
  "guards": {"leak_guard": {"enabled": false}, "runaway_guard": {"enabled": false, "max_bytes": 100000,
  "max_deltas": 1000}}, "beta_strip": ["x-*"], "audit": {"enabled": true, "trace_dir": "/t"},
  "aliases": {"Fast": "a/y"}, "other": [1]})";

TEST(PrioritiesFile, every_field_is_read_and_written_back) {
  const pb::Config config = read(full);
  EXPECT_EQ(config.priorities(0), "b/x");
  EXPECT_EQ(config.fallback().strategy(), pb::FALLBACK_STRATEGY_SAME_MODEL);
  EXPECT_EQ(config.fallback().retries_max(), 0U);
  EXPECT_EQ(config.model_overrides().at("a/y").prompt_tokens_max(), 5);
  EXPECT_FALSE(config.model_overrides().at("a/y").has_output_tokens_max());
  EXPECT_EQ(config.thinking().model_budgets().at("y"), -1);
  EXPECT_EQ(config.audit().trace_dir(), "/t");
  EXPECT_EQ(config.aliases().at("Fast"), "a/y");
  const std::string written = write_config(config, full);
  EXPECT_NE(written.find("\"other\""), std::string::npos);
  EXPECT_EQ(canonical_config(read(written)), canonical_config(config));
}

TEST(PrioritiesFile, order_matters_and_formatting_does_not) {
  const auto revision = [](std::string_view bytes) { return config_revision(read(bytes)); };
  EXPECT_EQ(revision(R"({"priorities":["a/x"],"beta_strip":[]})"),
            revision("{ \"beta_strip\": [],\n\"priorities\" : [\"a/x\"]}"));
  EXPECT_NE(revision(R"({"priorities":["a/x","b/x"]})"), revision(R"({"priorities":["b/x","a/x"]})"));
  EXPECT_NE(revision(R"({"aliases":{"a":"b"}})"), revision("{}"));
}

TEST(PrioritiesFile, what_is_wrong_is_refused_with_place_and_path) {
  const struct {
    const char* bytes;
    const char* problem;
  } cases[] = {
      {"{\n \"priorities\": }", ":2:16: "},
      {"[]", ":1:1: the file must be an object"},
      {R"({"priorities": {}})", ":1:2: priorities must be a list, is an object"},
      {R"({"priorities": ["a", 1]})", ":1:2: priorities[1] must be a text, is a whole number"},
      {R"({"fallback": 1})", "fallback must be an object"},
      {R"({"fallback": {"strategy": "Priority"}})", "fallback.strategy is unknown"},
      {R"({"fallback": {"maxRetries": 11}})", "fallback.maxRetries must be from 0 to 10"},
      {R"({"fallback": {"maxRetries": -1}})", "fallback.maxRetries must be from 0 to 10"},
      {R"({"fallback": {"maxRetries": 1.5}})", "fallback.maxRetries must be a whole number"},
      {"{\"beta_strip\": [],\n \"thinking\": {\"default_budget\": 1023}}",
       ":2:2: thinking.default_budget must be from"},
      {R"({"thinking": {"default_budget": 128001}})", "thinking.default_budget"},
      {R"({"thinking": {"auto_enable": "true"}})", "thinking.auto_enable must be true or false, is a text"},
      {R"({"thinking": {"model_budgets": {"x": null}}})", "thinking.model_budgets.x must be a whole number, is null"},
      {R"({"guards": {"leak_guard": true}})", "guards.leak_guard must be an object"},
      {R"({"guards": {"runaway_guard": {"max_bytes": 99999}}})", "guards.runaway_guard.max_bytes must be at least"},
      {R"({"guards": {"runaway_guard": {"max_deltas": 999}}})", "guards.runaway_guard.max_deltas must be at least"},
      {R"({"model_overrides": {"x": {"max_prompt_tokens": "3"}}})", "model_overrides.x.max_prompt_tokens must be"},
      {R"({"model_overrides": {"x": {"max_prompt_tokens": 18446744073709551615}}})", "a smaller number"},
      {R"({"audit": {"trace_dir": 1}})", "audit.trace_dir must be a text"},
      {R"({"aliases": {"a": 1}})", "aliases.a must be a model name"},
      {R"({"aliases": {"a": " "}})", "aliases.a names no model"},
      {R"({"aliases": {"a": "B", "b": "x"}})", "aliases.a leads to another alias"},
      {R"({"aliases": {"Router-Maestro": "x"}})", "is the name of auto-routing"},
      {R"({"priorities": [], "priorities": []})", "stands twice"}};
  for (const auto& [bytes, problem] : cases) {
    auto config = read_config(bytes, file_name);
    ASSERT_FALSE(config.has_value()) << bytes;
    EXPECT_TRUE(config.error().message.starts_with(file_name + ":")) << config.error().message;
    EXPECT_NE(config.error().message.find(problem), std::string::npos) << bytes << "\n" << config.error().message;
  }
}

TEST(PrioritiesFile, a_mask_changes_what_it_names_and_no_more) {
  const pb::Config present = read(full);
  pb::Config change;
  change.mutable_fallback()->set_retries_max(7);
  (*change.mutable_aliases())["new"] = "b/x";
  google::protobuf::FieldMask mask;
  mask.add_paths("fallback.retries_max");
  mask.add_paths("aliases");
  mask.add_paths("beta_strip");
  auto merged = merged_config(present, change, mask);
  ASSERT_TRUE(merged.has_value());
  EXPECT_EQ(merged->fallback().retries_max(), 7U);
  EXPECT_EQ(merged->fallback().strategy(), pb::FALLBACK_STRATEGY_SAME_MODEL);
  EXPECT_EQ(merged->aliases_size(), 1U);
  EXPECT_EQ(merged->beta_strip_size(), 0);
  EXPECT_EQ(merged->priorities_size(), 2);
  mask.add_paths("nonsense");
  EXPECT_EQ(merged_config(present, change, mask).error().field_path, "update_mask");
}

}  // namespace
}  // namespace maestro::registry
