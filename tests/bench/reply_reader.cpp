#include "bench/reply_reader.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/limits.h"

namespace maestro::bench {

namespace {

bool equal_ignoring_case(std::string_view left, std::string_view right) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [&](char a, char b) { return lower(a) == lower(b); });
}

template <class Number>
bool read_number(std::string_view text, Number& into, int base) {
  return std::from_chars(text.data(), text.data() + text.size(), into, base).ec == std::errc{};
}

}  // namespace

void ReplyReader::restart() {
  state_ = State::head;
  status_ = 0;
  keep_alive_ = true;
  left_ = 0;
  partial_.clear();
}

ReplyReader::Step ReplyReader::advance(std::string_view bytes) {
  switch (state_) {
    case State::head:
      return take_head(bytes);
    case State::length_body:
    case State::chunk_data:
      return take_body(bytes);
    case State::chunk_size:
    case State::chunk_end:
    case State::trailer:
      return take_line(bytes);
    case State::done:
    case State::malformed:
      break;
  }
  return {};
}

ReplyReader::Step ReplyReader::take_head(std::string_view bytes) {
  constexpr std::string_view end_of_head = "\r\n\r\n";
  if (partial_.empty()) {
    if (const auto at = bytes.find(end_of_head); at != std::string_view::npos) {
      read_head(bytes.substr(0, at + 2));
      return {at + end_of_head.size()};
    }
  }
  const auto before = partial_.size();
  partial_.append(bytes);
  const auto at = partial_.find(end_of_head, before < 3 ? 0 : before - 3);
  if (at == std::string::npos) {
    if (partial_.size() > limits::head_bytes_max) state_ = State::malformed;
    return {bytes.size()};
  }
  const auto head = std::exchange(partial_, {});
  read_head(std::string_view{head}.substr(0, at + 2));
  return {at + end_of_head.size() - before};
}

void ReplyReader::read_head(std::string_view head) {
  state_ = State::malformed;
  if (!head.starts_with("HTTP/1.1 ") || head.size() < 12 || !read_number(head.substr(9, 3), status_, 10)) return;
  auto next = State::done;  // a reply with neither framing ends with its head: 204 is the only one met here
  head.remove_prefix(head.find('\n') + 1);
  while (!head.empty()) {
    const auto line = head.substr(0, head.find('\r'));
    head.remove_prefix(line.size() + 2);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return;
    const auto name = line.substr(0, colon);
    auto value = line.substr(colon + 1);
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
    if (equal_ignoring_case(name, "content-length")) {
      if (!read_number(value, left_, 10)) return;
      next = left_ > 0 ? State::length_body : State::done;
    } else if (equal_ignoring_case(name, "transfer-encoding")) {
      next = State::chunk_size;
    } else if (equal_ignoring_case(name, "connection")) {
      keep_alive_ = !equal_ignoring_case(value, "close");
    }
  }
  state_ = next;
}

ReplyReader::Step ReplyReader::take_body(std::string_view bytes) {
  const auto body = bytes.substr(0, left_);
  left_ -= body.size();
  if (left_ == 0) state_ = state_ == State::length_body ? State::done : State::chunk_end;
  return {body.size(), body};
}

ReplyReader::Step ReplyReader::take_line(std::string_view bytes) {
  const auto at = bytes.find('\n');
  if (at == std::string_view::npos) {
    partial_.append(bytes);
    if (partial_.size() > limits::head_bytes_max) state_ = State::malformed;
    return {bytes.size()};
  }
  auto line = bytes.substr(0, at);
  std::string whole;
  if (!partial_.empty()) {
    whole = std::exchange(partial_, {});
    whole.append(line);
    line = whole;
  }
  if (!line.ends_with('\r'))
    state_ = State::malformed;
  else
    read_line(line.substr(0, line.size() - 1));
  return {at + 1};
}

void ReplyReader::read_line(std::string_view line) {
  if (state_ == State::chunk_end) {
    state_ = line.empty() ? State::chunk_size : State::malformed;
  } else if (state_ == State::trailer) {
    if (line.empty()) state_ = State::done;
  } else if (!read_number(line, left_, 16)) {
    state_ = State::malformed;
  } else {
    state_ = left_ > 0 ? State::chunk_data : State::trailer;
  }
}

}  // namespace maestro::bench
