// For the tests of this room: directories of their own, a log that is read at the end. Every key in the tests holds the
// word SECRET, and no log line may.
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "auth/vault.h"
#include "store/store.h"

namespace maestro::auth {

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// As an editor does it: a new file in the place of the old.
inline void write_text(const std::filesystem::path& path, const std::string& text) {
  const auto temp = path.string() + ".edited";
  std::ofstream(temp) << text;
  std::filesystem::rename(temp, path);
}

class Room {
 public:
  Room() {
    std::string name = "/tmp/maestro_auth_XXXXXX";
    path_ = ::mkdtemp(name.data());
    std::filesystem::create_directories(config());
    std::filesystem::create_directories(data());
  }
  ~Room() { std::filesystem::remove_all(path_); }
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;

  std::filesystem::path config() const { return path_ / "config"; }
  std::filesystem::path data() const { return path_ / "data"; }
  std::filesystem::path contexts_file() const { return config() / "contexts.json"; }
  std::filesystem::path auth_file() const { return data() / "auth.json"; }
  std::filesystem::path keys_file() const { return data() / "keys.json"; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

  store::Directories directories() const { return {config(), data()}; }
  std::unique_ptr<store::Store> open_store(boost::asio::io_context& loop) const {
    return *store::open_files(loop, directories());
  }

  std::map<std::string, std::string> variables;
  std::function<std::string(const std::string&)> environment() const {
    return [this](const std::string& name) {
      const auto found = variables.find(name);
      return found == variables.end() ? std::string() : found->second;
    };
  }

 private:
  std::filesystem::path path_;
};

}  // namespace maestro::auth
