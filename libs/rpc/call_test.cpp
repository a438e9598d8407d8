#include <atomic>
#include <stdexcept>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include "rpc/rpc_test_service.h"

namespace maestro::rpc {
namespace {

using namespace std::chrono_literals;

// Says through `left` that its caller has gone.
Awaitable<Result<void>> wait_for_the_caller_to_leave(std::atomic<bool>* left) {
  struct OnExit {
    std::atomic<bool>* flag;
    ~OnExit() { *flag = true; }
  } on_exit{left};
  Timer timer(co_await asio::this_coro::executor, 1h);
  co_await timer.async_wait(use_awaitable);
  co_return success();
}

TEST_F(RpcTest, a_call_brings_the_response) {
  auth_words.function = [](auto& response) {
    response.set_version("1.2.3");
    return success();
  };
  auto client = [this]() -> Awaitable<void> {
    for (int i = 0; i < 50; ++i) {
      auto response = co_await get_status(Deadline::in(10s));
      EXPECT_TRUE(response && response->version() == "1.2.3");
    }
  };
  run(client());
}

TEST_F(RpcTest, an_error_arrives_with_kind_sentence_and_field) {
  auth_words.function = [](auto&) -> Result<void> {
    Error error(ErrorKind::conflict, "Read it again.");
    error.detail = "not for others";
    error.field_path = "key.name";
    return error;
  };
  auto client = [this]() -> Awaitable<void> {
    auto response = co_await get_status(Deadline::in(10s));
    EXPECT_FALSE(response);
    EXPECT_EQ(response.error().kind, ErrorKind::conflict);
    EXPECT_EQ(response.error().message, "Read it again.");
    EXPECT_EQ(response.error().field_path, "key.name");
    EXPECT_EQ(response.error().detail.find("not for others"), std::string::npos);
  };
  run(client());
}

TEST_F(RpcTest, what_a_method_throws_is_an_internal_error_without_its_text) {
  auth_words.function = [](auto&) -> Result<void> { throw std::runtime_error("a secret thing"); };
  auto client = [this]() -> Awaitable<void> {
    auto response = co_await get_status(Deadline::in(10s));
    EXPECT_FALSE(response);
    EXPECT_EQ(response.error().kind, ErrorKind::internal);
    EXPECT_EQ(response.error().message.find("secret"), std::string::npos);
  };
  run(client());
}

TEST_F(RpcTest, a_passed_deadline_ends_the_call_and_the_method) {
  std::atomic<bool> left = false;
  auth_words.coroutine = [&left] { return wait_for_the_caller_to_leave(&left); };
  auto client = [this]() -> Awaitable<void> {
    auto response = co_await get_status(Deadline::in(50ms));
    EXPECT_FALSE(response);
    EXPECT_EQ(response.error().kind, ErrorKind::deadline_passed);
  };
  run(client());
  EXPECT_TRUE(soon([&] { return left.load(); }));
}

TEST_F(RpcTest, a_cancelled_call_ends_at_once_and_so_does_the_method) {
  std::atomic<bool> begun = false;
  std::atomic<bool> left = false;
  asio::cancellation_signal cancel;
  auth_words.coroutine = [&] {
    begun = true;
    asio::post(client_loop, [&] { cancel.emit(asio::cancellation_type::all); });
    return wait_for_the_caller_to_leave(&left);
  };
  bool ended = false;
  auto client = [&]() -> Awaitable<void> {
    auto response = co_await get_status(Deadline::never());
    EXPECT_FALSE(response);
    EXPECT_EQ(response.error().kind, ErrorKind::client_left);
    ended = true;
  };
  auto on_end = [](std::exception_ptr) {};
  asio::co_spawn(client_loop, client(), asio::bind_cancellation_slot(cancel.slot(), on_end));
  client_loop.run();
  EXPECT_TRUE(begun && ended);
  EXPECT_TRUE(soon([&] { return left.load(); }));
}

TEST_F(RpcTest, a_server_that_is_not_there_is_said_to_be_unreachable) {
  auth_stub = auth::v1::AuthService::NewStub(*make_channel("unix:" + (directory / "nobody.sock")));
  auto client = [this]() -> Awaitable<void> {
    auto response = co_await get_status(Deadline::in(10s));
    EXPECT_FALSE(response);
    EXPECT_EQ(response.error().kind, ErrorKind::unavailable);
    EXPECT_EQ(response.error().message, "The auth service is not reachable. Check that it runs, and try again.");
    EXPECT_NE(response.error().detail, "");
  };
  run(client());
}

}  // namespace
}  // namespace maestro::rpc
