#include <filesystem>
#include <fstream>

#include <boost/asio/co_spawn.hpp>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chat/order.h"
#include "gateway/chat/upstream_request.h"
#include "gateway/control/from_proto.h"
#include "gateway/control/snapshot_file.h"
#include "gateway/endpoints.h"
#include "gateway/metrics.h"
#include "gateway/providers/demo.h"
#include "gateway/snapshots.h"

namespace maestro::gateway {
namespace {

TEST(EndpointsTest, table) {
  struct Case {
    const char* method;
    const char* path;
    Handler handler;
    const char* path_template;
    const char* parameter;
  };
  const Case cases[] = {
      {"POST", "/v1/chat/completions", Handler::chat, "/v1/chat/completions", ""},
      {"POST", "/v1/chat/completions/", Handler::chat, "/v1/chat/completions", ""},
      {"POST", "/api/openai/v1/chat/completions", Handler::chat, "/api/openai/v1/chat/completions", ""},
      {"GET", "/v1/models", Handler::list_models, "/v1/models", ""},
      {"GET", "/v1/models/openrouter/llama3:8b", Handler::show_model, "/v1/models/{id}", "openrouter/llama3:8b"},
      {"GET", "/", Handler::root, "/", ""},
      {"GET", "//", Handler::none, "unmatched", ""},
      {"GET", "/metrics", Handler::metrics, "/metrics", ""},
      {"PUT", "/v1/chat/completions", Handler::none, "/v1/chat/completions", ""},
      {"HEAD", "/health", Handler::none, "/health", ""},
      {"OPTIONS", "/v1/models", Handler::preflight, "/v1/models", ""},
      {"OPTIONS", "/nowhere", Handler::none, "unmatched", ""},
      {"GET", "/v1/nothing", Handler::none, "unmatched", ""},
  };
  for (const auto& c : cases) {
    const auto endpoint = find_endpoint(c.method, c.path);
    EXPECT_EQ(endpoint.handler, c.handler) << c.method << " " << c.path;
    EXPECT_EQ(endpoint.path_template, c.path_template) << c.path;
    EXPECT_EQ(endpoint.parameter, c.parameter) << c.path;
  }
  EXPECT_EQ(find_endpoint("PROPFIND", "/v1/models").method, "OTHER");
  EXPECT_EQ(find_endpoint("PUT", "/v1/models").allowed, "GET");
  EXPECT_NE(find_endpoint("GET", "/v1/nothing").dialect, nullptr) << "errors under /v1 speak OpenAI's words";
  EXPECT_EQ(find_endpoint("GET", "/nothing").dialect, nullptr);
}

TEST(HeadersTest, what_stays_here_and_what_travels) {
  for (const auto* name : {"Authorization", "X-Api-Key", "x-goog-api-key", "Cookie", "Proxy-Authorization", "Forwarded",
                           "X-Forwarded-For", "x-maestro-target", "Host", "Connection", "Keep-Alive", "TE", "Trailer",
                           "Transfer-Encoding", "Upgrade", "Content-Length", "Accept-Encoding", "Expect"})
    EXPECT_TRUE(stays_here(name)) << name;
  for (const auto* name : {"anthropic-beta", "content-type", "user-agent", "x-stainless-lang", "accept", "x-request-id",
                           "openai-organization"})
    EXPECT_FALSE(stays_here(name)) << name;
  for (const auto* name :
       {"Content-Type", "Retry-After", "x-ratelimit-remaining-requests", "anthropic-ratelimit-tokens-limit",
        "request-id", "x-codex-turn-state", "openai-processing-ms"})
    EXPECT_TRUE(travels_back(name)) << name;
  for (const auto* name : {"Set-Cookie", "openai-model", "alt-svc", "Strict-Transport-Security", "Server", "connection",
                           "x-request-id", "date"})
    EXPECT_FALSE(travels_back(name)) << name;
}

TEST(SpliceTest, only_the_model_name_changes) {
  const std::string body = R"({ "a":1, "model" : "p/m" , "b": [ ] })";
  dialect::Outline outline;
  outline.model = "p/m";
  outline.model_at = body.find("\"p/m\"");
  outline.model_size = 5;
  const auto spliced = splice_model(body, outline, "m\"x");
  EXPECT_EQ(std::string(spliced.before) + spliced.model_token + std::string(spliced.after),
            R"({ "a":1, "model" : "m\"x" , "b": [ ] })");
  EXPECT_EQ(spliced.size(), body.size() + 1);
  EXPECT_EQ(splice_model(body, outline, "p/m").before, body) << "the same name: the same bytes";
}

Keys::Entry entry(std::string_view key, std::string_view salt, const char* name) {
  Keys::Entry made;
  crypto_generichash(made.hash.data(), made.hash.size(), reinterpret_cast<const unsigned char*>(key.data()), key.size(),
                     reinterpret_cast<const unsigned char*>(salt.data()), salt.size());
  made.principal.name = name;
  return made;
}

TEST(KeysTest, finds_a_key_by_its_hash_and_forgets_expired_ones) {
  const std::string salt(32, 's');
  const auto now = std::chrono::system_clock::now();
  auto expired = entry("sk-rm-old-0123456789", salt, "old");
  expired.expires = now - std::chrono::seconds(1);
  const auto keys = *Keys::build("e/1", salt, {entry("sk-rm-a", salt, "a"), entry("sk-rm-b", salt, "b"), expired});
  ASSERT_NE(keys->find("sk-rm-b", now), nullptr);
  EXPECT_EQ(keys->find("sk-rm-b", now)->name, "b");
  EXPECT_EQ(keys->find("sk-rm-c", now), nullptr);
  EXPECT_EQ(keys->find("sk-rm-old-0123456789", now), nullptr);
  EXPECT_EQ(keys->find("", now), nullptr);
  EXPECT_EQ(keys->find("\xff\xfe", now), nullptr);
  EXPECT_FALSE(Keys::build("e/1", "short", {}));
}

TEST(SnapshotTest, comes_back_as_it_was_and_whatever_is_damaged_is_refused) {
  const std::string payload(1000, 'p');
  const auto bytes = encode_snapshot(SnapshotKind::catalog, payload);
  EXPECT_EQ(*decode_snapshot(SnapshotKind::catalog, bytes), payload);
  EXPECT_FALSE(decode_snapshot(SnapshotKind::keys, bytes));
  for (std::size_t size = 0; size < bytes.size(); size += 7)
    EXPECT_FALSE(decode_snapshot(SnapshotKind::catalog, bytes.substr(0, size)));
  for (std::size_t at = 0; at < bytes.size(); at += 5) {
    auto damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x40);
    EXPECT_FALSE(decode_snapshot(SnapshotKind::catalog, damaged)) << at;
  }
}

