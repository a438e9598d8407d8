// Both ends of a connection on one loop, over real sockets on free ports.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include "net/fetch.h"
#include "net/listener.h"

namespace maestro::net {
namespace {

using namespace std::chrono_literals;

// Runs coroutines to their end on a loop of its own; what they throw fails the test.
class House {
 public:
  template <class Value>
  Value run(Awaitable<Value> work) {
    std::optional<Value> result;
    std::exception_ptr escaped;
    asio::co_spawn(loop.executor(), std::move(work), [&](std::exception_ptr problem, Value value) {
      escaped = problem;
      if (!problem) result.emplace(std::move(value));
      loop.context().stop();
    });
    loop.context().run();
    loop.context().restart();
    if (escaped) std::rethrow_exception(escaped);
    return std::move(*result);
  }

  // Serves every request with `answer(head, body)`.
  using Answer = std::function<std::string(const http::RequestHead&, std::string_view)>;
  std::uint16_t serve(Answer answer) {
    listener = std::make_unique<Listener>(
        loop, server_limits, [this, answer](ServerStream& client) -> Awaitable<> { return serve_all(client, answer); });
    EXPECT_TRUE(listener->bind("127.0.0.1", 0));
    listener->start();
    return listener->port();
  }

  Awaitable<> serve_all(ServerStream& client, Answer answer) {
    for (;;) {
      auto head = co_await client.read_head();
      if (!head) {
        last_error = head.error();
        co_return;
      }
      auto body = co_await client.read_body(budget);
      if (!body) {
        last_error = body.error();
        co_return;
      }
      const auto reply = answer(**head, body->bytes());
      auto sent = co_await client.write(Gather{reply});
      if (!sent) co_return;
      const bool keep = (*head)->keep_alive;
      client.finish_request();
      ++served;
      if (!keep) co_return;
    }
  }

  ~House() {
    if (listener) run_out(*listener);
  }
  // Coroutines end before what they hold on to.
  void run_out(Listener& of) {
    of.abort();
    pool.close_idle();
    loop.wheel().close();
    loop.context().restart();
    loop.context().run();
  }

  ServerLimits server_limits;
  ByteBudget budget{1 << 20};
  Loop loop;
  ProxySettings straight;
  ClientPool pool{loop, straight};
  std::unique_ptr<Listener> listener;
  std::optional<Error> last_error;
  int served = 0;
};

BaseUrl at(std::uint16_t port) {
  BaseUrl base;
  base.origin.host = "127.0.0.1";
  base.origin.port = port;
  base.path = "/v1";
  return base;
}

http::Request post(std::string body) {
  http::Request request;
  request.method = "POST";
  request.target = "/echo";
  request.body = std::move(body);
  return request;
}

std::string sized(std::string_view body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

TEST(StreamsTest, bodies_of_every_size_travel_both_ways_and_connections_are_reused) {
  House house;
  const auto port = house.serve(
      [](const auto& head, std::string_view body) { return sized(std::string(head.path) + std::string(body)); });
  for (const std::size_t size : {0, 1, 4000, 4096, 5000, 70'000, 400'000}) {
    const std::string body(size, 'x');
    auto reply = house.run(fetch(house.pool, at(port), post(body), 1 << 20, Deadline::in(10s)));
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->status, 200);
    EXPECT_EQ(reply->body, "/v1/echo" + body);
  }
  EXPECT_EQ(house.pool.idle_connections(), 1u);
  EXPECT_EQ(house.listener->open_connections(), 1u);
  EXPECT_EQ(house.budget.used(), 0u);
}

TEST(StreamsTest, a_stale_connection_is_replaced_once) {
  House house;
  // Says keep-alive and closes: the next request finds a dead connection.
  const auto port = house.serve([](const auto& head, std::string_view) {
    const_cast<http::RequestHead&>(static_cast<const http::RequestHead&>(head)).keep_alive = false;
    return sized("ok");
  });
  for (int i = 0; i < 3; ++i) {
    auto reply = house.run(fetch(house.pool, at(port), post("x"), 1000, Deadline::in(10s)));
    ASSERT_TRUE(reply) << reply.error().message;
  }
  EXPECT_EQ(house.served, 3);
}

TEST(StreamsTest, a_provider_that_says_nothing_times_out_and_one_that_is_not_there_is_said) {
  House house;
  const auto port = house.serve([](const auto&, std::string_view) { return std::string(); });
  auto silent = house.run(fetch(house.pool, at(port), post("x"), 1000, Deadline::in(60ms)));
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().kind, ErrorKind::attempt_timed_out);
  house.listener->drain();
  auto gone = house.run(fetch(house.pool, at(1), post("x"), 1000, Deadline::in(10s)));
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().kind, ErrorKind::provider_failed);
  EXPECT_NE(gone.error().message.find("127.0.0.1"), std::string::npos);
}

