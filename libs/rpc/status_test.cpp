#include "rpc/status.h"

#include <gtest/gtest.h>

namespace maestro::rpc {
namespace {

using grpc::StatusCode;

struct Case {
  ErrorKind kind;
  StatusCode code;
  int provider_status = 0;
};
const Case cases[] = {
    {ErrorKind::invalid_request, StatusCode::INVALID_ARGUMENT},
    {ErrorKind::ambiguous, StatusCode::INVALID_ARGUMENT},
    {ErrorKind::unauthenticated, StatusCode::UNAUTHENTICATED},
    {ErrorKind::forbidden, StatusCode::PERMISSION_DENIED},
    {ErrorKind::not_found, StatusCode::NOT_FOUND},
    {ErrorKind::method_not_allowed, StatusCode::UNIMPLEMENTED},
    {ErrorKind::conflict, StatusCode::ABORTED},
    {ErrorKind::too_large, StatusCode::RESOURCE_EXHAUSTED},
    {ErrorKind::limited, StatusCode::RESOURCE_EXHAUSTED},
    {ErrorKind::client_too_slow, StatusCode::DEADLINE_EXCEEDED},
    {ErrorKind::provider_refused, StatusCode::INVALID_ARGUMENT, 422},
    {ErrorKind::provider_refused, StatusCode::FAILED_PRECONDITION, 401},
    {ErrorKind::provider_refused, StatusCode::FAILED_PRECONDITION, 403},
    {ErrorKind::provider_limited, StatusCode::RESOURCE_EXHAUSTED, 429},
    {ErrorKind::provider_failed, StatusCode::UNAVAILABLE, 503},
    {ErrorKind::attempt_timed_out, StatusCode::UNAVAILABLE},
    {ErrorKind::deadline_passed, StatusCode::DEADLINE_EXCEEDED},
    {ErrorKind::unavailable, StatusCode::UNAVAILABLE},
    {ErrorKind::internal, StatusCode::INTERNAL},
    {ErrorKind::client_left, StatusCode::CANCELLED},
};

TEST(StatusTest, every_kind_has_the_code_of_the_contract_and_comes_back_as_itself) {
  for (const auto& row : cases) {
    Error error(row.kind, "Do this next.");
    error.provider_status = row.provider_status;
    error.field_path = "a.b";
    error.retry_after = std::chrono::seconds(7);
    for (const auto package : {Package::auth, Package::registry}) {
      const auto status = to_status(error, package);
      EXPECT_EQ(status.error_code(), row.code) << to_string(row.kind);
      EXPECT_EQ(status.error_message(), "Do this next.");
      const auto back = from_status(status, "auth");
      EXPECT_EQ(back.kind, row.kind) << to_string(row.kind);
      EXPECT_EQ(back.message, "Do this next.");
      EXPECT_EQ(back.field_path, "a.b");
      EXPECT_EQ(back.retry_after, std::chrono::seconds(7));
    }
  }
}

TEST(StatusTest, inference_carries_what_the_provider_said) {
  Error error(ErrorKind::provider_limited, "Wait.");
  error.provider = "openai";
  error.provider_status = 429;
  error.provider_message = std::string(5'000, 'x');
  error.retry_useless = true;
  error.choices.assign(100, "openai/gpt-4o");
  Mark mark;
  mark.events_sent = true;
  mark.attempts = 3;
  const auto status = to_status(error, Package::inference, mark);
  EXPECT_LT(status.error_details().size(), 6'000u) << "trailers are bounded";
  const auto back = from_status(status, "gateway");
  EXPECT_EQ(back.kind, ErrorKind::provider_limited);
  EXPECT_EQ(back.provider, "openai");
  EXPECT_EQ(back.provider_status, 429);
  EXPECT_EQ(back.provider_message.size(), 2'048u);
  EXPECT_TRUE(back.retry_useless);
  EXPECT_EQ(back.choices.size(), 20u);
  EXPECT_TRUE(mark_of(status).events_sent);
  EXPECT_EQ(mark_of(status).attempts, 3u);
}

TEST(StatusTest, a_mark_has_a_word_of_its_own_and_may_be_a_precondition) {
  Mark mark;
  mark.reason = "GENERATION_CONFLICT";
  mark.current_generation = 12;
  const auto conflict = to_status(Error(ErrorKind::conflict, "Changed."), Package::auth, mark);
  EXPECT_EQ(conflict.error_code(), StatusCode::ABORTED);
  EXPECT_EQ(mark_of(conflict).reason, "GENERATION_CONFLICT");
  EXPECT_EQ(mark_of(conflict).current_generation, 12u);
  EXPECT_EQ(from_status(conflict, "auth").kind, ErrorKind::conflict);

  Mark login;
  login.reason = "LOGIN_REQUIRED";
  login.precondition = true;
  const auto precondition = to_status(Error(ErrorKind::provider_refused, "Log in."), Package::auth, login);
  EXPECT_EQ(precondition.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(from_status(precondition, "auth").kind, ErrorKind::provider_refused);

  Mark revision;
  revision.current_revision = "abc";
  EXPECT_EQ(mark_of(to_status(Error(ErrorKind::conflict, "x"), Package::registry, revision)).current_revision, "abc");
}

TEST(StatusTest, detail_never_leaves_the_process) {
  Error error(ErrorKind::internal, "Look at the log.");
  error.detail = "the cause";
  for (const auto package : {Package::auth, Package::registry, Package::inference}) {
    const auto status = to_status(error, package);
    EXPECT_EQ((status.error_message() + status.error_details()).find("the cause"), std::string::npos);
  }
}

TEST(StatusTest, what_grpc_says_by_itself_gets_a_sentence) {
  const grpc::Status status(StatusCode::UNAVAILABLE, "failed to connect to all addresses; last error: UNKNOWN");
  const auto error = from_status(status, "registry");
  EXPECT_EQ(error.kind, ErrorKind::unavailable);
  EXPECT_EQ(error.message, "The registry service is not reachable. Check that it runs, and try again.");
  EXPECT_NE(error.detail.find("last error"), std::string::npos);
  EXPECT_EQ(from_status(grpc::Status(StatusCode::NOT_FOUND, "no such"), "registry").message, "no such");
}

}  // namespace
}  // namespace maestro::rpc
