// Where the files of a user lie: the XDG directories (a variable that is empty or no absolute path counts as unset) and
// the runtime directory, which is private to its owner or refused. One subfolder of it belongs to one server, named
// after its port.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <sys/types.h>

#include "base/result.h"
#include "cli/descriptor.h"
#include "cli/environment.h"

namespace maestro::cli {

Result<std::filesystem::path> config_directory(const std::optional<std::string>& flag, const Environment& environment);
Result<std::filesystem::path> data_directory(const std::optional<std::string>& flag, const Environment& environment);
Result<std::filesystem::path> runtime_directory(const std::optional<std::string>& flag, const Environment& environment,
                                                uid_t owner);

// Makes the directory with its parents; those it makes are for the owner alone.
Result<void> make_directory(const std::filesystem::path& path);
// Makes the directory if it is missing and opens it. Refused: a link, another owner, any right for group or others.
Result<Descriptor> open_private_directory(const std::filesystem::path& path);
// At most `bytes_max` bytes of a regular file.
Result<std::string> read_small_file(const std::filesystem::path& path, std::size_t bytes_max);

// The folder of one running server: sockets and server.json. Locked while this lives; emptied when it dies.
class RuntimeFolder final {
 public:
  // Port 0 gets a folder with a random name, removed at the end. Taken by another server: conflict.
  static Result<RuntimeFolder> take(const std::filesystem::path& base, int port);
  RuntimeFolder(RuntimeFolder&&) = default;
  RuntimeFolder& operator=(RuntimeFolder&&) = delete;
  ~RuntimeFolder();

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path socket(std::string_view service) const;
  std::filesystem::path server_file() const { return path_ / "server.json"; }

 private:
  enum class Keeping { folder, nothing };
  RuntimeFolder(std::filesystem::path path, Descriptor lock, Keeping keeping)
      : path_(std::move(path)), lock_(std::move(lock)), keeping_(keeping) {}
  Result<void> check_socket_lengths() const;
  void remove_contents() const;

  std::filesystem::path path_;
  Descriptor lock_;
  Keeping keeping_;
};

}  // namespace maestro::cli