TEST(StreamsTest, a_reply_that_is_too_long_or_makes_no_sense_fails) {
  House house;
  std::string reply = sized(std::string(2000, 'x'));
  const auto port = house.serve([&reply](const auto&, std::string_view) { return reply; });
  const auto kind = [&] {
    auto got = house.run(fetch(house.pool, at(port), post("x"), 1000, Deadline::in(5s)));
    house.pool.close_idle();
    return got ? std::optional<ErrorKind>() : got.error().kind;
  };
  EXPECT_EQ(kind(), ErrorKind::provider_failed);
  reply = "NONSENSE\r\n\r\n";
  EXPECT_EQ(kind(), ErrorKind::provider_failed);
  reply = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
  EXPECT_EQ(kind(), ErrorKind::provider_failed);
  reply = "HTTP/1.1 100 Continue\r\n\r\n" + sized("fine");
  EXPECT_EQ(kind(), std::nullopt);
}

// Sends `bytes` as they are and gives all that comes back until the server closes.
Awaitable<std::string> raw(Loop& loop, std::uint16_t port, std::string bytes) {
  Socket socket{loop.executor()};
  const auto [refused] = co_await socket.async_connect({asio::ip::address_v4::loopback(), port}, as_result);
  if (refused) co_return "refused";
  co_await asio::async_write(socket, asio::buffer(bytes), as_result);
  std::string all;
  char piece[4096];
  for (;;) {
    const auto [failure, size] = co_await socket.async_read_some(asio::buffer(piece), as_result);
    if (failure) co_return all;
    all.append(piece, size);
  }
}

TEST(StreamsTest, pipelined_and_chunked_requests_are_served_in_order) {
  House house;
  const auto port = house.serve([](const auto&, std::string_view body) { return sized(body); });
  const auto all =
      house.run(raw(house.loop, port,
                    "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n"
                    "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\ntwo"
                    "POST /c HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 5\r\n\r\nthree"));
  EXPECT_EQ(all, sized("one") + sized("two") + sized("three"));
}

