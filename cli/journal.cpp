#include "cli/journal.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <ctime>

#include <nlohmann/json.hpp>
#include <poll.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/places.h"

namespace maestro::cli {
namespace {

using Json = nlohmann::ordered_json;

Tone tone_of(std::string_view level) {
  if (level == "error") return Tone::bad;
  if (level == "warning") return Tone::warning;
  if (level == "debug") return Tone::faint;
  return Tone::good;
}

std::string text_of(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(text.size(), width), ' ');
  return text;
}

// A terminal must not be steered by what somebody else put into a line.
std::string without_controls(std::string_view text) {
  std::string clean(text);
  std::replace_if(
      clean.begin(), clean.end(), [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; }, '?');
  return clean;
}

std::string time_now() {
  const auto now = std::chrono::system_clock::now();
  const auto seconds = std::chrono::system_clock::to_time_t(now);
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char stamp[32];
  std::strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S.", &parts);
  const auto digits = std::to_string(milliseconds + 1000);
  return stamp + digits.substr(1) + "Z";
}

}  // namespace

std::size_t LineCutter::bytes_max() { return limits::child_line_bytes_max; }

std::string pretty_line(std::string_view service, std::string_view line, const Sheet& sheet) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return sheet.paint(Tone::faint, padded(std::string(service), 9)) + without_controls(line);
  const std::string level = text_of(json, "level");
  const std::string time = text_of(json, "time");
  std::string pretty = sheet.paint(Tone::faint, time.size() >= 19 ? time.substr(11, 8) : time) + " ";
  pretty += sheet.paint(tone_of(level), padded(level, 7)) + " ";
  pretty += padded(std::string(service), 9) + sheet.paint(Tone::strong, text_of(json, "event"));
  for (const auto& [name, value] : json.items()) {
    if (name == "time" || name == "level" || name == "service" || name == "event") continue;
    const std::string text =
        value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, Json::error_handler_t::replace);
    pretty += " " + sheet.paint(Tone::faint, name + "=") + text;
  }
  if (sheet.colours == Colours::on) return pretty;
  return without_controls(pretty);
}

void Backlog::add(std::string_view line) {
  if (bytes_.size() + line.size() + 1 > limits::console_backlog_bytes_max) {
    ++dropped_;
    return;
  }
  if (dropped_ != told_) {
    bytes_ += std::to_string(dropped_ - told_) + " lines were not shown here; the log file has them\n";
    told_ = dropped_;
  }
  bytes_ += line;
  bytes_ += '\n';
}

void Backlog::write_to(int descriptor) {
  // A pipe that polls as writable takes PIPE_BUF bytes without blocking, and the descriptor is not ours alone, so it
  // is not made non-blocking.
  std::size_t written = 0;
  while (written < bytes_.size()) {
    pollfd ready{descriptor, POLLOUT, 0};
    if (::poll(&ready, 1, 0) != 1) break;
    const auto count =
        ::write(descriptor, bytes_.data() + written, std::min<std::size_t>(bytes_.size() - written, PIPE_BUF));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {  // nobody reads any more
      written = bytes_.size();
      break;
    }
    written += static_cast<std::size_t>(count);
  }
  bytes_.erase(0, written);
}

Journal::Journal(std::filesystem::path file, std::shared_ptr<spdlog::logger> logger, const Sheet& messages)
    : file_(std::move(file)), logger_(std::move(logger)), messages_(messages) {}
Journal::Journal(Journal&&) noexcept = default;
Journal::~Journal() {
  if (logger_) logger_->flush();
}

Result<Journal> Journal::open(const std::filesystem::path& data_directory, const Sheet& messages) {
  const auto folder = data_directory / "logs";
  if (auto made = make_directory(folder); !made) return made.error();
  const auto file = folder / "router-maestro.log";
  try {
    auto sink = std::make_shared<spdlog::sinks::rotating_file_sink_st>(file.string(), limits::log_file_bytes_max,
                                                                       limits::log_files_max);
    ::chmod(file.c_str(), 0600);
    auto logger = std::make_shared<spdlog::logger>("children", std::move(sink));
    logger->set_pattern("%v");
    logger->flush_on(spdlog::level::info);
    logger->set_error_handler([](const std::string&) {});  // a full disk: the console still has the lines
    return Journal{file, std::move(logger), messages};
  } catch (const spdlog::spdlog_ex& error) {
    return Error(ErrorKind::internal, "The log file cannot be opened: " + std::string(error.what()));
  }
}

void Journal::child_line(std::string_view service, std::string_view line) {
  logger_->log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
  backlog_.add(messages_.interactive() ? pretty_line(service, line, messages_) : std::string(line));
  write_console();
}

void Journal::say(std::string_view level, std::string_view event, std::initializer_list<Field> fields) {
  Json json{{"time", time_now()}, {"level", level}, {"service", "server"}, {"event", event}};
  for (const auto& [name, value] : fields) {
    std::visit([&](const auto& plain) { json[std::string(name)] = plain; }, value);
  }
  child_line("server", json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace maestro::cli
