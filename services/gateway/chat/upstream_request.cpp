#include "gateway/chat/upstream_request.h"

#include <charconv>

#include "http/headers.h"
#include "json/writer.h"

namespace maestro::gateway {
namespace {

using http::equal_ignoring_case;

bool any_of(std::string_view name, std::initializer_list<std::string_view> names) {
  for (const auto candidate : names)
    if (equal_ignoring_case(name, candidate)) return true;
  return false;
}

bool begins(std::string_view name, std::string_view prefix) {
  return name.size() >= prefix.size() && equal_ignoring_case(name.substr(0, prefix.size()), prefix);
}

// Named in Connection: for this hop only (RFC 9110 section 7.6.1).
bool named_in(std::string_view connection, std::string_view name) {
  while (!connection.empty()) {
    auto token = connection.substr(0, connection.find(','));
    connection.remove_prefix(std::min(connection.size(), token.size() + 1));
    while (!token.empty() && token.front() == ' ') token.remove_prefix(1);
    while (!token.empty() && token.back() == ' ') token.remove_suffix(1);
    if (equal_ignoring_case(token, name)) return true;
  }
  return false;
}

void add_line(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  out += value;
  out += "\r\n";
}

}  // namespace

bool stays_here(std::string_view name) {
  if (name.empty()) return true;
  switch (name.front() | 0x20) {
    case 'a':
      return any_of(name, {"authorization", "accept-encoding"});
    case 'c':
      return any_of(name, {"content-length", "connection", "cookie"});
    case 'e':
      return any_of(name, {"expect"});
    case 'f':
      return any_of(name, {"forwarded"});
    case 'h':
      return any_of(name, {"host", "http2-settings"});
    case 'k':
      return any_of(name, {"keep-alive"});
    case 'p':
      return begins(name, "proxy-");
    case 't':
      return any_of(name, {"transfer-encoding", "te", "trailer"});
    case 'u':
      return any_of(name, {"upgrade"});
    case 'x':
      return any_of(name, {"x-api-key", "x-goog-api-key", "x-real-ip"}) || begins(name, "x-forwarded-") ||
             begins(name, "x-maestro-");
    default:
      return false;
  }
}

bool travels_back(std::string_view name) {
  if (name.empty()) return false;
  switch (name.front() | 0x20) {
    case 'a':
      return begins(name, "anthropic-ratelimit-");
    case 'c':
      return any_of(name, {"content-type"});
    case 'o':
      return any_of(name, {"openai-processing-ms"});
    case 'r':
      return any_of(name, {"retry-after", "request-id"});
    case 'x':
      return begins(name, "x-ratelimit-") || any_of(name, {"x-codex-turn-state"});
    default:
      return false;
  }
}

SplicedBody splice_model(std::string_view body, const dialect::Outline& outline, std::string_view upstream_model) {
  SplicedBody spliced;
  if (outline.model_size == 0 || outline.model == upstream_model) {
    spliced.before = body;
    return spliced;
  }
  json::append_string(spliced.model_token, upstream_model);
  spliced.before = body.substr(0, outline.model_at);
  spliced.after = body.substr(outline.model_at + outline.model_size);
  return spliced;
}

std::string upstream_head(const Exchange& exchange, const route::Provider& provider, const Upstream& upstream,
                          const Lease* lease, const net::ClientStream& stream, std::string_view path,
                          std::size_t content_length) {
  std::string head;
  head.reserve(1024);
  head += "POST ";
  head += stream.target_prefix();
  head += upstream.base.path;
  head += path;
  head += " HTTP/1.1\r\n";
  add_line(head, "host", upstream.host_header);
  if (!stream.proxy_authorization().empty()) add_line(head, "proxy-authorization", stream.proxy_authorization());
  char digits[24];
  add_line(
      head, "content-length",
      {digits, static_cast<std::size_t>(std::to_chars(digits, digits + sizeof digits, content_length).ptr - digits)});
  head += "accept-encoding: identity\r\n";
  if (lease != nullptr) head += lease->header_lines;
  for (const auto& [name, value] : provider.headers) add_line(head, name, value);
  const auto connection = exchange.head.find("connection");
  for (const auto& header : exchange.head.headers) {
    if (stays_here(header.name)) continue;
    if (connection && named_in(*connection, header.name)) continue;
    bool ours = false;
    if (lease != nullptr)
      for (const auto& name : lease->header_names) ours |= equal_ignoring_case(name, header.name);
    for (const auto& [name, value] : provider.headers) ours |= equal_ignoring_case(name, header.name);
    if (!ours) add_line(head, header.name, header.value);
  }
  head += "\r\n";
  return head;
}

}  // namespace maestro::gateway
