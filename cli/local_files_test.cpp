#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/contexts.h"
#include "cli/places.h"
#include "cli/process_facts.h"
#include "cli/server_file.h"

namespace maestro::cli {
namespace {

namespace fs = std::filesystem;

class LocalFiles : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/maestro-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern), nullptr);
    root_ = pattern;
  }
  void TearDown() override { fs::remove_all(root_); }
  void write(const fs::path& name, std::string_view text) const { std::ofstream(root_ / name) << text; }

  fs::path root_;
};

TEST_F(LocalFiles, the_runtime_directory_comes_from_flag_variable_or_user_number) {
  const Environment with{{"XDG_RUNTIME_DIR", "/run/user/5"}};
  EXPECT_EQ(*runtime_directory("/given", with, 5), "/given");
  EXPECT_EQ(*runtime_directory({}, with, 5), "/run/user/5/router-maestro");
  EXPECT_EQ(*runtime_directory({}, {{"XDG_RUNTIME_DIR", ""}}, 5), "/tmp/router-maestro-5");
  EXPECT_EQ(*runtime_directory({}, {{"XDG_RUNTIME_DIR", "relative"}}, 5), "/tmp/router-maestro-5");
}

TEST_F(LocalFiles, config_and_data_follow_xdg_and_then_home) {
  EXPECT_EQ(*config_directory({}, {{"XDG_CONFIG_HOME", "/x"}, {"HOME", "/h"}}), "/x/router-maestro");
  EXPECT_EQ(*config_directory({}, {{"XDG_CONFIG_HOME", ""}, {"HOME", "/h"}}), "/h/.config/router-maestro");
  EXPECT_EQ(*data_directory({}, {{"HOME", "/h"}}), "/h/.local/share/router-maestro");
  EXPECT_FALSE(data_directory({}, {}));
}

