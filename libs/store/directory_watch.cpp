#include "store/directory_watch.h"

#include <array>
#include <cstring>
#include <utility>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"

namespace maestro::store {
namespace asio = boost::asio;

namespace {

// IN_CLOSE_WRITE and not IN_MODIFY: a file that is written in place is looked at when it is whole.
constexpr std::uint32_t events_watched = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE |
                                         IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

}  // namespace

// Shared with the handlers under way, so that they end quietly after the owner is gone.
struct DirectoryWatch::State {
  State(asio::io_context& loop, std::vector<std::filesystem::path> directories, Hint hint)
      : directories(std::move(directories)),
        hint(std::move(hint)),
        descriptor(loop),
        timer(loop),
        watches(this->directories.size(), -1) {}

  static void start(const std::shared_ptr<State>& self) {
    if (const int number = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC); number >= 0) self->descriptor.assign(number);
    self->add_watches();
    read_next(self);
    wait_for_rescan(self);
  }

  void stop() {
    hint = nullptr;
    timer.cancel();
    boost::system::error_code ignored;
    descriptor.close(ignored);
  }

  // True when every directory is watched.
  bool add_watches() {
    if (!descriptor.is_open()) return false;
    bool all = true;
    for (std::size_t i = 0; i < directories.size(); ++i) {
      if (watches[i] < 0) {
        watches[i] = ::inotify_add_watch(descriptor.native_handle(), directories[i].c_str(), events_watched);
      }
      all = all && watches[i] >= 0;
    }
    return all;
  }

  static void read_next(const std::shared_ptr<State>& self) {
    if (!self->descriptor.is_open()) return;
    self->descriptor.async_wait(asio::posix::stream_descriptor::wait_read, [self](boost::system::error_code error) {
      if (error || !self->hint) return;
      self->read_events();
      if (std::exchange(self->lost_one, false)) wait_for_rescan(self);
      read_next(self);
    });
  }

  void read_events() {
    alignas(inotify_event) std::array<char, 16 * 1024> buffer;
    for (;;) {
      const ssize_t count = ::read(descriptor.native_handle(), buffer.data(), buffer.size());
      if (count <= 0) return;
      for (std::size_t at = 0; at + sizeof(inotify_event) <= static_cast<std::size_t>(count);) {
        inotify_event event;
        std::memcpy(&event, buffer.data() + at, sizeof event);
        const char* name = buffer.data() + at + sizeof event;
        at += sizeof event + event.len;
        on_event(event, event.len == 0 ? std::string_view{} : std::string_view(name));
        if (!hint) return;
      }
    }
  }

  void on_event(const inotify_event& event, std::string_view name) {
    if ((event.mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF)) != 0) {
      // Which directory it was does not matter: adding a watch that is there changes nothing.
      watches.assign(directories.size(), -1);
      lost_one = true;
      hint({});
    } else if ((event.mask & IN_Q_OVERFLOW) != 0 || name.starts_with("..")) {
      hint({});  // "..data": a mounted configuration switches all its files by one link
    } else if (!name.empty() && ((event.mask & IN_CREATE) == 0 || has_content(event.wd, name))) {
      hint(name);
    }
  }

  // A link brings its content along; a new file is empty still, and its close brings the next event.
  bool has_content(int watch, std::string_view name) const {
    for (std::size_t i = 0; i < directories.size(); ++i) {
      struct stat facts{};
      if (watches[i] == watch && ::lstat((directories[i] / name).c_str(), &facts) == 0) {
        return S_ISLNK(facts.st_mode) || facts.st_nlink > 1;
      }
    }
    return false;
  }

  static void wait_for_rescan(const std::shared_ptr<State>& self) {
    const bool all = self->add_watches();
    self->timer.expires_after(all ? std::chrono::milliseconds(limits::document_rescan_interval)
                                  : std::chrono::milliseconds(limits::document_watch_retry_time));
    self->timer.async_wait([self](boost::system::error_code error) {
      if (error || !self->hint) return;
      wait_for_rescan(self);
      self->hint({});
    });
  }

  std::vector<std::filesystem::path> directories;
  Hint hint;
  asio::posix::stream_descriptor descriptor;
  asio::steady_timer timer;
  std::vector<int> watches;  // of each directory; -1: not watched now
  bool lost_one = false;     // a directory went away: its watch is to be added again
};

DirectoryWatch::DirectoryWatch(asio::io_context& loop, std::vector<std::filesystem::path> directories, Hint hint)
    : state_(std::make_shared<State>(loop, std::move(directories), std::move(hint))) {
  State::start(state_);
}

DirectoryWatch::~DirectoryWatch() { state_->stop(); }

}  // namespace maestro::store
