#include "log/log.h"

#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <ctime>
#include <string>
#include <thread>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/limits.h"
#include "log/ring.h"

namespace maestro::log {
namespace {

// A thread's ring. It is never freed: a thread that ends leaves it to the next one that logs.
struct Slot {
  Ring ring{limits::log_ring_bytes};
  std::atomic<bool> taken{true};
  Slot* next = nullptr;
};

struct Writer {
  std::atomic<Slot*> slots{nullptr};
  std::atomic<std::uint64_t> dropped{0};
  std::atomic<bool> sleeping{false};
  std::atomic<bool> stopping{false};
  std::atomic<Level> level{Level::info};
  std::string process = "maestro";
  int descriptor = 2;
  int wake = -1;
  std::thread thread;
};

Writer& writer() {
  static auto* const the_writer = new Writer;  // outlives every thread that logs while the process ends
  return *the_writer;
}

Slot* take_slot() {
  auto& all = writer().slots;
  for (auto* slot = all.load(std::memory_order_acquire); slot != nullptr; slot = slot->next) {
    bool free = false;
    if (slot->taken.compare_exchange_strong(free, true, std::memory_order_acq_rel)) return slot;
  }
  auto* slot = new Slot;
  slot->next = all.load(std::memory_order_relaxed);
  while (!all.compare_exchange_weak(slot->next, slot, std::memory_order_acq_rel)) {
  }
  return slot;
}

struct ThreadSlot {
  Slot* slot = take_slot();
  std::string line;
  std::time_t second = -1;
  char stamp[32] = {};
  ThreadSlot() = default;
  ThreadSlot(const ThreadSlot&) = delete;
  ThreadSlot& operator=(const ThreadSlot&) = delete;
  ~ThreadSlot() { slot->taken.store(false, std::memory_order_release); }
};

ThreadSlot& thread_slot() {
  thread_local ThreadSlot slot;
  return slot;
}

void append_escaped(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && c != '"' && c != '\\' && byte != 0x7f) {
      out += c;
      continue;
    }
    static constexpr char digits[] = "0123456789abcdef";
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\r':
        out += "\\r";
        break;
      default:
        out += "\\u00";
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
  }
  out += '"';
}

template <class Number>
void append_number(std::string& out, Number number) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, number).ptr;
  out.append(text, end);
}

void append_value(std::string& out, const Field& field) {
  if (const auto* text = std::get_if<std::string_view>(&field.value)) return append_escaped(out, *text);
  if (const auto* flag = std::get_if<bool>(&field.value)) {
    out += *flag ? "true" : "false";
    return;
  }
  if (const auto* number = std::get_if<std::int64_t>(&field.value)) return append_number(out, *number);
  const double real = std::get<double>(field.value);
  if (std::isfinite(real)) {
    append_number(out, real);
  } else {
    out += "null";
  }
}

// {"time":"2026-01-01T00:00:00.000Z","level":"info","service":"gateway","event":"ready"
void begin_line(ThreadSlot& mine, Level level, std::string_view event) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  const auto second = static_cast<std::time_t>(millis / 1000);
  if (second != mine.second) {
    std::tm utc{};
    gmtime_r(&second, &utc);
    std::strftime(mine.stamp, sizeof mine.stamp, "%Y-%m-%dT%H:%M:%S.", &utc);
    mine.second = second;
  }
  const auto rest = static_cast<unsigned>(millis % 1000);
  const char digits[3] = {static_cast<char>('0' + rest / 100), static_cast<char>('0' + rest / 10 % 10),
                          static_cast<char>('0' + rest % 10)};
  auto& line = mine.line;
  line.assign("{\"time\":\"");
  line += mine.stamp;
  line.append(digits, 3);
  line += "Z\",\"level\":\"";
  line += to_string(level);
  line += "\",\"service\":\"";
  line += writer().process;
  line += "\",\"event\":\"";
  line += event;
  line += '"';
}

