// Server-sent events, bytes to messages (WHATWG HTML, 9.2.6): lines end in LF, CRLF or CR, a BOM may stand first,
// comments are ignored, several data lines are joined by LF, a message without data is none, an unfinished one at the
// end is dropped. Any cut of the bytes gives the same messages. A message that lies in one feed is not copied when it
// has one data line. Law: a message's views live until the sink returns. Bounded by limits::sse_event_bytes_max.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "base/result.h"

namespace maestro::sse {

struct Message {
  std::string_view event;  // empty: the default, "message"
  std::string_view data;
  std::string_view id;  // the last id that was given, as the standard has it
};

class Splitter {
 public:
  explicit Splitter(std::size_t event_bytes_max = limits::sse_event_bytes_max) : event_bytes_max_(event_bytes_max) {}

  // Calls sink(const Message&) -> Result<void> for each whole message. The first error of the sink, or an event over
  // the limit (provider_failed), ends it; the splitter is of no use after that.
  template <class Sink>
  Result<void> feed(std::string_view bytes, Sink&& sink) {
    input_ = bytes;
    at_ = 0;
    while (true) {
      const auto step = advance();
      if (step == Step::starved) return success();
      if (step == Step::too_large) return too_large();
      if (auto result = sink(message_); !result) return result;
    }
  }

  // For the sink: how much of this feed lies before the end of the message that it was given.
  std::size_t consumed() const { return at_; }

  // True when no part of a message is pending: between two messages, or before the first.
  bool at_boundary() const { return pending_.empty() && !in_message_; }

 private:
  enum class Step { message, starved, too_large };

  Step advance();
  bool next_line(std::string_view& line);
  bool keep(std::string_view rest);
  Step take_line(std::string_view line);
  void take_field(std::string_view name, std::string_view value);
  void start_message();
  void own_data();
  Error too_large() const;

  std::size_t event_bytes_max_;
  std::string_view input_;
  std::size_t at_ = 0;
  std::string pending_;  // the unfinished line
  std::string line_;     // a line that was cut, made whole
  std::string data_;     // data that had to be copied
  std::string event_;
  std::string id_;
  std::string_view data_view_;
  std::string_view event_view_;
  Message message_;
  std::size_t data_lines_ = 0;
  std::size_t message_bytes_ = 0;
  bool data_owned_ = false;
  bool event_owned_ = false;
  bool in_message_ = false;
  bool skip_lf_ = false;  // the last feed ended in CR
  bool first_ = true;     // a BOM may come
  bool clear_ = false;    // the last step gave a message
};

}  // namespace maestro::sse
