#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include "rpc/rpc_test_service.h"

namespace maestro::rpc {
namespace {

using namespace std::chrono_literals;
using Watch = Stream<auth::v1::WatchKeysResponse>;

TEST_F(RpcTest, a_watcher_gets_the_present_message_at_once_and_each_later_one) {
  on_server([this] { lease_words.broadcast.publish(keys_numbered(1)); });
  auto client = [this]() -> Awaitable<void> {
    auto watch = watch_keys("g-1");
    for (std::uint64_t number = 1; number <= 20; ++number) {
      auto response = co_await watch.next();
      EXPECT_TRUE(response && response->revision().number() == number);
      on_server([&] { lease_words.broadcast.publish(keys_numbered(number + 1)); });
    }
  };
  run(client());
  EXPECT_TRUE(soon([this] { return lease_words.broadcast.watcher_count() == 0; }));
}

TEST_F(RpcTest, a_slow_watcher_skips_to_the_newest) {
  constexpr std::uint64_t last = 3'000;
  auto message = keys_numbered(0);
  message.mutable_keys()->set_salt(std::string(64 * 1024, 's'));  // many times what the flow control holds
  on_server([&] { lease_words.broadcast.publish(message); });
  auto client = [&]() -> Awaitable<void> {
    auto watch = watch_keys("g-1");
    auto first = co_await watch.next();
    EXPECT_TRUE(first);
    on_server([&] {
      for (std::uint64_t number = 1; number <= last; ++number) {
        message.mutable_revision()->set_number(number);
        lease_words.broadcast.publish(message);
      }
    });
    std::uint64_t seen = 0;
    int received = 0;
    while (seen < last) {
      auto response = co_await watch.next();
      if (!response) break;
      EXPECT_GT(response->revision().number(), seen);
      seen = response->revision().number();
      ++received;
    }
    EXPECT_EQ(seen, last);
    EXPECT_LT(received, 200);
  };
  run(client());
}

TEST_F(RpcTest, watchers_are_known_by_id_and_more_than_the_limit_are_refused) {
  on_server([this] { lease_words.broadcast.publish(keys_numbered(1)); });
  auto client = [this]() -> Awaitable<void> {
    auto one = watch_keys("g-2");
    auto two = watch_keys("g-1");
    auto three = watch_keys("");
    EXPECT_TRUE(co_await one.next());
    EXPECT_TRUE(co_await two.next());
    EXPECT_TRUE(co_await three.next());
    const auto ids = on_server([this] { return lease_words.broadcast.instances(); });
    EXPECT_EQ(ids, (std::vector<std::string>{"g-1", "g-2"}));
    auto four = watch_keys("g-4");
    EXPECT_FALSE(co_await four.next());
    EXPECT_EQ(four.outcome().error().kind, ErrorKind::limited);
  };
  run(client());
}

TEST_F(RpcTest, the_first_message_may_be_refused_also_when_it_comes_later) {
  auto client = [this]() -> Awaitable<void> {
    auto early = watch_keys("g-1", 99);
    EXPECT_TRUE(soon([this] { return lease_words.broadcast.watcher_count() == 1; }));
    on_server([this] { lease_words.broadcast.publish(keys_numbered(1)); });
    EXPECT_FALSE(co_await early.next());
    EXPECT_EQ(early.outcome().error().message, "Format 99 is not served.");
    auto late = watch_keys("g-1", 99);
    EXPECT_FALSE(co_await late.next());
    EXPECT_EQ(late.outcome().error().kind, ErrorKind::invalid_request);
  };
  run(client());
}

TEST_F(RpcTest, draining_ends_every_watch_with_unavailable_and_refuses_new_ones) {
  on_server([this] { lease_words.broadcast.publish(keys_numbered(1)); });
  auto client = [this]() -> Awaitable<void> {
    auto watch = watch_keys("g-1");
    EXPECT_TRUE(co_await watch.next());
    on_server([this] { lease_words.broadcast.drain(); });
    EXPECT_FALSE(co_await watch.next());
    EXPECT_EQ(watch.outcome().error().kind, ErrorKind::unavailable);
    auto late = watch_keys("g-2");
    EXPECT_FALSE(co_await late.next());
    EXPECT_EQ(late.outcome().error().kind, ErrorKind::unavailable);
    EXPECT_FALSE(co_await late.next()) << "after the end there is nothing more";
  };
  run(client());
}

TEST_F(RpcTest, a_cancelled_read_ends_the_stream) {
  on_server([this] { lease_words.broadcast.publish(keys_numbered(1)); });
  asio::cancellation_signal cancel;
  bool ended = false;
  auto client = [&]() -> Awaitable<void> {
    auto watch = watch_keys("g-1");
    EXPECT_TRUE(co_await watch.next());
    asio::post(client_loop, [&] { cancel.emit(asio::cancellation_type::all); });
    EXPECT_FALSE(co_await watch.next());
    EXPECT_EQ(watch.outcome().error().kind, ErrorKind::client_left);
    ended = true;
  };
  auto on_end = [](std::exception_ptr) {};
  asio::co_spawn(client_loop, client(), asio::bind_cancellation_slot(cancel.slot(), on_end));
  client_loop.run();
  EXPECT_TRUE(ended);
  EXPECT_TRUE(soon([this] { return lease_words.broadcast.watcher_count() == 0; }));
}

TEST_F(RpcTest, a_stream_that_is_dropped_between_reads_is_cancelled) {
  on_server([this] { lease_words.broadcast.publish(keys_numbered(1)); });
  auto client = [this]() -> Awaitable<void> {
    for (int i = 0; i < 20; ++i) {
      // Before the next begins: those that were dropped may still be there, and only so many may watch.
      EXPECT_TRUE(soon([this] { return lease_words.broadcast.watcher_count() < 3; }));
      auto watch = watch_keys("g-1");
      EXPECT_TRUE(co_await watch.next());
    }
  };
  run(client());
  EXPECT_TRUE(soon([this] { return lease_words.broadcast.watcher_count() == 0; }));
}

}  // namespace
}  // namespace maestro::rpc
