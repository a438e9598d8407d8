#include "registry/model_lists.h"

#include <chrono>
#include <filesystem>
#include <fstream>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace maestro::registry {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class ModelListsTest : public testing::Test {
 protected:
  ModelListsTest() {
    std::string pattern = (fs::temp_directory_path() / "maestro-lists-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
    open();
  }
  ~ModelListsTest() override {
    close();
    fs::remove_all(directory_);
  }

  void open() {
    lists_ = std::make_unique<ModelLists>(
        loop_.get_executor(),
        [this](std::string base_url, http::Request request, std::size_t, Deadline) {
          return reply(std::move(base_url), std::move(request));
        },
        directory_ / "models.json");
    lists_->start([this] { ++changes_; });
  }
  void close() {
    if (!lists_) return;
    lists_->stop();
    lists_.reset();
    held_.notify();
    loop_.restart();
    loop_.run();
  }

  rpc::Awaitable<Result<http::Reply>> reply(std::string base_url, http::Request request) {
    ++calls_;
    seen_ = request;
    const std::string key = base_url;
    if (hold_) co_await held_.wait();
    http::Reply made;
    made.status = status_;
    made.body = bodies_[key];
    co_return made;
  }

  static ListSource source(const std::string& id) { return ListSource{id, "http://" + id, ListFilter::all}; }
  static auth::v1::Lease lease(const std::string& id, std::uint64_t generation = 1) {
    auth::v1::Lease made;
    made.set_provider_id(id);
    made.set_generation(generation);
    auth::v1::SecretHeader& header = *made.add_headers();
    header.set_name("authorization");
    header.set_value("Bearer k");
    made.set_origin("http://" + id + ":80");
    return made;
  }
  template <class Condition>
  bool until(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + 10s;
    loop_.restart();
    while (!condition() && std::chrono::steady_clock::now() < end) loop_.run_one_until(end);
    return condition();
  }
  std::string ids(const std::string& provider) {
    std::string text;
    if (const auto list = lists_->lists().find(provider); list != lists_->lists().end()) {
      for (const ListedModel& model : list->second.models) text += model.id + ' ';
      if (!list->second.problem.empty()) text += "! ";
    }
    return text;
  }
  std::map<std::string, std::string> refresh(const std::string& id) {
    std::optional<std::map<std::string, std::string>> problems;
    boost::asio::co_spawn(loop_, lists_->refresh(id, Deadline::in(5s)),
                          [&](std::exception_ptr, std::map<std::string, std::string> made) { problems = made; });
    EXPECT_TRUE(until([&] { return problems.has_value(); }));
    return problems.value_or(std::map<std::string, std::string>{});
  }

  boost::asio::io_context loop_;
  fs::path directory_;
  rpc::Signal held_{loop_.get_executor()};
  bool hold_ = false;
  int calls_ = 0;
  int changes_ = 0;
  int status_ = 200;
  http::Request seen_;
  std::map<std::string, std::string> bodies_{{"http://a", R"({"data": [{"id": "x"}, {"id": "y"}]})"},
                                             {"http://b", R"({"data": [{"id": "z"}]})"}};
  std::unique_ptr<ModelLists> lists_;
};

TEST_F(ModelListsTest, a_lease_brings_the_list_and_its_headers_go_along) {
  lists_->set_sources({source("a")});
  EXPECT_EQ(ids("a"), "");
  lists_->set_leases({{"a", lease("a")}});
  ASSERT_TRUE(until([&] { return changes_ == 1; }));
  EXPECT_EQ(ids("a"), "x y ");
  EXPECT_EQ(seen_.target, "/models");
  EXPECT_EQ(seen_.headers.find("authorization"), "Bearer k");
}

TEST_F(ModelListsTest, headers_go_to_the_origin_of_the_lease_only) {
  auth::v1::Lease elsewhere = lease("a");
  elsewhere.set_origin("https://other:443");
  lists_->set_sources({source("a")});
  lists_->set_leases({{"a", elsewhere}});
  ASSERT_TRUE(until([&] { return changes_ == 1; }));
  EXPECT_EQ(calls_, 0);
  EXPECT_EQ(ids("a"), "! ");
}

