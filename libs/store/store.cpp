#include "store/store.h"

#include <array>
#include <cstdlib>
#include <map>
#include <utility>
#include <vector>

#include <openssl/evp.h>
#include <pwd.h>
#include <unistd.h>

#include "base/limits.h"
#include "store/directory_watch.h"
#include "store/file.h"

namespace maestro::store {
namespace fs = std::filesystem;

namespace {

enum class Place { config, data };
struct Known {
  std::string_view name;
  Place place;
};
constexpr std::array documents{Known{"providers.json", Place::config}, Known{"priorities.json", Place::config},
                               Known{"contexts.json", Place::config}, Known{"auth.json", Place::data},
                               Known{"keys.json", Place::data}};

class FileStore final : public Store {
 public:
  FileStore(boost::asio::io_context& loop, Directories directories)
      : directories_(std::move(directories)),
        directory_watch_(loop, {directories_.config_dir, directories_.data_dir},
                         [this](std::string_view file_name) { on_hint(file_name); }) {}

  Result<std::optional<Document>> get(std::string_view name) override {
    auto path = path_of(name);
    if (!path) return path.error();
    return read(*path);
  }

  Result<Document> put(std::string_view name, std::string_view bytes, std::string_view expected_revision) override {
    auto path = path_of(name);
    if (!path) return path.error();
    if (bytes.size() > limits::document_bytes_max) {
      return Error(ErrorKind::too_large, std::string(name) + " would be larger than " +
                                             std::to_string(limits::document_bytes_max) + " bytes");
    }
    if (auto made = make_directory(path->parent_path()); !made) return made.error();
    auto lock = FileLock::take(*path);
    if (!lock) return lock.error();
    auto present = read(*path);
    if (!present) return present.error();
    const std::string present_revision = *present ? (*present)->revision : std::string{};
    if (present_revision != expected_revision) {
      return Error(ErrorKind::conflict,
                   path->string() + " was changed meanwhile; read it again and apply the change to that");
    }
    if (*present && (*present)->bytes == bytes) return std::move(**present);
    remove_leftovers(*path);
    if (auto written = replace_file(*path, bytes); !written) return written.error();
    return Document{std::string(bytes), content_revision(bytes)};
  }

  void watch(std::string_view name, std::function<void()> changed) override {
    auto found = watched_.find(name);
    if (found == watched_.end()) {
      found = watched_.emplace(std::string(name), Watched{revision_now(name), {}}).first;
    }
    found->second.callbacks.push_back(std::move(changed));
  }

 private:
  struct Watched {
    std::string revision;  // last told; "" absent, "?" unreadable
    std::vector<std::function<void()>> callbacks;
  };

  Result<fs::path> path_of(std::string_view name) const {
    for (const Known& known : documents) {
      if (known.name == name) {
        return (known.place == Place::config ? directories_.config_dir : directories_.data_dir) / fs::path(name);
      }
    }
    return Error(ErrorKind::not_found, "there is no document \"" + std::string(name) + '"');
  }

  static Result<std::optional<Document>> read(const fs::path& path) {
    auto bytes = read_file(path, limits::document_bytes_max);
    if (!bytes) return bytes.error();
    if (!*bytes) return std::optional<Document>{};
    std::string revision = content_revision(**bytes);
    return std::optional<Document>(Document{std::move(**bytes), std::move(revision)});
  }

  // What writers that were killed left behind. We hold the lock, so nobody is writing one now.
  static void remove_leftovers(const fs::path& path) {
    const std::string prefix = "." + path.filename().string() + ".";
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(path.parent_path(), ignored)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(prefix) && name.ends_with(".tmp")) ::unlink(entry.path().c_str());
    }
  }

  std::string revision_now(std::string_view name) {
    auto document = get(name);
    if (!document) return "?";
    return *document ? (*document)->revision : std::string{};
  }

  void on_hint(std::string_view file_name) {
    if (file_name.empty()) {
      for (auto& [name, watched] : watched_) check(name, watched);
      return;
    }
    // Always told: whoever is told reads for himself, and may have read, last time, what stood there for a moment only.
    if (auto found = watched_.find(file_name); found != watched_.end()) tell(found->first, found->second);
  }

  void tell(const std::string& name, Watched& watched) {
    watched.revision = revision_now(name);
    for (const auto& callback : watched.callbacks) callback();
  }

  void check(const std::string& name, Watched& watched) {
    if (revision_now(name) != watched.revision) tell(name, watched);
  }

  const Directories directories_;
  std::map<std::string, Watched, std::less<>> watched_;
  DirectoryWatch directory_watch_;  // last: it calls us
};

fs::path home() {
  if (const char* value = std::getenv("HOME"); value != nullptr && *value == '/') return value;
  if (const passwd* user = ::getpwuid(::getuid()); user != nullptr && user->pw_dir != nullptr) return user->pw_dir;
  return "/";
}

fs::path base_directory(const char* variable, std::string_view otherwise) {
  const char* value = std::getenv(variable);
  const fs::path base = value != nullptr && *value == '/' ? fs::path(value) : home() / fs::path(otherwise);
  return base / "router-maestro";
}

}  // namespace

Directories default_directories() {
  return Directories{base_directory("XDG_CONFIG_HOME", ".config"), base_directory("XDG_DATA_HOME", ".local/share")};
}

Result<std::unique_ptr<Store>> open_files(boost::asio::io_context& loop, Directories directories) {
  for (const fs::path& directory : {directories.config_dir, directories.data_dir}) {
    if (auto made = make_directory(directory); !made) return made.error();
  }
  return std::unique_ptr<Store>(std::make_unique<FileStore>(loop, std::move(directories)));
}

std::string content_revision(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr);
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * length);
  for (unsigned int i = 0; i < length; ++i) {
    text += digits[digest[i] >> 4];
    text += digits[digest[i] & 0xf];
  }
  return text;
}

}  // namespace maestro::store
