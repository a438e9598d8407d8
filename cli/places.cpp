#include "cli/places.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace maestro::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view program_folder = "router-maestro";
constexpr std::string_view services_with_sockets[] = {"auth", "registry"};

std::string reason(int number) { return std::generic_category().message(number); }

Error refused(std::string message) { return {ErrorKind::conflict, std::move(message)}; }

Result<fs::path> absolute(const std::string& text) {
  std::error_code error;
  auto path = fs::absolute(text, error);
  if (error) return refused("The path " + text + " cannot be made absolute: " + error.message());
  return path.lexically_normal();
}

Result<fs::path> user_directory(const std::optional<std::string>& flag, const Environment& environment,
                                std::string_view variable, std::string_view below_home) {
  if (flag) return absolute(*flag);
  if (const auto base = value_of(environment, variable); base && base->front() == '/') {
    return absolute(*base + "/" + std::string(program_folder));
  }
  const auto home = value_of(environment, "HOME");
  if (!home) {
    return Error(ErrorKind::invalid_request, "Neither HOME nor " + std::string(variable) +
                                                 " is set. Give --config-dir and --data-dir, or set HOME.");
  }
  return absolute(*home + "/" + std::string(below_home) + "/" + std::string(program_folder));
}

}  // namespace

Result<fs::path> config_directory(const std::optional<std::string>& flag, const Environment& environment) {
  return user_directory(flag, environment, "XDG_CONFIG_HOME", ".config");
}

Result<fs::path> data_directory(const std::optional<std::string>& flag, const Environment& environment) {
  return user_directory(flag, environment, "XDG_DATA_HOME", ".local/share");
}

Result<fs::path> runtime_directory(const std::optional<std::string>& flag, const Environment& environment,
                                   uid_t owner) {
  if (flag) return absolute(*flag);
  if (const auto base = value_of(environment, "XDG_RUNTIME_DIR"); base && base->front() == '/') {
    return absolute(*base + "/" + std::string(program_folder));
  }
  return fs::path("/tmp/" + std::string(program_folder) + "-" + std::to_string(owner));
}

Result<void> make_directory(const fs::path& path) {
  if (::mkdir(path.c_str(), 0700) == 0) return success();
  int number = errno;
  if (number == ENOENT && path.has_parent_path() && path.parent_path() != path) {
    if (auto made = make_directory(path.parent_path()); !made) return made;
    if (::mkdir(path.c_str(), 0700) == 0) return success();
    number = errno;
  }
  if (number == EEXIST) return success();
  return refused("The directory " + path.string() + " cannot be made: " + reason(number));
}

Result<Descriptor> open_private_directory(const fs::path& path) {
  if (auto made = make_directory(path); !made) return made.error();
  const std::string name = path.string();
  Descriptor folder{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
  if (!folder.open()) {
    const int number = errno;
    if (number == ELOOP || number == ENOTDIR) {
      return refused(name + " is a link or no directory. Remove it, or choose another with --runtime-dir.");
    }
    return refused(name + " cannot be opened: " + reason(number) + ". Choose another with --runtime-dir.");
  }
  struct stat status{};
  if (::fstat(folder.get(), &status) != 0) return refused(name + " cannot be examined: " + reason(errno));
  if (status.st_uid != ::geteuid()) {
    return refused(name + " belongs to another user. Choose another with --runtime-dir.");
  }
  if ((status.st_mode & 077U) != 0) {
    return refused(name + " is open to other users. Run: chmod 700 " + name);
  }
  return folder;
}

Result<std::string> read_small_file(const fs::path& path, std::size_t bytes_max) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file.open()) {
    const auto kind = errno == ENOENT ? ErrorKind::not_found : ErrorKind::internal;
    return Error(kind, path.string() + " cannot be read: " + reason(errno));
  }
  std::string text;
  char block[4096];
  for (;;) {
    const auto count = ::read(file.get(), block, sizeof block);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error(ErrorKind::internal, path.string() + " cannot be read: " + reason(errno));
    if (count == 0) return text;
    text.append(block, static_cast<std::size_t>(count));
    if (text.size() > bytes_max) {
      return Error(ErrorKind::too_large,
                   path.string() + " is larger than " + std::to_string(bytes_max) + " bytes, so it is not read.");
    }
  }
}

Result<RuntimeFolder> RuntimeFolder::take(const fs::path& base, int port) {
  if (auto outer = open_private_directory(base); !outer) return outer.error();
  fs::path path = base / ("port-" + std::to_string(port));
  Keeping keeping = Keeping::folder;
  if (port == 0) {
    std::string pattern = (base / "port-any-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) return refused(pattern + " cannot be made: " + reason(errno));
    path = pattern;
    keeping = Keeping::nothing;
  }
  auto folder = open_private_directory(path);
  if (!folder) return folder.error();
  if (::flock(folder->get(), LOCK_EX | LOCK_NB) != 0) {
    return refused("A server of this user already runs on port " + std::to_string(port) + ". Stop it with " +
                   "`router-maestro server stop --port " + std::to_string(port) + "`, or choose another with --port.");
  }
  RuntimeFolder taken{std::move(path), std::move(*folder), keeping};
  if (auto fits = taken.check_socket_lengths(); !fits) return fits.error();
  taken.remove_contents();  // left by a server that was killed
  return taken;
}

Result<void> RuntimeFolder::check_socket_lengths() const {
  for (const auto service : services_with_sockets) {
    const auto length = socket(service).string().size();
    if (length < sizeof(sockaddr_un::sun_path)) continue;
    return Error(ErrorKind::invalid_request, "The runtime directory's path is too long: " + socket(service).string() +
                                                 " has " + std::to_string(length) + " bytes, a socket may have " +
                                                 std::to_string(sizeof(sockaddr_un::sun_path) - 1) +
                                                 ". Choose a shorter one with --runtime-dir.");
  }
  return success();
}

fs::path RuntimeFolder::socket(std::string_view service) const { return path_ / (std::string(service) + ".sock"); }

void RuntimeFolder::remove_contents() const {
  ::unlink(server_file().c_str());
  for (const auto service : services_with_sockets) ::unlink(socket(service).c_str());
}

RuntimeFolder::~RuntimeFolder() {
  if (!lock_.open()) return;  // moved from
  remove_contents();
  if (keeping_ == Keeping::nothing) ::rmdir(path_.c_str());
}

}  // namespace maestro::cli
