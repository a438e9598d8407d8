// Where the lines of the children and of the supervisor go: all of them to a rotating file (0600), and as many as the
// reader takes to standard error, pretty on a terminal and raw otherwise. A reader that does not read never holds
// anybody up: beyond limits::console_backlog_bytes_max whole lines are dropped and counted.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/result.h"
#include "cli/terminal.h"

namespace spdlog {
class logger;
}

namespace maestro::cli {

// Cuts bytes into lines. A line over limits::child_line_bytes_max is given in pieces.
class LineCutter final {
 public:
  template <class Take>
  void feed(std::string_view bytes, Take take) {
    for (;;) {
      const auto end = bytes.find('\n');
      if (end == std::string_view::npos) break;
      rest_.append(bytes.substr(0, end));
      take(std::string_view(rest_));
      rest_.clear();
      bytes.remove_prefix(end + 1);
    }
    rest_.append(bytes);
    if (rest_.size() >= bytes_max()) flush(take);
  }
  template <class Take>
  void flush(Take take) {
    if (!rest_.empty()) take(std::string_view(rest_));
    rest_.clear();
  }

 private:
  static std::size_t bytes_max();
  std::string rest_;
};

// One JSON line of the log for a person: time, level, service, event, name=value. Text that is no JSON comes back as
// is.
std::string pretty_line(std::string_view service, std::string_view line, const Sheet& sheet);

// Bytes on their way to standard error, whole lines, bounded.
class Backlog final {
 public:
  void add(std::string_view line);
  bool empty() const { return bytes_.empty(); }
  // Writes as much as the descriptor takes at once.
  void write_to(int descriptor);
  std::uint64_t dropped() const { return dropped_; }

 private:
  std::string bytes_;
  std::uint64_t dropped_ = 0;
  std::uint64_t told_ = 0;
};

class Journal final {
 public:
  static Result<Journal> open(const std::filesystem::path& data_directory, const Sheet& messages);
  Journal(Journal&&) noexcept;
  Journal& operator=(Journal&&) = delete;
  ~Journal();

  void child_line(std::string_view service, std::string_view line);
  // A line of the supervisor's own. `event` is one stable word.
  using Field = std::pair<std::string_view, std::variant<std::string, std::int64_t>>;
  void say(std::string_view level, std::string_view event, std::initializer_list<Field> fields);

  const std::filesystem::path& file() const { return file_; }
  int console() const { return messages_.descriptor; }
  bool waits_for_console() const { return !backlog_.empty(); }
  void write_console() { backlog_.write_to(messages_.descriptor); }

 private:
  Journal(std::filesystem::path file, std::shared_ptr<spdlog::logger> logger, const Sheet& messages);

  std::filesystem::path file_;
  std::shared_ptr<spdlog::logger> logger_;
  Sheet messages_;
  Backlog backlog_;
};

}  // namespace maestro::cli