void end_line(ThreadSlot& mine) {
  auto& line = mine.line;
  if (line.size() > limits::log_line_bytes_max) {
    begin_line(mine, Level::warning, "log_line_too_long");
    line += '}';
  } else {
    line += '}';
  }
  line += '\n';
  auto& to = writer();
  if (!mine.slot->ring.push(line)) {
    to.dropped.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  if (to.sleeping.load(std::memory_order_seq_cst) && to.sleeping.exchange(false, std::memory_order_seq_cst)) {
    const std::uint64_t one = 1;
    // A failed write means that the counter is full, so the writer is awake anyway.
    [[maybe_unused]] const auto ignored = ::write(to.wake, &one, sizeof one);
  }
}

void write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) return;  // nobody reads any more: the lines are lost, the process goes on
      pollfd room{descriptor, POLLOUT, 0};
      ::poll(&room, 1, 1000);
      continue;
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void drain_all(std::string& bytes) {
  auto& from = writer();
  bytes.clear();
  for (auto* slot = from.slots.load(std::memory_order_acquire); slot != nullptr; slot = slot->next)
    slot->ring.drain(bytes);
}

void run_writer() {
  auto& from = writer();
  std::string bytes;
  std::uint64_t dropped_said = 0;
  for (;;) {
    const bool last = from.stopping.load(std::memory_order_acquire);
    drain_all(bytes);
    if (const auto dropped = from.dropped.load(std::memory_order_relaxed); dropped != dropped_said) {
      bytes += "{\"level\":\"warning\",\"service\":\"" + from.process +
               "\",\"event\":\"log_lines_dropped\",\"dropped\":" + std::to_string(dropped) + "}\n";
      dropped_said = dropped;
    }
    if (!bytes.empty()) {
      write_all(from.descriptor, bytes);
      if (bytes.capacity() > 4 * limits::log_ring_bytes) bytes.shrink_to_fit();
    }
    if (last) return;
    pollfd woken{from.wake, POLLIN, 0};
    if (bytes.empty()) {
      from.sleeping.store(true, std::memory_order_seq_cst);
      drain_all(bytes);  // a line that came before `sleeping` was seen
      if (bytes.empty() && !from.stopping.load(std::memory_order_acquire)) {
        ::poll(&woken, 1, -1);
      } else {
        from.sleeping.store(false, std::memory_order_seq_cst);
        write_all(from.descriptor, bytes);
      }
      std::uint64_t count = 0;
      [[maybe_unused]] const auto ignored = ::read(from.wake, &count, sizeof count);
    }
    // Gather for a moment: one write for many lines, and few switches of threads.
    if (!from.stopping.load(std::memory_order_acquire)) ::poll(&woken, 1, 20);
  }
}

}  // namespace

std::optional<Level> level_from(std::string_view name) {
  std::string upper(name);
  for (auto& c : upper)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  if (upper == "DEBUG") return Level::debug;
  if (upper == "INFO") return Level::info;
  if (upper == "WARNING") return Level::warning;
  if (upper == "ERROR") return Level::error;
  return {};
}

std::string_view to_string(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warning:
      return "warning";
    case Level::error:
      return "error";
  }
  return "info";
}

void start(std::string_view process_name, Level level, int descriptor) {
  auto& the_writer = writer();
  the_writer.process = process_name;
  the_writer.level = level;
  the_writer.descriptor = descriptor;
  the_writer.stopping = false;
  the_writer.wake = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  the_writer.thread = std::thread(run_writer);
}

void stop() {
  auto& the_writer = writer();
  if (!the_writer.thread.joinable()) return;
  the_writer.stopping.store(true, std::memory_order_release);
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto ignored = ::write(the_writer.wake, &one, sizeof one);
  the_writer.thread.join();
  ::close(the_writer.wake);
}

bool enabled(Level level) { return level >= writer().level.load(std::memory_order_relaxed); }

void write(Level level, std::string_view event, std::initializer_list<Field> fields) {
  if (!enabled(level)) return;
  auto& mine = thread_slot();
  begin_line(mine, level, event);
  for (const auto& field : fields) {
    mine.line += ",\"";
    mine.line += field.name;
    mine.line += "\":";
    append_value(mine.line, field);
  }
  end_line(mine);
}

void write_fields(Level level, std::string_view event, std::string_view json_fields) {
  if (!enabled(level)) return;
  auto& mine = thread_slot();
  begin_line(mine, level, event);
  if (!json_fields.empty()) {
    mine.line += ',';
    mine.line += json_fields;
  }
  end_line(mine);
}

std::uint64_t dropped_lines() { return writer().dropped.load(std::memory_order_relaxed); }

}  // namespace maestro::log
