// What will be said about one request: a log line and its counters, written when the record dies, so that no way out of
// a request can miss them.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "chat/usage.h"
#include "gateway/worker.h"

namespace maestro::gateway {

enum class End : std::uint8_t { served, refused, cut, client_left };
std::string_view to_string(End end);

class Record final {
 public:
  explicit Record(Worker& worker) : worker_(worker) { ++worker.metrics().requests_in_flight; }
  Record(const Record&) = delete;
  Record& operator=(const Record&) = delete;
  ~Record();

  std::string_view request_id() const { return {request_id_, request_id_size_}; }
  // A client's own if it is fit to be echoed (control-plane.md 8.3), else a new one of 32 hex digits.
  void choose_request_id(std::string_view wanted);

  std::string_view method = "OTHER";  // a constant
  std::string_view path_template = "unmatched";
  std::string_view dialect;    // a constant
  std::string_view principal;  // of the pinned keys
  std::string model;           // as the client wrote it
  std::string_view provider;   // of the pinned catalog; the last that was tried
  std::string_view target;     // of the pinned catalog
  unsigned attempts = 0;
  int status = 0;
  End end = End::served;
  std::string problem;  // kind and detail of an error, for the log
  chat::Usage usage;
  std::string stop_reason;
  std::uint64_t request_bytes = 0;
  std::uint64_t reply_bytes = 0;

  void first_event() { first_event_at_ = std::chrono::steady_clock::now(); }

 private:
  Worker& worker_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point first_event_at_{};
  char request_id_[128];
  std::size_t request_id_size_ = 0;
};

}  // namespace maestro::gateway
