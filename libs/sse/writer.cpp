#include "sse/writer.h"

namespace maestro::sse {

void append(std::string& out, std::string_view event, std::string_view data) {
  if (!event.empty()) {
    out += "event: ";
    out += event;
    out += '\n';
  }
  std::size_t at = 0;
  while (true) {
    const auto end = data.find_first_of("\r\n", at);
    out += "data: ";
    out += data.substr(at, end == std::string_view::npos ? end : end - at);
    out += '\n';
    if (end == std::string_view::npos) break;
    at = end + (data.substr(end).starts_with("\r\n") ? 2 : 1);
  }
  out += '\n';
}

void append_comment(std::string& out, std::string_view text) {
  out += ": ";
  out += text;
  out += "\n\n";
}

}  // namespace maestro::sse
