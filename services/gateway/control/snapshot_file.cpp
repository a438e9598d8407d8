#include "gateway/control/snapshot_file.h"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"

namespace maestro::gateway {
namespace {

constexpr std::string_view magic{"MAESTRO\0", 8};
constexpr std::size_t head_bytes = 8 + 4 + 4 + 8 + SHA256_DIGEST_LENGTH;

template <class Number>
void put(std::string& out, Number number) {
  for (std::size_t i = 0; i < sizeof number; ++i) out += static_cast<char>(number >> (8 * i) & 0xff);
}

template <class Number>
Number get(std::string_view bytes, std::size_t at) {
  Number number = 0;
  for (std::size_t i = 0; i < sizeof number; ++i)
    number |= static_cast<Number>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  return number;
}

std::string sha256(std::string_view bytes) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

std::string path_of(const std::string& directory, SnapshotKind kind) {
  return directory + (kind == SnapshotKind::catalog ? "/catalog.pb" : "/keys.pb");
}

Error failed(const std::string& doing, const std::string& path) {
  return Error{ErrorKind::unavailable, "Cannot " + doing + " " + path + ": " + std::strerror(errno) + "."};
}

// A descriptor that closes itself.
class File {
 public:
  File(const std::string& path, int flags) : descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

std::string encode_snapshot(SnapshotKind kind, std::string_view payload) {
  std::string bytes{magic};
  put(bytes, snapshot_format);
  put(bytes, static_cast<std::uint32_t>(kind));
  put(bytes, static_cast<std::uint64_t>(payload.size()));
  bytes += sha256(payload);
  bytes += payload;
  return bytes;
}

Result<std::string> decode_snapshot(SnapshotKind kind, std::string_view bytes) {
  const auto refuse = [](const char* why) { return Error{ErrorKind::invalid_request, why}; };
  if (bytes.size() < head_bytes || bytes.substr(0, magic.size()) != magic) return refuse("it is no snapshot.");
  if (get<std::uint32_t>(bytes, 8) > snapshot_format) return refuse("it was written by a newer version.");
  if (get<std::uint32_t>(bytes, 12) != static_cast<std::uint32_t>(kind)) return refuse("it is of another kind.");
  const auto payload = bytes.substr(head_bytes);
  if (get<std::uint64_t>(bytes, 16) != payload.size()) return refuse("it is cut.");
  if (bytes.substr(24, SHA256_DIGEST_LENGTH) != sha256(payload)) return refuse("it is damaged.");
  return std::string(payload);
}

Result<void> write_snapshot(const std::string& directory, SnapshotKind kind, std::string_view payload) {
  std::error_code problem;
  std::filesystem::create_directories(directory, problem);
  ::chmod(directory.c_str(), 0700);
  const auto path = path_of(directory, kind);
  const auto temporary = path + ".tmp";
  {
    const File file{temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW};
    if (file.get() < 0) return failed("write", temporary);
    if (!write_all(file.get(), encode_snapshot(kind, payload)) || ::fchmod(file.get(), 0600) != 0 ||
        ::fsync(file.get()) != 0) {
      auto error = failed("write", temporary);
      ::unlink(temporary.c_str());
      return error;
    }
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return failed("rename to", path);
  const File folder{directory, O_RDONLY | O_DIRECTORY};
  if (folder.get() >= 0) ::fsync(folder.get());
  return {};
}

Result<std::string> read_snapshot(const std::string& directory, SnapshotKind kind) {
  const auto path = path_of(directory, kind);
  const File file{path, O_RDONLY};
  if (file.get() < 0) {
    if (errno == ENOENT) return Error{ErrorKind::not_found, "There is no " + path + "."};
    return failed("read", path);
  }
  std::string bytes;
  char piece[64 * 1024];
  for (;;) {
    const auto size = ::read(file.get(), piece, sizeof piece);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return failed("read", path);
    if (size == 0) break;
    bytes.append(piece, static_cast<std::size_t>(size));
    if (bytes.size() > limits::snapshot_bytes_max)
      return Error{ErrorKind::invalid_request, path + " is larger than any snapshot."};
  }
  auto payload = decode_snapshot(kind, bytes);
  if (!payload) {
    auto error = payload.error();
    error.message = path + " is ignored: " + error.message;
    return error;
  }
  return payload;
}

}  // namespace maestro::gateway
