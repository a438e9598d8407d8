#include "cli/terminal.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include <unistd.h>

namespace maestro::cli {
namespace {

std::string_view sequence(Tone tone) {
  switch (tone) {
    case Tone::plain:
      return "";
    case Tone::strong:
      return "\x1b[1m";
    case Tone::good:
      return "\x1b[32m";
    case Tone::warning:
      return "\x1b[33m";
    case Tone::bad:
      return "\x1b[31m";
    case Tone::faint:
      return "\x1b[2m";
  }
  return "";
}

std::size_t columns(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\x1b') {
      at = std::min(text.find('m', at), text.size());
      continue;
    }
    if ((static_cast<unsigned char>(text[at]) & 0xC0U) != 0x80U) ++count;
  }
  return count;
}

}  // namespace

std::string Sheet::paint(Tone tone, std::string_view text) const {
  if (colours == Colours::off || tone == Tone::plain) return std::string(text);
  return std::string(sequence(tone)) + std::string(text) + "\x1b[0m";
}

void Sheet::write(std::string_view text) const {
  while (!text.empty()) {
    const auto written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

void Sheet::line(std::string_view text) const { write(std::string(text) + "\n"); }

Sheet sheet_of(int descriptor, const Environment& environment) {
  Sheet sheet;
  sheet.descriptor = descriptor;
  sheet.surface = ::isatty(descriptor) == 1 ? Surface::terminal : Surface::stream;
  const bool wanted = !value_of(environment, "NO_COLOR") && value_of(environment, "TERM") != "dumb";
  sheet.colours = sheet.interactive() && wanted ? Colours::on : Colours::off;
  return sheet;
}

std::string table(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (std::size_t at = 0; at < row.size(); ++at) widths[at] = std::max(widths[at], columns(row[at]));
  }
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t at = 0; at < row.size(); ++at) {
      text += row[at];
      if (at + 1 < row.size()) text += std::string(widths[at] - columns(row[at]) + 2, ' ');
    }
    text += '\n';
  }
  return text;
}

std::string masked(std::string_view key) {
  constexpr std::size_t head = 12;
  constexpr std::size_t tail = 4;
  if (key.size() < head + tail + 4) return "...";
  return std::string(key.substr(0, head)) + "..." + std::string(key.substr(key.size() - tail));
}

std::string duration_text(long long seconds) {
  const auto days = seconds / 86400;
  const auto hours = seconds / 3600 % 24;
  const auto minutes = seconds / 60 % 60;
  if (days > 0) return std::to_string(days) + " d " + std::to_string(hours) + " h";
  if (hours > 0) return std::to_string(hours) + " h " + std::to_string(minutes) + " min";
  if (minutes > 0) return std::to_string(minutes) + " min " + std::to_string(seconds % 60) + " s";
  return std::to_string(seconds) + " s";
}

std::string memory_text(unsigned long long bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f MB", static_cast<double>(bytes) / 1e6);
  return text;
}

}  // namespace maestro::cli
