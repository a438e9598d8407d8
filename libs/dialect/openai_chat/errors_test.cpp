#include <gtest/gtest.h>

#include "base/limits.h"
#include "dialect/all.h"
#include "dialect/openai_chat/openai_chat.h"

namespace maestro::dialect {
namespace {

const ClientDialect& ours() { return *client(chat::DialectId::openai_chat); }
const ProviderDialect& theirs() { return *provider(chat::DialectId::openai_chat); }

struct EncodeCase {
  Error error;
  int status;
  std::string body;
};

Error refused(int status, std::string message, std::string code) {
  Error error{ErrorKind::provider_refused, {}};
  error.provider = "openai";
  error.provider_status = status;
  error.provider_message = std::move(message);
  error.provider_code = std::move(code);
  return error;
}

Error failed(int status) {
  Error error{ErrorKind::provider_failed, "it failed"};
  error.provider_status = status;
  return error;
}

std::string envelope(std::string_view message, std::string_view type, std::string_view code) {
  return R"({"error":{"message":")" + std::string(message) + R"(","type":")" + std::string(type) +
         R"(","param":null,"code":")" + std::string(code) + R"("}})";
}

TEST(OpenaiChatErrorsTest, every_kind_has_its_status_and_words) {
  const EncodeCase cases[] = {
      {{ErrorKind::invalid_request, "m"}, 400, envelope("m", "invalid_request_error", "invalid_request")},
      {{ErrorKind::ambiguous, "m"}, 400, envelope("m", "invalid_request_error", "ambiguous_model")},
      {{ErrorKind::unauthenticated, "m"}, 401, envelope("m", "authentication_error", "authentication_error")},
      {{ErrorKind::forbidden, "m"}, 403, envelope("m", "permission_error", "permission_denied")},
      {{ErrorKind::not_found, "m"}, 404, envelope("m", "invalid_request_error", "not_found")},
      {{ErrorKind::method_not_allowed, "m"}, 405, envelope("m", "invalid_request_error", "invalid_request")},
      {{ErrorKind::conflict, "m"}, 409, envelope("m", "invalid_request_error", "conflict")},
      {{ErrorKind::too_large, "m"}, 413, envelope("m", "invalid_request_error", "server_error")},
      {{ErrorKind::limited, "m"}, 429, envelope("m", "rate_limit_error", "rate_limit_exceeded")},
      {{ErrorKind::client_too_slow, "m"}, 408, envelope("m", "invalid_request_error", "request_timeout")},
      {{ErrorKind::provider_limited, "m"}, 429, envelope("m", "rate_limit_error", "rate_limit_exceeded")},
      {{ErrorKind::attempt_timed_out, "m"}, 504, envelope("m", "api_error", "server_error")},
      {{ErrorKind::deadline_passed, "m"}, 504, envelope("m", "api_error", "server_error")},
      {{ErrorKind::unavailable, "m"}, 503, envelope("m", "api_error", "server_error")},
      {{ErrorKind::internal, "m"}, 500, envelope("m", "api_error", "server_error")},
      {refused(400, "prompt is too long", "context_length_exceeded"), 400,
       envelope("prompt is too long", "invalid_request_error", "context_length_exceeded")},
      {refused(404, "no such model", "model_not_found"), 404,
       envelope("no such model", "invalid_request_error", "model_not_found")},
      {refused(422, "bad", ""), 422, envelope("bad", "invalid_request_error", "invalid_request")},
      {refused(401, "Incorrect API key", "invalid_api_key"), 502,
       envelope("provider openai refused the credential that the server holds for it (status 401): the operator must "
                "renew it",
                "api_error", "server_error")},
      {failed(0), 502, envelope("it failed", "api_error", "upstream_protocol_error")},
      {failed(500), 500, envelope("it failed", "api_error", "server_error")},
      {failed(503), 503, envelope("it failed", "api_error", "server_error")},
      {failed(529), 529, envelope("it failed", "rate_limit_error", "overloaded")},
  };
  for (const auto& one : cases) {
    const auto reply = ours().encode_error(one.error, "id");
    EXPECT_EQ(reply.status, one.status) << to_string(one.error.kind);
    EXPECT_EQ(reply.body, one.body);
    EXPECT_EQ(reply.headers.find("content-type"), "application/json");
  }
}

TEST(OpenaiChatErrorsTest, headers_say_what_to_do) {
  EXPECT_EQ(ours().encode_error({ErrorKind::unauthenticated, "m"}, "").headers.find("www-authenticate"), "Bearer");
  Error limited{ErrorKind::provider_limited, "m"};
  EXPECT_TRUE(ours().encode_error(limited, "").headers.find("retry-after")) << "429 always has a number";
  limited.retry_after = std::chrono::seconds(42);
  EXPECT_EQ(ours().encode_error(limited, "").headers.find("retry-after"), "42");
  EXPECT_FALSE(ours().encode_error(limited, "").headers.find("x-should-retry"));
  limited.retry_useless = true;
  EXPECT_EQ(ours().encode_error(limited, "").headers.find("x-should-retry"), "false");
  EXPECT_FALSE(ours().encode_error({ErrorKind::unavailable, "m"}, "").headers.find("retry-after"));
}

