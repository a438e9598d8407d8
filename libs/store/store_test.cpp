#include "store/store.h"

#include <chrono>
#include <cstdlib>
#include <fstream>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "store/file.h"

namespace maestro::store {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class StoreTest : public testing::Test {
 protected:
  StoreTest() {
    std::string pattern = (fs::temp_directory_path() / "maestro-store-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
  }
  ~StoreTest() override {
    store_.reset();
    fs::remove_all(root_);
  }

  Store& store() {
    if (!store_) {
      auto opened = open_files(loop_, directories());
      EXPECT_TRUE(opened.has_value());
      store_ = std::move(*opened);
    }
    return *store_;
  }
  Directories directories() const { return Directories{root_ / "config", root_ / "data"}; }
  fs::path providers() const { return root_ / "config" / "providers.json"; }

  // Runs the loop until `count` callbacks have come, at most for as long as a hand edit may take to be seen.
  bool told(const int& count, int expected) {
    const auto end = std::chrono::steady_clock::now() + 100ms;
    while (count < expected && std::chrono::steady_clock::now() < end) loop_.run_one_until(end);
    return count >= expected;
  }

  static void write_in_place(const fs::path& path, std::string_view bytes) { std::ofstream(path) << bytes; }
  static mode_t mode_of(const fs::path& path) {
    struct stat facts{};
    ::stat(path.c_str(), &facts);
    return facts.st_mode & 07777;
  }
  std::string bytes_of(std::string_view name) {
    auto document = store().get(name);
    return document && *document ? (*document)->bytes : std::string("(none)");
  }

  boost::asio::io_context loop_;
  fs::path root_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, a_document_that_was_never_written_is_absent) {
  auto document = store().get("providers.json");
  ASSERT_TRUE(document.has_value());
  EXPECT_FALSE(document->has_value());
}

TEST_F(StoreTest, what_was_put_is_read_back_with_the_hash_as_revision) {
  auto written = store().put("auth.json", "{}", "");
  ASSERT_TRUE(written.has_value());
  EXPECT_EQ(written->revision, "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
  auto document = store().get("auth.json");
  ASSERT_TRUE(document && *document);
  EXPECT_EQ((*document)->bytes, "{}");
  EXPECT_EQ((*document)->revision, written->revision);
  EXPECT_TRUE(fs::exists(root_ / "data" / "auth.json"));
}

TEST_F(StoreTest, the_second_of_two_writers_conflicts_and_leaves_no_trace) {
  auto first = store().put("providers.json", "1", "");
  ASSERT_TRUE(first.has_value());
  ASSERT_TRUE(store().put("providers.json", "2", first->revision).has_value());
  for (const std::string& stale : {std::string{}, first->revision}) {
    auto refused = store().put("providers.json", "3", stale);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().kind, ErrorKind::conflict);
  }
  auto absent = store().put("auth.json", "x", first->revision);
  ASSERT_FALSE(absent.has_value());
  EXPECT_EQ(absent.error().kind, ErrorKind::conflict);
  EXPECT_EQ(bytes_of("providers.json"), "2");
  EXPECT_EQ(bytes_of("auth.json"), "(none)");
}

TEST_F(StoreTest, the_same_bytes_are_a_success_without_a_write) {
  auto first = store().put("providers.json", "same", "");
  ASSERT_TRUE(first.has_value());
  struct stat before{};
  ::stat(providers().c_str(), &before);
  auto again = store().put("providers.json", "same", first->revision);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->revision, first->revision);
  struct stat after{};
  ::stat(providers().c_str(), &after);
  EXPECT_EQ(before.st_ino, after.st_ino);
}

TEST_F(StoreTest, files_are_0600_and_directories_0700_whatever_the_umask) {
  for (const mode_t mask : {mode_t{0}, mode_t{0777}}) {
    const mode_t old = ::umask(mask);
    auto opened = open_files(loop_, Directories{root_ / std::to_string(mask), root_ / "data"});
    const bool written = opened && (*opened)->put("providers.json", "{}", "").has_value();
    ::umask(old);
    ASSERT_TRUE(written) << mask;
    EXPECT_EQ(mode_of(root_ / std::to_string(mask)), 0700U);
    EXPECT_EQ(mode_of(root_ / std::to_string(mask) / "providers.json"), 0600U);
  }
}

TEST_F(StoreTest, two_processes_that_write_200_times_each_lose_nothing) {
  static_cast<void>(store().put("auth.json", "0", ""));
  const auto count_up = [this] {
    boost::asio::io_context loop;
    auto own = open_files(loop, directories());
    if (!own) return 1;
    for (int done = 0; done < 200;) {
      auto present = (*own)->get("auth.json");
      if (!present || !*present) return 2;
      auto written = (*own)->put("auth.json", std::to_string(std::stoi((*present)->bytes) + 1), (*present)->revision);
      if (written) {
        ++done;
      } else if (written.error().kind != ErrorKind::conflict) {
        return 3;
      }
    }
    return 0;
  };
  pid_t children[2];
  for (pid_t& child : children) {
    child = ::fork();
    if (child == 0) ::_exit(count_up());
  }
  for (const pid_t child : children) {
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(bytes_of("auth.json"), "400");
}

TEST_F(StoreTest, a_hand_edit_is_told_however_the_editor_writes) {
  int told_count = 0;
  write_in_place((store(), providers()), "a");
  store().watch("providers.json", [&] { ++told_count; });

  write_in_place(providers(), "written in place");
  EXPECT_TRUE(told(told_count, 1));
  write_in_place(root_ / "config" / "4913", "renamed over");
  fs::rename(root_ / "config" / "4913", providers());
  EXPECT_TRUE(told(told_count, 2));
  fs::rename(providers(), root_ / "config" / "providers.json~");
  EXPECT_TRUE(told(told_count, 3));
  fs::create_symlink("providers.json~", providers());
  EXPECT_TRUE(told(told_count, 4));
  fs::remove(providers());
  EXPECT_TRUE(told(told_count, 5));
  write_in_place(providers(), "back again");
  EXPECT_TRUE(told(told_count, 6));
}

TEST_F(StoreTest, other_files_are_not_told) {
  int providers_told = 0;
  int priorities_told = 0;
  write_in_place((store(), providers()), "a");
  loop_.poll();  // what was written before the watch
  store().watch("providers.json", [&] { ++providers_told; });
  store().watch("priorities.json", [&] { ++priorities_told; });
  write_in_place(root_ / "config" / "notes.txt", "b");
  ASSERT_TRUE(store().put("priorities.json", "{}", "").has_value());  // own writes are told; it comes last
  EXPECT_TRUE(told(priorities_told, 1));
  EXPECT_EQ(providers_told, 0);
}

TEST_F(StoreTest, a_directory_that_is_made_anew_is_watched_again) {
  std::string seen = "nothing yet";
  write_in_place((store(), providers()), "a");
  store().watch("providers.json", [&] {
    auto document = store().get("providers.json");
    seen = document && *document ? (*document)->bytes : "gone";
  });
  fs::remove_all(root_ / "config");
  while (seen != "gone") loop_.run_one();
  fs::create_directory(root_ / "config");
  write_in_place(providers(), "b");
  while (seen != "b") loop_.run_one();
  write_in_place(providers(), "c");
  const auto end = std::chrono::steady_clock::now() + 100ms;
  while (seen != "c" && std::chrono::steady_clock::now() < end) loop_.run_one_until(end);
  EXPECT_EQ(seen, "c");
}

TEST_F(StoreTest, leftovers_of_a_killed_writer_are_ignored_and_cleared_by_the_next) {
  const fs::path leftover = root_ / "config" / ".providers.json.aB3xYz.tmp";
  write_in_place((store(), leftover), "half a docu");
  write_in_place(root_ / "config" / ".providers.json.lock", "");
  EXPECT_EQ(bytes_of("providers.json"), "(none)");
  ASSERT_TRUE(store().put("providers.json", "whole", "").has_value());
  EXPECT_FALSE(fs::exists(leftover));
  EXPECT_EQ(bytes_of("providers.json"), "whole");
}

TEST_F(StoreTest, a_write_that_fails_leaves_the_old_file_and_no_temp) {
  static_cast<void>(store());
  fs::create_directories(providers() / "in the way");
  ASSERT_FALSE(replace_file(providers(), "new").has_value());
  EXPECT_TRUE(fs::exists(providers() / "in the way"));
  for (const auto& entry : fs::directory_iterator(root_ / "config")) {
    EXPECT_FALSE(entry.path().string().ends_with(".tmp")) << entry.path();
  }
  auto read = store().get("providers.json");
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().kind, ErrorKind::unavailable);
}

TEST_F(StoreTest, a_linked_file_is_replaced_where_it_lies) {
  fs::create_directories((store(), root_ / "dotfiles"));
  write_in_place(root_ / "dotfiles" / "p.json", "old");
  fs::create_symlink(root_ / "dotfiles" / "p.json", providers());
  ASSERT_TRUE(store().put("providers.json", "new", content_revision("old")).has_value());
  EXPECT_TRUE(fs::is_symlink(providers()));
  auto bytes = read_file(root_ / "dotfiles" / "p.json", 100);
  ASSERT_TRUE(bytes && *bytes);
  EXPECT_EQ(**bytes, "new");
}

TEST_F(StoreTest, too_large_and_unknown_documents_are_refused) {
  const std::string large(limits::document_bytes_max + 1, ' ');
  auto refused = store().put("providers.json", large, "");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, ErrorKind::too_large);
  write_in_place(providers(), large);
  EXPECT_EQ(store().get("providers.json").error().kind, ErrorKind::too_large);
  EXPECT_EQ(store().get("../secret").error().kind, ErrorKind::not_found);
}

TEST(DefaultDirectories, an_empty_or_relative_xdg_variable_counts_as_unset) {
  const auto with = [](const char* config, const char* data) {
    ::setenv("HOME", "/home/u", 1);
    config != nullptr ? ::setenv("XDG_CONFIG_HOME", config, 1) : ::unsetenv("XDG_CONFIG_HOME");
    data != nullptr ? ::setenv("XDG_DATA_HOME", data, 1) : ::unsetenv("XDG_DATA_HOME");
    const Directories made = default_directories();
    return made.config_dir.string() + " " + made.data_dir.string();
  };
  const std::string plain = "/home/u/.config/router-maestro /home/u/.local/share/router-maestro";
  EXPECT_EQ(with(nullptr, nullptr), plain);
  EXPECT_EQ(with("", ""), plain);
  EXPECT_EQ(with("x", "./y"), plain);
  EXPECT_EQ(with("/x", "/y"), "/x/router-maestro /y/router-maestro");
}

}  // namespace
}  // namespace maestro::store
