// Errors, both ways: a provider's words to a kind, a kind to this dialect's status and body.
#include <algorithm>
#include <array>

#include "base/limits.h"
#include "dialect/openai_chat/openai_chat.h"
#include "dialect/openai_chat/words.h"
#include "dialect/provider_words.h"
#include "json/document.h"
#include "json/writer.h"

namespace maestro::dialect::openai_chat {
namespace {

using json::Document;

struct Words {
  int status;
  std::string_view type;
  std::string_view code;
};

constexpr std::array by_status = {
    Words{400, "invalid_request_error", "invalid_request"}, Words{401, "authentication_error", "authentication_error"},
    Words{403, "permission_error", "permission_denied"},    Words{404, "invalid_request_error", "not_found"},
    Words{405, "invalid_request_error", "invalid_request"}, Words{408, "invalid_request_error", "request_timeout"},
    Words{409, "invalid_request_error", "conflict"},        Words{413, "invalid_request_error", "server_error"},
    Words{429, "rate_limit_error", "rate_limit_exceeded"},  Words{529, "rate_limit_error", "overloaded"},
};

Words words_of(int status) {
  const auto* const found = std::ranges::find(by_status, status, &Words::status);
  if (found != by_status.end()) return *found;
  if (status >= 400 && status < 500) return {status, "invalid_request_error", "invalid_request"};
  return {status, "api_error", "server_error"};
}

void write_envelope(std::string& out, const Error& error, const Words& words) {
  json::Writer writer(out);
  writer.begin_object().key("error").begin_object();
  writer.member("message", client_message(error)).member("type", words.type).key("param");
  if (error.field_path.empty()) {
    writer.null();
  } else {
    writer.string(error.field_path);
  }
  writer.member("code", words.code).end_object().end_object();
}

// The kind's own code where the status does not say enough, and the provider's own where it refused.
Words words_of(const Error& error, int status) {
  auto words = words_of(status);
  if (error.provider_code == unexpected_eof) return {status, unexpected_eof, "upstream_protocol_error"};
  if (error.kind == ErrorKind::ambiguous) words.code = "ambiguous_model";
  if (error.kind == ErrorKind::not_found && error.field_path == "model") words.code = "model_not_found";
  if (error.kind == ErrorKind::provider_failed && error.provider_status == 0) words.code = "upstream_protocol_error";
  if (error.kind == ErrorKind::provider_refused && status < 500 && !error.provider_code.empty())
    words.code = error.provider_code;
  if (error.kind == ErrorKind::provider_limited && error.provider_code == "insufficient_quota")
    words.code = error.provider_code;
  return words;
}

struct Said {
  std::string message{};
  std::string code{};
  std::string param{};
};

// {"message", "type", "code", "param"}, or a text.
Said said_by(const boost::json::value& error) {
  Said said;
  if (error.is_string()) {
    said.message = std::string_view(error.get_string().data(), error.get_string().size());
    return said;
  }
  said.message = Document::string_or_empty(error, "message");
  said.param = Document::string_or_empty(error, "param");
  said.code = Document::string_or_empty(error, "code");
  if (const auto* code = Document::find(error, "code"); code != nullptr && code->is_int64())
    said.code = std::to_string(code->get_int64());
  if (said.code.empty()) said.code = Document::string_or_empty(error, "type");
  if (said.code.empty()) said.code = Document::string_or_empty(error, "status");
  return said;
}

// Bodies of imitators: {"error": ...}, [{"error": ...}], {"message"}, {"detail": text or [{"msg"}]}.
Said said_in(const boost::json::value& body) {
  if (body.is_array() && !body.get_array().empty()) return said_in(body.get_array().front());
  if (const auto* error = Document::find(body, "error")) {
    auto said = said_by(*error);
    if (said.message.empty()) said.message = Document::string_or_empty(body, "message");
    return said;
  }
  auto said = said_by(body);
  if (!said.message.empty()) return said;
  said.message = Document::string_or_empty(body, "detail");
  if (const auto* details = Document::array_or_null(body, "detail");
      details != nullptr && !details->get_array().empty())
    said.message = Document::string_or_empty(details->get_array().front(), "msg");
  return said;
}

int status_of_code(std::string_view code) {
  if (code.size() == 3 && std::ranges::all_of(code, [](char c) { return c >= '0' && c <= '9'; }))
    return (code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0');
  struct Known {
    std::string_view code;
    int status;
  };
  static constexpr std::array known = {
      Known{"rate_limit_exceeded", 429},   Known{"rate_limit_error", 429},     Known{"insufficient_quota", 429},
      Known{"RESOURCE_EXHAUSTED", 429},    Known{"overloaded", 529},           Known{"overloaded_error", 529},
      Known{"invalid_request_error", 400}, Known{"invalid_request", 400},      Known{"INVALID_ARGUMENT", 400},
      Known{"invalid_prompt", 400},        Known{"content_filter", 400},       Known{"context_length_exceeded", 400},
      Known{"invalid_api_key", 401},       Known{"authentication_error", 401}, Known{"permission_error", 403},
      Known{"model_not_found", 404},
  };
  const auto* const found = std::ranges::find(known, code, &Known::code);
  return found != known.end() ? found->status : 0;
}

Error error_of(int status, const Said& said) {
  auto error = provider_error(status);
  error.provider_message = shown_message(said.message);
  error.provider_code = shown_message(said.code);
  error.field_path = said.param.substr(0, 256);
  return error;
}

}  // namespace

ErrorReply encode_error_as(int status, const Error& error, std::string_view) {
  ErrorReply reply;
  reply.status = status;
  reply.headers = error_headers(status, error);
  write_envelope(reply.body, error, words_of(error, status));
  return reply;
}

ErrorReply encode_error(const Error& error, std::string_view request_id) {
  return encode_error_as(client_status(error), error, request_id);
}

std::string encode_stream_failure(const Error& error, std::string_view) {
  std::string out = "data: ";
  write_envelope(out, error, words_of(error, client_status(error)));
  out += "\n\n";
  return out;
}

Error decode_error(int status, std::optional<std::chrono::seconds> retry_after, std::string_view body) {
  Said said;
  if (auto document = Document::parse(body)) {
    said = said_in(document->root());
  } else if (body.find('<') == std::string_view::npos) {
    said.message = body;  // plain text; a page of HTML says nothing to a client
  }
  auto error = error_of(status, said);
  error.retry_after = retry_after;
  return error;
}

Error decode_error_value(std::string_view error_json) {
  Said said;
  if (auto document = Document::parse(error_json)) said = said_by(document->root());
  auto error = error_of(status_of_code(said.code), said);
  error.provider_status = 0;
  if (error.message.empty()) error.message = "the provider reported an error inside its reply";
  return error;
}

}  // namespace maestro::dialect::openai_chat
