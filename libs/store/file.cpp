#include "store/file.h"

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/limits.h"

namespace maestro::store {
namespace fs = std::filesystem;

namespace {

std::string reason_of(int code) { return std::error_code(code, std::generic_category()).message(); }

Error unavailable(std::string_view what, const fs::path& path, int code) {
  std::string message(what);
  message += ' ';
  message += path.string();
  message += ": ";
  message += reason_of(code);
  if (code == EACCES || code == EPERM || code == EROFS)
    message += "; check the owner and mode of the file and its directory";
  if (code == ENOSPC || code == EDQUOT) message += "; make room on the disk";
  return Error(ErrorKind::unavailable, std::move(message));
}

class Descriptor final {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const { return number_; }
  int release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

// Removes the temp file unless it became the real one.
class Temporary final {
 public:
  explicit Temporary(std::string path) : path_(std::move(path)) {}
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary() {
    if (!kept_) ::unlink(path_.c_str());
  }
  const std::string& path() const { return path_; }
  void keep() { kept_ = true; }

 private:
  std::string path_;
  bool kept_ = false;
};

int write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

// Where the bytes really lie: people keep their configuration in a repository and link to it.
fs::path followed(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_symlink(path, ignored)) return path;
  fs::path target = fs::weakly_canonical(path, ignored);
  return target.empty() ? path : target;
}

}  // namespace

Result<std::optional<std::string>> read_file(const fs::path& path, std::size_t bytes_max) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.number() < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::optional<std::string>{};
    return unavailable("cannot read", path, errno);
  }
  struct stat facts{};
  if (::fstat(file.number(), &facts) != 0) return unavailable("cannot read", path, errno);
  if (!S_ISREG(facts.st_mode)) {
    return Error(ErrorKind::unavailable, path.string() + " is not a file; move it away and write a file in its place");
  }
  std::string bytes;
  char piece[16 * 1024];
  for (;;) {
    const ssize_t count = ::read(file.number(), piece, sizeof piece);
    if (count < 0) {
      if (errno == EINTR) continue;
      return unavailable("cannot read", path, errno);
    }
    if (count == 0) return std::optional<std::string>(std::move(bytes));
    bytes.append(piece, static_cast<std::size_t>(count));
    if (bytes.size() > bytes_max) {
      return Error(ErrorKind::too_large,
                   path.string() + " is larger than " + std::to_string(bytes_max) + " bytes; make it smaller");
    }
  }
}

Result<void> replace_file(const fs::path& path, std::string_view bytes) {
  const fs::path target = followed(path);
  std::string pattern = (target.parent_path() / ("." + target.filename().string() + ".XXXXXX.tmp")).string();
  constexpr int suffix_length = 4;
  Descriptor file(::mkostemps(pattern.data(), suffix_length, O_CLOEXEC));
  if (file.number() < 0) return unavailable("cannot write beside", target, errno);
  Temporary temporary(std::move(pattern));
  if (::fchmod(file.number(), 0600) != 0) return unavailable("cannot set the mode of", temporary.path(), errno);
  if (const int code = write_all(file.number(), bytes)) return unavailable("cannot write", temporary.path(), code);
  if (::fsync(file.number()) != 0) return unavailable("cannot write", temporary.path(), errno);
  if (::close(file.release()) != 0) return unavailable("cannot write", temporary.path(), errno);
  if (::rename(temporary.path().c_str(), target.c_str()) != 0) return unavailable("cannot replace", target, errno);
  temporary.keep();
  Descriptor directory(::open(target.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // The new file is in place; some file systems refuse to sync a directory, which only weakens what a power cut leaves.
  if (directory.number() >= 0) static_cast<void>(::fsync(directory.number()));
  return success();
}

Result<void> make_directory(const fs::path& path) {
  std::error_code code;
  if (fs::is_directory(path, code)) return success();
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), code);
  if (code) return unavailable("cannot create", path.parent_path(), code.value());
  if (::mkdir(path.c_str(), 0700) == 0) {
    if (::chmod(path.c_str(), 0700) != 0) return unavailable("cannot set the mode of", path, errno);
    return success();
  }
  const int reason = errno;
  if (reason == EEXIST && fs::is_directory(path, code)) return success();
  return unavailable("cannot create", path, reason);
}

Result<FileLock> FileLock::take(const fs::path& path) {
  const fs::path lock = path.parent_path() / ("." + path.filename().string() + ".lock");
  Descriptor file(::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.number() < 0) return unavailable("cannot lock", lock, errno);
  const Deadline deadline = Deadline::in(limits::document_lock_time_max);
  while (::flock(file.number(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return unavailable("cannot lock", lock, errno);
    if (deadline.passed()) {
      return Error(ErrorKind::unavailable,
                   "another program holds the lock " + lock.string() + "; end it, or try again");
    }
    ::poll(nullptr, 0, 1);
  }
  return FileLock(file.release());
}

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace maestro::store
