// Server-sent events, messages to bytes: what Splitter reads back. Appends to a string of the caller.
#pragma once

#include <string>
#include <string_view>

namespace maestro::sse {

// "data: ...\n\n", with "event: ...\n" before it unless `event` is empty. Line ends in data become further data lines,
// and `event` must have none.
void append(std::string& out, std::string_view event, std::string_view data);

// ": text\n\n": ignored by every reader, keeps the connection awake.
void append_comment(std::string& out, std::string_view text);

}  // namespace maestro::sse