TEST(OpenaiChatErrorsTest, the_field_is_the_param_and_choices_are_listed) {
  Error error{ErrorKind::ambiguous, "claude-4 means several models"};
  error.field_path = "model";
  error.choices = {"a/x", "b/y"};
  EXPECT_EQ(ours().encode_error(error, "").body,
            R"({"error":{"message":"claude-4 means several models. Choose from: a/x, b/y","type":)"
            R"("invalid_request_error","param":"model","code":"ambiguous_model"}})");
}

TEST(OpenaiChatErrorsTest, a_status_may_be_given) {
  const auto reply = ours().encode_error_as(431, {ErrorKind::too_large, "the head is too large"}, "");
  EXPECT_EQ(reply.status, 431);
  EXPECT_EQ(reply.body, envelope("the head is too large", "invalid_request_error", "invalid_request"));
}

TEST(OpenaiChatErrorsTest, a_failure_in_the_stream_is_one_event_without_done) {
  EXPECT_EQ(ours().encode_stream_failure({ErrorKind::attempt_timed_out, "too \"slow\""}, ""),
            "data: " + envelope(R"(too \"slow\")", "api_error", "server_error") + "\n\n");
}

struct DecodeCase {
  int status;
  std::string body;
  ErrorKind kind;
  std::string message;
  std::string code;
};

TEST(OpenaiChatErrorsTest, a_providers_words_find_their_kind) {
  const DecodeCase cases[] = {
      {400, R"({"error":{"message":"bad","type":"invalid_request_error","param":"messages","code":null}})",
       ErrorKind::provider_refused, "bad", "invalid_request_error"},
      {401, R"({"error":{"message":"key sk-abcdefgh12","code":"invalid_api_key"}})", ErrorKind::provider_refused,
       "key sk-***", "invalid_api_key"},
      {402, R"({"error":{"message":"Insufficient Balance"}})", ErrorKind::provider_refused, "Insufficient Balance", ""},
      {403, "Forbidden", ErrorKind::provider_refused, "Forbidden", ""},
      {404, R"({"error":"model 'x' not found"})", ErrorKind::provider_refused, "model 'x' not found", ""},
      {408, "", ErrorKind::provider_refused, "", ""},
      {409, "", ErrorKind::provider_refused, "", ""},
      {413, "", ErrorKind::provider_refused, "", ""},
      {422, R"({"detail":[{"loc":["body"],"msg":"field required"}]})", ErrorKind::provider_refused, "field required",
       ""},
      {429, R"({"message":"slow down","code":1302})", ErrorKind::provider_limited, "slow down", "1302"},
      {500, "<html>oops</html>", ErrorKind::provider_failed, "", ""},
      {503, R"([{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}])", ErrorKind::provider_failed,
       "overloaded", "503"},
      {529, "{", ErrorKind::provider_failed, "{", ""},
      {302, "", ErrorKind::provider_failed, "", ""},
  };
  for (const auto& one : cases) {
    const auto error = theirs().decode_error(one.status, std::chrono::seconds(3), one.body);
    EXPECT_EQ(error.kind, one.kind) << one.status;
    EXPECT_EQ(error.provider_message, one.message) << one.status;
    EXPECT_EQ(error.provider_code, one.code) << one.status;
    EXPECT_EQ(error.provider_status, one.status);
    EXPECT_EQ(error.retry_after, std::chrono::seconds(3));
    EXPECT_EQ(error.retry_useless, one.kind == ErrorKind::provider_refused);
  }
}

TEST(OpenaiChatErrorsTest, a_long_or_deep_error_body_is_survived) {
  const auto long_one = theirs().decode_error(500, {}, std::string(limits::error_body_bytes_max, 'x'));
  EXPECT_LE(long_one.provider_message.size(), limits::provider_message_bytes_max);
  EXPECT_EQ(theirs().decode_error(500, {}, std::string(60'000, '[')).kind, ErrorKind::provider_failed);
}

TEST(OpenaiChatErrorsTest, an_error_inside_a_reply_finds_its_kind_by_its_code) {
  EXPECT_EQ(openai_chat::decode_error_value(R"({"code":429,"message":"x"})").kind, ErrorKind::provider_limited);
  EXPECT_EQ(openai_chat::decode_error_value(R"({"code":"context_length_exceeded","message":"x"})").kind,
            ErrorKind::provider_refused);
  EXPECT_EQ(openai_chat::decode_error_value(R"({"type":"server_error","message":"x"})").kind,
            ErrorKind::provider_failed);
  EXPECT_EQ(openai_chat::decode_error_value("7").kind, ErrorKind::provider_failed);
}

}  // namespace
}  // namespace maestro::dialect
