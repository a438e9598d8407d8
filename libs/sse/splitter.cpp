#include "sse/splitter.h"

#include <cstring>

namespace maestro::sse {

namespace {
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
}  // namespace

Error Splitter::too_large() const {
  return {ErrorKind::provider_failed,
          "an event of the stream is larger than " + std::to_string(event_bytes_max_) + " bytes"};
}

Splitter::Step Splitter::advance() {
  if (clear_) start_message();
  std::string_view line;
  while (true) {
    if (!next_line(line)) {
      if (pending_.size() + message_bytes_ > event_bytes_max_) return Step::too_large;
      own_data();
      return Step::starved;
    }
    const auto step = take_line(line);
    if (step != Step::starved) return step;
  }
}

// One line without its end. False: the rest of the input is kept until there is more.
bool Splitter::next_line(std::string_view& line) {
  if (skip_lf_ && at_ < input_.size()) {
    if (input_[at_] == '\n') ++at_;
    skip_lf_ = false;
  }
  const auto rest = input_.substr(at_);
  if (rest.empty()) return false;
  const auto* begin = rest.data();
  const auto* lf = static_cast<const char*>(std::memchr(begin, '\n', rest.size()));
  const auto* cr = static_cast<const char*>(
      std::memchr(begin, '\r', lf != nullptr ? static_cast<std::size_t>(lf - begin) : rest.size()));
  const auto* end = cr != nullptr ? cr : lf;
  if (end == nullptr) return keep(rest);
  line = rest.substr(0, static_cast<std::size_t>(end - begin));
  at_ += line.size() + 1;
  if (cr != nullptr) {
    if (cr + 1 == lf) {
      ++at_;
    } else if (at_ == input_.size()) {
      skip_lf_ = true;
    }
  }
  if (!pending_.empty()) {
    if (pending_.size() + line.size() > event_bytes_max_) {
      message_bytes_ = event_bytes_max_;  // found too large by the next step
    } else {
      pending_.append(line);
    }
    line_.swap(pending_);
    pending_.clear();
    line = line_;
  }
  return true;
}

bool Splitter::keep(std::string_view rest) {
  at_ = input_.size();
  const auto room = event_bytes_max_ + 1 - std::min(pending_.size(), event_bytes_max_ + 1);
  pending_.append(rest.substr(0, room));
  return false;
}

Splitter::Step Splitter::take_line(std::string_view line) {
  const auto line_bytes = line.size();  // the mark counts, as it does in a line that came in pieces
  if (first_) {
    first_ = false;
    if (line.starts_with(byte_order_mark)) line.remove_prefix(byte_order_mark.size());
  }
  if (line.empty()) {
    if (data_lines_ == 0) {
      start_message();
      return Step::starved;
    }
    message_ = {event_owned_ ? std::string_view(event_) : event_view_,
                data_owned_ ? std::string_view(data_) : data_view_, id_};
    clear_ = true;
    in_message_ = false;
    return Step::message;
  }
  if (line.front() == ':') return message_bytes_ + line_bytes > event_bytes_max_ ? Step::too_large : Step::starved;
  message_bytes_ += line_bytes + 1;
  if (message_bytes_ > event_bytes_max_) return Step::too_large;
  in_message_ = true;
  const auto colon = line.find(':');
  auto value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  take_field(line.substr(0, colon), value);
  return Step::starved;
}

void Splitter::take_field(std::string_view name, std::string_view value) {
  if (name == "data") {
    if (data_lines_++ == 0) {
      data_view_ = value;
      return;
    }
    if (!data_owned_) {
      data_.assign(data_view_);
      data_owned_ = true;
    }
    data_ += '\n';
    data_ += value;
  } else if (name == "event") {
    event_view_ = value;
    event_owned_ = false;
  } else if (name == "id" && value.find('\0') == std::string_view::npos) {
    id_.assign(value);
  }
}

void Splitter::start_message() {
  clear_ = false;
  in_message_ = false;
  data_lines_ = 0;
  message_bytes_ = 0;
  data_owned_ = event_owned_ = false;
  data_view_ = event_view_ = {};
}

// The input goes away: what the unfinished message looks at must be its own.
void Splitter::own_data() {
  if (data_lines_ > 0 && !data_owned_) {
    data_.assign(data_view_);
    data_owned_ = true;
  }
  if (!event_view_.empty() && !event_owned_) {
    event_.assign(event_view_);
    event_owned_ = true;
  }
}

}  // namespace maestro::sse
