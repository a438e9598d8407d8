// One file, read with a bound and replaced whole: temp file beside it, fsync, rename, fsync of the directory, mode 0600
// whatever the umask. For the documents of the Store and for private state files that need no revision.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace maestro::store {

// Nothing when the file does not exist. too_large beyond `bytes_max`, unavailable when it cannot be read.
Result<std::optional<std::string>> read_file(const std::filesystem::path& path, std::size_t bytes_max);

// A link is followed, so that the file it leads to is replaced. On failure the old file is intact and no temp is left.
Result<void> replace_file(const std::filesystem::path& path, std::string_view bytes);

// With its parents; the last one 0700. A directory that exists is left as it is.
Result<void> make_directory(const std::filesystem::path& path);

// Held until it dies: an exclusive flock on `.<name>.lock` beside the file, which other processes honour.
class FileLock final {
 public:
  static Result<FileLock> take(const std::filesystem::path& path);
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace maestro::store
