// One JSON object a line, written off the loop. Each thread that logs fills a ring of its own (limits::log_ring_bytes);
// one thread a process writes the rings out. Logging never blocks and never throws: what does not fit is counted and
// said in the next line that does ("dropped"). Callers never pass bodies, prompts or secrets: Secret has no conversion.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace maestro::log {

enum class Level : std::uint8_t { debug, info, warning, error };

std::optional<Level> level_from(std::string_view name);  // any case: DEBUG, INFO, WARNING, ERROR
std::string_view to_string(Level level);

struct Field {
  std::string_view name;
  std::variant<std::string_view, std::int64_t, double, bool> value;

  Field(std::string_view name, std::string_view text) : name(name), value(text) {}
  Field(std::string_view name, const char* text) : name(name), value(std::string_view(text)) {}
  Field(std::string_view name, const std::string& text) : name(name), value(std::string_view(text)) {}
  Field(std::string_view name, bool flag) : name(name), value(flag) {}
  Field(std::string_view name, double number) : name(name), value(number) {}
  template <class Number>
    requires(std::is_integral_v<Number> && !std::is_same_v<Number, bool>)
  Field(std::string_view name, Number number) : name(name), value(static_cast<std::int64_t>(number)) {}
};

// Starts the writing thread; lines before it wait in the rings. `descriptor` stays the caller's. Once a process.
void start(std::string_view process_name, Level level, int descriptor = 2);
// Writes out what is there and joins the thread. Later lines are lost.
void stop();

bool enabled(Level level);
// `event` is one stable word for programs: "request", "catalog_applied", "child_died".
void write(Level level, std::string_view event, std::initializer_list<Field> fields);
// The same for a line whose fields, `"name":value,...`, are already JSON: the hot path's.
void write_fields(Level level, std::string_view event, std::string_view json_fields);

inline void debug(std::string_view event, std::initializer_list<Field> fields) { write(Level::debug, event, fields); }
inline void info(std::string_view event, std::initializer_list<Field> fields) { write(Level::info, event, fields); }
inline void warning(std::string_view event, std::initializer_list<Field> fields) {
  write(Level::warning, event, fields);
}
inline void error(std::string_view event, std::initializer_list<Field> fields) { write(Level::error, event, fields); }

std::uint64_t dropped_lines();

}  // namespace maestro::log
