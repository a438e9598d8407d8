#include "dialect/provider_words.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "base/limits.h"
#include "json/utf8.h"
#include "json/writer.h"

namespace maestro::dialect {
namespace {

// Told with a 429 whose end nobody knows: some clients never retry without a number.
constexpr std::chrono::seconds unknown_retry_after{10};

bool is_about_credential(int status) { return status == 401 || status == 402 || status == 403; }

ErrorKind kind_of(int status) {
  if (status == 429) return ErrorKind::provider_limited;
  return status >= 400 && status < 500 ? ErrorKind::provider_refused : ErrorKind::provider_failed;
}

std::string provider_name(const Error& error) {
  return error.provider.empty() ? "the provider" : "provider " + error.provider;
}

bool is_key_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '*';
}

// "sk-...", "gsk_...", "ghp_...", "AIza...": shown as their first letters only.
std::string without_keys(std::string_view text) {
  constexpr std::array<std::string_view, 6> starts = {"sk-", "gsk_", "ghp_", "gho_", "ghu_", "AIza"};
  constexpr std::size_t key_letters_min = 8;
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto rest = text.substr(at);
    const bool word_begins = at == 0 || !is_key_letter(text[at - 1]);
    const auto* const start =
        word_begins ? std::ranges::find_if(starts, [&](std::string_view s) { return rest.starts_with(s); })
                    : starts.end();
    if (start == starts.end()) {
      out += text[at++];
      continue;
    }
    const auto end = std::ranges::find_if_not(rest, is_key_letter);
    const auto letters = static_cast<std::size_t>(end - rest.begin());
    out += letters >= key_letters_min ? std::string(*start) + "***" : std::string(rest.substr(0, letters));
    at += letters;
  }
  return out;
}

}  // namespace

Error provider_error(int status) {
  Error error{kind_of(status), {}};
  error.provider_status = status;
  error.retry_useless = error.kind == ErrorKind::provider_refused;
  return error;
}

int client_status(const Error& error) {
  switch (error.kind) {
    case ErrorKind::invalid_request:
    case ErrorKind::ambiguous:
      return 400;
    case ErrorKind::unauthenticated:
      return 401;
    case ErrorKind::forbidden:
      return 403;
    case ErrorKind::not_found:
      return 404;
    case ErrorKind::method_not_allowed:
      return 405;
    case ErrorKind::conflict:
      return 409;
    case ErrorKind::too_large:
      return 413;
    case ErrorKind::limited:
    case ErrorKind::provider_limited:
      return 429;
    case ErrorKind::client_too_slow:
      return 408;
    case ErrorKind::provider_refused:
      if (is_about_credential(error.provider_status)) return 502;
      return error.provider_status >= 400 && error.provider_status < 500 ? error.provider_status : 400;
    case ErrorKind::provider_failed:
      return error.provider_status >= 500 && error.provider_status < 600 ? error.provider_status : 502;
    case ErrorKind::attempt_timed_out:
    case ErrorKind::deadline_passed:
      return 504;
    case ErrorKind::unavailable:
      return 503;
    case ErrorKind::internal:
      return 500;
    case ErrorKind::client_left:
      return 499;
  }
  return 500;
}

std::string client_message(const Error& error) {
  const auto name = provider_name(error);
  if (error.kind == ErrorKind::provider_refused) {
    if (is_about_credential(error.provider_status)) {
      return name + " refused the credential that the server holds for it (status " +
             std::to_string(error.provider_status) + "): the operator must renew it";
    }
    if (!error.provider_message.empty()) return error.provider_message;
    if (error.message.empty()) return name + " refused the request and did not say why";
  }
  auto message = error.message;
  if (message.empty()) {
    message = error.kind == ErrorKind::provider_limited ? name + " limits the rate of requests: wait and retry"
              : error.provider_status != 0 ? name + " failed with status " + std::to_string(error.provider_status)
              : error.kind == ErrorKind::internal ? "internal error"
                                                  : name + " failed";
  }
  if (!error.provider_message.empty()) message += ": " + error.provider_message;
  if (!error.choices.empty() && message.find(error.choices.front()) == std::string::npos) {
    message += ". Choose from: ";
    for (const auto& choice : error.choices) message += (&choice == &error.choices.front() ? "" : ", ") + choice;
  }
  return message;
}

http::Headers error_headers(int status, const Error& error) {
  http::Headers headers;
  headers.add("content-type", "application/json");
  if (error.retry_after || status == 429) {
    const auto wait = error.retry_after.value_or(unknown_retry_after);
    headers.add("retry-after", std::to_string(std::max<std::int64_t>(wait.count(), 0)));
  }
  if (status == 401) headers.add("www-authenticate", "Bearer");
  if (error.retry_useless) headers.add("x-should-retry", "false");
  return headers;
}

std::string shown_message(std::string_view text) {
  constexpr std::size_t looked_at_max = 4 * limits::provider_message_bytes_max;
  std::string sound;
  json::append_repaired(sound, text.substr(0, looked_at_max));
  for (char& c : sound)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  auto shown = without_keys(sound);
  while (shown.ends_with(' ')) shown.pop_back();
  shown.erase(0, std::min(shown.find_first_not_of(' '), shown.size()));
  if (shown.size() <= limits::provider_message_bytes_max) return shown;
  std::size_t end = 0;
  while (true) {
    const auto next = end + std::max<std::size_t>(json::code_point_bytes(shown, end), 1);
    if (next > limits::provider_message_bytes_max) break;
    end = next;
  }
  shown.resize(end);
  return shown;
}

}  // namespace maestro::dialect
