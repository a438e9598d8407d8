// How the program talks to people: results on standard output, messages on standard error, colour only on a terminal
// and never with NO_COLOR. Tables are aligned by display columns of UTF-8 text, without frames, so that they can be cut
// and searched.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/environment.h"

namespace maestro::cli {

enum class Tone { plain, strong, good, warning, bad, faint };
enum class Surface { terminal, stream };
enum class Colours { off, on };

struct Sheet {
  int descriptor = 1;
  Surface surface = Surface::stream;
  Colours colours = Colours::off;

  bool interactive() const { return surface == Surface::terminal; }
  std::string paint(Tone tone, std::string_view text) const;
  // Writes all of it; a reader that went away is no error of ours.
  void write(std::string_view text) const;
  void line(std::string_view text) const;
};

Sheet sheet_of(int descriptor, const Environment& environment);

using Row = std::vector<std::string>;
// The header row first. A cell may hold colour sequences; they take no columns.
std::string table(const std::vector<Row>& rows);

// "sk-rm-abcdef...wxyz": the first 12 and last 4 characters; a short key is all dots.
std::string masked(std::string_view key);
std::string duration_text(long long seconds);       // "2 h 5 min", "12 s"
std::string memory_text(unsigned long long bytes);  // "12.3 MB"

}  // namespace maestro::cli