TEST(StreamsTest, a_refused_head_does_not_reach_the_request_behind_it) {
  House house;
  const auto port = house.serve([](const auto&, std::string_view body) { return sized(body); });
  const auto all = house.run(raw(house.loop, port,
                                 "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n"
                                 "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_EQ(all, "");
  EXPECT_EQ(house.served, 0);
  ASSERT_TRUE(house.last_error);
  EXPECT_EQ(house.last_error->kind, ErrorKind::invalid_request);
}

TEST(StreamsTest, what_is_slow_or_too_large_is_named_by_its_kind) {
  struct Case {
    const char* name;
    std::string bytes;
    ErrorKind kind;
  };
  const Case cases[] = {
      {"slow_head", "POST /a HT", ErrorKind::client_too_slow},
      {"slow_body", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab", ErrorKind::client_too_slow},
      {"slow_chunk", "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nab",
       ErrorKind::client_too_slow},
      {"large_head", "GET /" + std::string(5000, 'a') + " HTTP/1.1\r\n", ErrorKind::too_large},
      {"large_body", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 99999\r\n\r\n", ErrorKind::too_large},
      {"large_chunks",
       "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5000\r\n" + std::string(0x5000, 'x') + "\r\n",
       ErrorKind::too_large},
      {"budget", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 9000\r\n\r\n", ErrorKind::unavailable},
      {"broken_chunk", "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
       ErrorKind::invalid_request},
  };
  for (const auto& c : cases) {
    House house;
    house.server_limits.head_time_max = 50ms;
    house.server_limits.body_idle_time_max = 50ms;
    house.server_limits.head_bytes_max = 4096;
    house.server_limits.body_bytes_max = 10'000;
    const auto port = house.serve([](const auto&, std::string_view body) { return sized(body); });
    if (std::string_view(c.name) == "budget") ASSERT_TRUE(house.budget.take((1 << 20) - 8000));
    house.run(raw(house.loop, port, c.bytes));
    ASSERT_TRUE(house.last_error) << c.name;
    EXPECT_EQ(house.last_error->kind, c.kind) << c.name << ": " << house.last_error->message;
  }
}

TEST(StreamsTest, a_client_that_leaves_is_noticed_while_its_request_waits) {
  House house;
  struct Seen {
    Loop& loop;
    Timer timer;
    bool left = false;
  } seen{house.loop, Timer{house.loop.executor(), Timer::time_point::max()}};
  Listener listener{house.loop, house.server_limits, [&seen](ServerStream& client) -> Awaitable<> {
                      return [](ServerStream& stream, Seen& into) -> Awaitable<> {
                        auto head = co_await stream.read_head();
                        if (!head) co_return;
                        stream.watch_peer(
                            [](void* self) {
                              auto& told = *static_cast<Seen*>(self);
                              told.left = true;
                              told.timer.cancel();
                            },
                            &into);
                        co_await into.timer.async_wait(as_result);
                        stream.unwatch_peer();
                      }(client, seen);
                    }};
  ASSERT_TRUE(listener.bind("127.0.0.1", 0));
  listener.start();
  const auto left = house.run([](House& in, std::uint16_t port, Seen& into) -> Awaitable<bool> {
    {
      Socket socket{in.loop.executor()};
      co_await socket.async_connect({asio::ip::address_v4::loopback(), port}, as_result);
      co_await asio::async_write(socket, asio::buffer(std::string_view("GET / HTTP/1.1\r\nHost: h\r\n\r\n")),
                                 as_result);
    }
    Timer wait{in.loop.executor(), 2s};
    while (!into.left && wait.expiry() > std::chrono::steady_clock::now()) {
      Timer turn{in.loop.executor(), 5ms};
      co_await turn.async_wait(as_result);
    }
    co_return into.left;
  }(house, listener.port(), seen));
  EXPECT_TRUE(left);
  house.run_out(listener);
}

TEST(WheelTest, fires_in_time_and_not_early_and_forgets_what_was_cleared) {
  House house;
  struct Fired {
    Wheel::Clock::time_point at{};
    int count = 0;
  } fired[3];
  const auto expire = [](void* self) {
    auto& one = *static_cast<Fired*>(self);
    one.at = Wheel::Clock::now();
    ++one.count;
  };
  Wheel::Entry soon{house.loop.wheel(), expire, &fired[0]};
  Wheel::Entry moved{house.loop.wheel(), expire, &fired[1]};
  Wheel::Entry cleared{house.loop.wheel(), expire, &fired[2]};
  const auto start = Wheel::Clock::now();
  soon.set(start + 30ms);
  moved.set(start + 30ms);
  moved.set(start + 120ms);
  cleared.set(start + 30ms);
  cleared.clear();
  Timer end{house.loop.executor(), 300ms};
  end.async_wait([&](auto) { house.loop.context().stop(); });
  house.loop.context().run();
  EXPECT_EQ(fired[0].count, 1);
  EXPECT_GE(fired[0].at, start + 30ms);
  EXPECT_EQ(fired[1].count, 1);
  EXPECT_GE(fired[1].at, start + 120ms);
  EXPECT_EQ(fired[2].count, 0);
  EXPECT_EQ(house.loop.wheel().entries(), 0u);
}

}  // namespace
}  // namespace maestro::net