TEST_F(LocalFiles, a_private_directory_is_made_and_opened) {
  EXPECT_TRUE(open_private_directory(root_ / "a/b"));
  struct stat status{};
  ASSERT_EQ(::stat((root_ / "a/b").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
}

TEST_F(LocalFiles, a_link_a_file_and_an_open_directory_are_refused) {
  fs::create_directory(root_ / "open");
  ::chmod((root_ / "open").c_str(), 0750);
  fs::create_directory(root_ / "target");
  ::chmod((root_ / "target").c_str(), 0700);
  fs::create_directory_symlink(root_ / "target", root_ / "link");
  write("file", "");
  for (const auto* name : {"open", "link", "file"}) {
    const auto opened = open_private_directory(root_ / name);
    ASSERT_FALSE(opened) << name;
    EXPECT_EQ(opened.error().kind, ErrorKind::conflict);
  }
  EXPECT_NE(open_private_directory(root_ / "open").error().message.find("chmod 700"), std::string::npos);
}

TEST_F(LocalFiles, a_directory_of_another_user_is_refused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a directory away";
  fs::create_directory(root_ / "theirs");
  ::chmod((root_ / "theirs").c_str(), 0700);
  ASSERT_EQ(::chown((root_ / "theirs").c_str(), 12345, 12345), 0);
  EXPECT_NE(open_private_directory(root_ / "theirs").error().message.find("another user"), std::string::npos);
}

TEST_F(LocalFiles, one_folder_has_one_server) {
  ::chmod(root_.c_str(), 0700);
  {
    const auto first = RuntimeFolder::take(root_, 8080);
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_EQ(first->path(), root_ / "port-8080");
    EXPECT_EQ(RuntimeFolder::take(root_, 8080).error().kind, ErrorKind::conflict);
    EXPECT_TRUE(RuntimeFolder::take(root_, 8081));
  }
  EXPECT_TRUE(RuntimeFolder::take(root_, 8080));
}

TEST_F(LocalFiles, a_folder_for_any_port_is_gone_afterwards) {
  ::chmod(root_.c_str(), 0700);
  fs::path path;
  {
    const auto folder = RuntimeFolder::take(root_, 0);
    ASSERT_TRUE(folder);
    path = folder->path();
    std::ofstream(folder->server_file()) << "{}";
    EXPECT_TRUE(fs::exists(path));
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(LocalFiles, a_path_too_long_for_a_socket_is_refused_by_name) {
  const fs::path deep = root_ / std::string(90, 'd');
  const auto folder = RuntimeFolder::take(deep, 8080);
  ASSERT_FALSE(folder);
  EXPECT_NE(folder.error().message.find("too long"), std::string::npos);
}

ServerFile own_file() {
  ServerFile file;
  file.version = "1.2.3";
  file.pid = ::getpid();
  file.start_ticks = start_ticks(::getpid()).value_or(0);
  file.started_at = 1000;
  file.host = "127.0.0.1";
  file.port = 8080;
  file.drain_time_seconds = 30;
  file.log_file = "/l";
  file.services = {{"auth", 7, "unix:/a", Readiness::ready, 2}, {"gateway", 0, "", Readiness::starting, 0}};
  return file;
}

TEST_F(LocalFiles, a_server_file_reads_back_as_it_was_written) {
  const auto path = root_ / "server.json";
  ASSERT_TRUE(write_server_file(path, own_file()));
  const auto read = server_file_of(*read_small_file(path, 10'000));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(to_json(*read), to_json(own_file()));
  EXPECT_EQ(read->services[0].readiness, Readiness::ready);
  EXPECT_EQ(read->services[1].readiness, Readiness::starting);
  struct stat status{};
  ::stat(path.c_str(), &status);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(LocalFiles, a_malformed_server_file_is_an_error) {
  for (const auto* text : {"", "[]", "{}", R"({"pid":"1"})", R"({"pid":-1})", R"({"pid":1,"start_ticks":1})"}) {
    EXPECT_FALSE(server_file_of(text)) << text;
  }
}

TEST_F(LocalFiles, only_servers_that_run_are_found) {
  auto file = own_file();
  fs::create_directory(root_ / "port-8080");
  fs::create_directory(root_ / "port-9");
  ASSERT_TRUE(write_server_file(root_ / "port-8080/server.json", file));
  file.port = 9;
  ++file.start_ticks;  // the number is somebody else's by now
  ASSERT_TRUE(write_server_file(root_ / "port-9/server.json", file));
  EXPECT_EQ(running_servers(root_).size(), 1U);
  EXPECT_EQ(running_server(root_, {})->port, 8080);
  EXPECT_EQ(running_server(root_, 9).error().kind, ErrorKind::unavailable);
  EXPECT_EQ(running_server(root_ / "missing", {}).error().kind, ErrorKind::unavailable);
  --file.start_ticks;
  ASSERT_TRUE(write_server_file(root_ / "port-9/server.json", file));
  EXPECT_EQ(running_server(root_, {}).error().kind, ErrorKind::ambiguous);
  EXPECT_EQ(running_server(root_, 9)->port, 9);
}

TEST_F(LocalFiles, base_urls_can_be_dialled) {
  const struct {
    std::string host;
    std::string url;
  } cases[] = {{"127.0.0.1", "http://127.0.0.1:8080"},
               {"0.0.0.0", "http://127.0.0.1:8080"},
               {"::", "http://[::1]:8080"},
               {"::1", "http://[::1]:8080"}};
  for (const auto& each : cases) {
    auto file = own_file();
    file.host = each.host;
    EXPECT_EQ(base_url(file), each.url);
  }
}

TEST_F(LocalFiles, the_current_context_has_endpoint_and_key) {
  write("contexts.json", R"({"current":"far","contexts":{"far":{"endpoint":"https://m.example/","api_key":"k-1"},
                             "local":{"endpoint":"http://localhost:8080","api_key":null}}})");
  const auto context = current_context(root_, {});
  ASSERT_TRUE(context);
  EXPECT_EQ(context->name, "far");
  EXPECT_EQ(context->endpoint, "https://m.example");
  EXPECT_EQ(context->api_key.reveal(), "k-1");
  EXPECT_TRUE(context_named(root_, "local")->api_key.empty());
}

TEST_F(LocalFiles, without_a_key_in_the_context_the_variable_serves) {
  EXPECT_TRUE(current_context(root_, {})->api_key.empty());
  EXPECT_EQ(current_context(root_, {{"ROUTER_MAESTRO_API_KEY", "v"}})->api_key.reveal(), "v");
  EXPECT_EQ(current_context(root_, {})->endpoint, "http://localhost:8080");
}

TEST_F(LocalFiles, damaged_contexts_are_an_error_that_names_the_file) {
  write("contexts.json", "{");
  EXPECT_NE(current_context(root_, {}).error().message.find("contexts.json"), std::string::npos);
}

}  // namespace
}  // namespace maestro::cli
