#include "gateway/endpoints.h"

#include <array>

#include "dialect/all.h"

namespace maestro::gateway {
namespace {

enum class Reach : std::uint8_t { whole, rest };  // `rest`: the template ends in {id}, which may hold "/"

struct Row {
  std::string_view method;
  std::string_view path;  // of Reach::rest: what stands before {id}
  Reach reach;
  std::string_view path_template;
  Handler handler;
  bool is_public;
  bool key_in_query;
};

constexpr Row rows[] = {
    {"POST", "/v1/chat/completions", Reach::whole, "/v1/chat/completions", Handler::chat, false, false},
    {"POST", "/api/openai/v1/chat/completions", Reach::whole, "/api/openai/v1/chat/completions", Handler::chat, false,
     false},
    {"GET", "/v1/models", Reach::whole, "/v1/models", Handler::list_models, false, true},
    {"GET", "/api/openai/v1/models", Reach::whole, "/api/openai/v1/models", Handler::list_models, false, false},
    {"GET", "/v1/models/", Reach::rest, "/v1/models/{id}", Handler::show_model, false, true},
    {"GET", "/api/openai/v1/models/", Reach::rest, "/api/openai/v1/models/{id}", Handler::show_model, false, false},
    {"GET", "/", Reach::whole, "/", Handler::root, true, false},
    {"GET", "/health", Reach::whole, "/health", Handler::health, true, false},
    {"GET", "/ready", Reach::whole, "/ready", Handler::ready, true, false},
    {"GET", "/metrics", Reach::whole, "/metrics", Handler::metrics, true, false},
};

constexpr std::array<std::string_view, 7> methods{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"};

std::string_view as_constant(std::string_view method) {
  for (const auto known : methods)
    if (known == method) return known;
  return "OTHER";
}

const dialect::ClientDialect* dialect_of(std::string_view path) {
  if (path.starts_with("/v1/") || path.starts_with("/api/openai/"))
    return dialect::client(chat::DialectId::openai_chat);
  return nullptr;
}

}  // namespace

Endpoint find_endpoint(std::string_view method, std::string_view path) {
  if (path.size() > 1 && path.ends_with('/') && !path.ends_with("//")) path.remove_suffix(1);
  Endpoint found;
  found.method = as_constant(method);
  found.dialect = dialect_of(path);
  for (const auto& row : rows) {
    const bool here =
        row.reach == Reach::whole ? path == row.path : path.size() > row.path.size() && path.starts_with(row.path);
    if (!here) continue;
    found.path_template = row.path_template;
    found.allowed = row.method;
    if (row.method != method) continue;
    found.handler = row.handler;
    found.is_public = row.is_public;
    found.key_in_query = row.key_in_query;
    if (row.reach == Reach::rest) found.parameter = path.substr(row.path.size());
    break;
  }
  if (method == "OPTIONS" && !found.allowed.empty()) {
    found.handler = Handler::preflight;
    found.is_public = true;
  }
  return found;
}

}  // namespace maestro::gateway