TEST_F(ModelListsTest, a_failure_keeps_the_last_list_and_touches_no_other) {
  lists_->set_sources({source("a"), source("b")});
  lists_->set_leases({{"a", lease("a")}, {"b", lease("b")}});
  ASSERT_TRUE(until([&] { return changes_ == 2; }));
  bodies_["http://a"] = "<html>";
  const auto problems = refresh("");
  EXPECT_EQ(problems.size(), 1U);
  EXPECT_TRUE(problems.contains("a"));
  EXPECT_EQ(ids("a"), "x y ! ");
  EXPECT_EQ(ids("b"), "z ");
  bodies_["http://a"] = R"({"data": [{"id": "w"}]})";
  EXPECT_TRUE(refresh("a").empty());
  EXPECT_EQ(ids("a"), "w ");
}

TEST_F(ModelListsTest, refused_and_failed_statuses_are_said) {
  lists_->set_sources({source("a")});
  status_ = 401;
  lists_->set_leases({{"a", lease("a")}});
  ASSERT_TRUE(until([&] { return changes_ == 1; }));
  EXPECT_NE(lists_->lists().at("a").problem.find("401"), std::string::npos);
  status_ = 500;
  EXPECT_NE(refresh("a").at("a").find("500"), std::string::npos);
  status_ = 200;
  lists_->set_leases({{"a", lease("a", 2)}});
  ASSERT_TRUE(until([&] { return ids("a") == "x y "; })) << "a new credential is tried at once";
}

TEST_F(ModelListsTest, all_who_ask_share_one_fetch) {
  lists_->set_sources({source("a")});
  hold_ = true;
  lists_->set_leases({{"a", lease("a")}});
  ASSERT_TRUE(until([&] { return calls_ == 1; }));
  int done = 0;
  for (int i = 0; i < 10; ++i) {
    boost::asio::co_spawn(loop_, lists_->refresh("a", Deadline::in(5s)),
                          [&](std::exception_ptr, std::map<std::string, std::string>) { ++done; });
  }
  loop_.poll();
  hold_ = false;
  held_.notify();
  ASSERT_TRUE(until([&] { return done == 10; }));
  EXPECT_LE(calls_, 2);
}

TEST_F(ModelListsTest, lists_survive_a_restart_unless_the_provider_moved) {
  lists_->set_sources({source("a"), source("b")});
  lists_->set_leases({{"a", lease("a")}, {"b", lease("b")}});
  ASSERT_TRUE(until([&] { return changes_ == 2; }));
  close();
  open();
  ListSource moved = source("b");
  moved.base_url = "http://elsewhere";
  lists_->set_sources({source("a"), moved});
  EXPECT_EQ(ids("a"), "x y ");
  EXPECT_EQ(ids("b"), "");
  close();
  std::ofstream(directory_ / "models.json") << "{\"a\": {\"models\": 5";
  open();
  lists_->set_sources({source("a")});
  EXPECT_EQ(ids("a"), "");
}

TEST_F(ModelListsTest, openai_without_an_answer_has_its_static_list) {
  ListSource openai = source("a");
  openai.filter = ListFilter::openai;
  status_ = 503;
  lists_->set_sources({openai});
  lists_->set_leases({{"a", lease("a")}});
  ASSERT_TRUE(until([&] { return changes_ == 1; }));
  EXPECT_EQ(ids("a"), "gpt-4o gpt-4o-mini gpt-4-turbo ! ");
}

TEST_F(ModelListsTest, a_provider_that_is_gone_takes_its_list_along) {
  lists_->set_sources({source("a")});
  lists_->set_leases({{"a", lease("a")}});
  ASSERT_TRUE(until([&] { return changes_ == 1; }));
  lists_->set_sources({});
  EXPECT_TRUE(lists_->lists().empty());
  EXPECT_TRUE(refresh("").empty());
}

}  // namespace
}  // namespace maestro::registry