TEST(SnapshotTest, the_file_is_private_and_replaced_whole) {
  char name[] = "/tmp/maestro-snapshot-XXXXXX";
  ASSERT_NE(mkdtemp(name), nullptr);
  const std::string directory = std::string(name) + "/state";
  const auto old_mask = ::umask(0);
  EXPECT_EQ(read_snapshot(directory, SnapshotKind::keys).error().kind, ErrorKind::not_found);
  ASSERT_TRUE(write_snapshot(directory, SnapshotKind::keys, "one"));
  ASSERT_TRUE(write_snapshot(directory, SnapshotKind::keys, "two"));
  ::umask(old_mask);
  EXPECT_EQ(*read_snapshot(directory, SnapshotKind::keys), "two");
  struct stat facts{};
  ASSERT_EQ(::stat((directory + "/keys.pb").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
  EXPECT_FALSE(std::filesystem::exists(directory + "/keys.pb.tmp"));
  std::ofstream(directory + "/keys.pb", std::ios::trunc) << "MAESTRO";
  const auto damaged = read_snapshot(directory, SnapshotKind::keys);
  ASSERT_FALSE(damaged);
  EXPECT_NE(damaged.error().message.find("keys.pb is ignored"), std::string::npos);
  std::filesystem::remove_all(name);
}

registry::v1::Catalog proto_catalog() {
  registry::v1::Catalog catalog;
  catalog.mutable_revision()->set_epoch("e");
  catalog.mutable_revision()->set_number(3);
  auto* provider = catalog.add_providers();
  provider->set_id("ollama");
  provider->set_base_url("http://127.0.0.1:11434/v1");
  provider->mutable_timeouts()->mutable_first_event()->set_seconds(7);
  auto* model = catalog.add_models();
  model->set_provider_id("ollama");
  model->set_id("llama3:8b");
  model->mutable_limits()->set_context_tokens_max(8192);
  auto* endpoint = model->add_endpoints();
  endpoint->set_operation(registry::v1::OPERATION_GENERATE);
  endpoint->set_dialect(registry::v1::DIALECT_OPENAI_CHAT);
  auto* unknown = model->add_endpoints();
  unknown->set_operation(static_cast<registry::v1::Operation>(77));
  unknown->set_dialect(static_cast<registry::v1::Dialect>(99));
  return catalog;
}

TEST(FromProtoTest, a_catalog_is_taken_over_and_what_is_newer_in_it_is_left_out) {
  const auto routes = routes_from(proto_catalog());
  ASSERT_TRUE(routes) << routes.error().message;
  const auto& catalog = *(*routes)->catalog;
  const auto* model = catalog.find_qualified("ollama/llama3:8b");
  ASSERT_NE(model, nullptr);
  EXPECT_EQ(model->endpoints.size(), 1u);
  EXPECT_EQ(model->limits.context_tokens_max, 8192);
  EXPECT_EQ(catalog.providers()[0].timeouts.first_event, std::chrono::seconds(7));
  const auto* upstream = (*routes)->upstream_of(catalog.providers()[0]);
  ASSERT_NE(upstream, nullptr);
  EXPECT_EQ(upstream->origin, "http://127.0.0.1:11434");
}

TEST(FromProtoTest, a_catalog_for_newer_readers_or_with_a_hole_is_refused) {
  auto newer = proto_catalog();
  newer.set_reader_format_min(reader_format + 1);
  ASSERT_FALSE(routes_from(newer));
  EXPECT_NE(routes_from(newer).error().message.find("Upgrade the gateway"), std::string::npos);
  auto hole = proto_catalog();
  hole.mutable_models(0)->set_provider_id("gone");
  EXPECT_FALSE(routes_from(hole));
}

TEST(FromProtoTest, a_lease_that_could_smuggle_a_header_is_left_out) {
  auth::v1::CredentialSet set;
  auto* good = set.add_leases();
  good->set_provider_id("a");
  good->set_origin("https://h:443");
  auto* header = good->add_headers();
  header->set_name("authorization");
  header->set_value("Bearer k");
  auto* bad = set.add_leases();
  *bad = *good;
  bad->set_provider_id("b");
  bad->mutable_headers(0)->set_value("Bearer k\r\nx-evil: 1");
  auto* status = set.add_statuses();
  status->set_provider_id("c");
  status->set_problem("no key: set C_API_KEY");
  const auto leases = leases_from(set);
  const auto now = std::chrono::steady_clock::now();
  ASSERT_NE(leases->usable("a", now), nullptr);
  EXPECT_EQ(leases->usable("a", now)->header_lines, "authorization: Bearer k\r\n");
  EXPECT_EQ(leases->usable("b", now), nullptr);
  EXPECT_EQ(leases->problems.at("c"), "no key: set C_API_KEY");
}

TEST(MetricsTest, series_are_counted_merged_and_written_with_their_labels) {
  Metrics one;
  Metrics two;
  const Metrics::Labels labels{"POST", "/v1/chat/completions", 200, "openai_chat", "ollama"};
  one.count(labels, std::chrono::milliseconds(80));
  one.count(labels, std::chrono::milliseconds(300));
  two.count(labels, std::chrono::seconds(200));
  chat::Usage usage;
  usage.uncached_input_tokens = 5;
  usage.output_tokens = 7;
  two.count_tokens("ollama", usage);
  one.merge(two);
  ASSERT_EQ(one.series().size(), 1u);
  EXPECT_EQ(one.series()[0].count, 3u);
  const auto text = exposition(one, {});
  EXPECT_NE(
      text.find(
          R"(router_maestro_http_requests_total{method="POST",path_template="/v1/chat/completions",status="200",dialect="openai_chat",provider="ollama"} 3)"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find(R"(le="0.1"} 1)"), std::string::npos);
  EXPECT_NE(text.find(R"(le="0.5"} 2)"), std::string::npos);
  EXPECT_NE(text.find(R"(le="+Inf"} 3)"), std::string::npos);
  EXPECT_NE(text.find(R"(router_maestro_tokens_total{provider="ollama",class="output"} 7)"), std::string::npos);
}

std::vector<chat::Event> told(chat::Request request) {
  std::vector<chat::Event> events;
  net::Loop loop;
  const auto source = make_demo(std::move(request));
  boost::asio::co_spawn(
      loop.executor(),
      [](EventSource& from, std::vector<chat::Event>& into) -> net::Awaitable<> {
        while (into.empty() || !std::holds_alternative<chat::ReplyEnded>(into.back())) {
          auto read = co_await from.read(into, Deadline::in(std::chrono::seconds(5)));
          EXPECT_TRUE(read);
        }
      }(*source, events),
      [](std::exception_ptr escaped) { EXPECT_FALSE(escaped); });
  loop.context().run();
  return events;
}

chat::Request said(std::string text) {
  chat::Request request;
  chat::Message message;
  message.parts.emplace_back();
  message.parts.back().content = chat::Text{std::move(text)};
  request.prompt.messages.push_back(std::move(message));
  return request;
}

std::string text_of(const std::vector<chat::Event>& events) {
  std::string all;
  for (const auto& event : events)
    if (const auto* extended = std::get_if<chat::PartExtended>(&event)) all += extended->text;
  return all;
}

TEST(DemoTest, repeats_what_it_is_told_and_says_that_it_is_a_demo) {
  const auto events = told(said("Hello there, friend"));
  EXPECT_NE(text_of(events).find("Hello there, friend"), std::string::npos);
  EXPECT_NE(text_of(events).find("demo"), std::string::npos);
  const auto& ended = std::get<chat::ReplyEnded>(events.back());
  EXPECT_EQ(ended.stop_reason, chat::StopReason::end);
  EXPECT_GT(*ended.usage->output_tokens, 0);
}

TEST(DemoTest, calls_a_tool_only_when_one_is_offered_and_asked_for) {
  auto request = said("Please call get_weather with `Paris`");
  EXPECT_EQ(std::get<chat::ReplyEnded>(told(request).back()).stop_reason, chat::StopReason::end) << "none is offered";
  chat::Tool tool;
  tool.name = "get_weather";
  request.prompt.tools = {tool};
  const auto events = told(request);
  EXPECT_EQ(std::get<chat::ReplyEnded>(events.back()).stop_reason, chat::StopReason::tool_calls);
  EXPECT_EQ(text_of(events), R"({"input":"Paris"})");
  auto other = said("Just say hi");
  other.prompt.tools = {tool};
  EXPECT_EQ(std::get<chat::ReplyEnded>(told(other).back()).stop_reason, chat::StopReason::end);
  chat::Message result;
  result.parts.emplace_back();
  chat::ToolResult answer;
  answer.parts.emplace_back();
  answer.parts.back().content = chat::Text{"18 degrees"};
  result.parts.back().content = std::move(answer);
  request.prompt.messages.push_back(std::move(result));
  EXPECT_NE(text_of(told(request)).find("18 degrees"), std::string::npos);
}

}  // namespace
}  // namespace maestro::gateway
