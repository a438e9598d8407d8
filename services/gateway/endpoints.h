// (method, path) to what serves it and in whose words errors are said. Visible as one table in endpoints.cpp.
#pragma once

#include <cstdint>
#include <string_view>

#include "dialect/dialect.h"

namespace maestro::gateway {

enum class Handler : std::uint8_t { none, chat, list_models, show_model, root, health, ready, metrics, preflight };

struct Endpoint {
  Handler handler = Handler::none;
  std::string_view method = "OTHER";                // a constant, for metrics
  std::string_view path_template = "unmatched";     // a constant
  std::string_view allowed;                         // methods that the path has, for 405
  const dialect::ClientDialect* dialect = nullptr;  // nullptr: the plain {"detail": ...}
  std::string_view parameter;                       // what stands for {id}, still escaped
  bool is_public = false;                           // needs no client key
  bool key_in_query = false;                        // `?key=` is taken here: Gemini's clients list models so
};

// Never fails: without a handler, `allowed` tells 405 from 404.
Endpoint find_endpoint(std::string_view method, std::string_view path);

}  // namespace maestro::gateway
