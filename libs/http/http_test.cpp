#include <gtest/gtest.h>

#include "http/headers.h"

namespace maestro::http {
namespace {

using std::chrono::seconds;

TEST(HeadersTest, names_have_no_case_and_set_replaces_every_one) {
  Headers headers;
  headers.add("X-A", "1");
  headers.add("x-a", "2");
  EXPECT_EQ(headers.find("x-A"), "1");
  headers.set("X-a", "3");
  EXPECT_EQ(headers.size(), 1u);
  EXPECT_EQ(headers.find("x-a"), "3");
  EXPECT_FALSE(headers.find("x-b"));
}

TEST(RetryAfterTest, takes_seconds_and_dates_and_nothing_else) {
  const auto now = std::chrono::system_clock::from_time_t(1767225600);  // Thu, 01 Jan 2026 00:00:00 GMT
  struct Case {
    std::string_view value;
    std::optional<seconds> want;
  };
  const Case cases[] = {
      {"30", seconds(30)},
      {" 0 ", seconds(0)},
      {"1.2", seconds(2)},
      {"Thu, 01 Jan 2026 00:01:00 GMT", seconds(60)},
      {"Wed, 31 Dec 2025 23:59:00 GMT", seconds(0)},
      {"-1", {}},
      {"soon", {}},
      {"", {}},
      {"12 minutes", {}},
  };
  for (const auto& c : cases) EXPECT_EQ(retry_after(c.value, now), c.want) << c.value;
}

TEST(QueryTest, finds_the_first_parameter_by_its_whole_name) {
  EXPECT_EQ(query_parameter("a=1&key=K&key=L", "key"), "K");
  EXPECT_EQ(query_parameter("monkey=1", "key"), std::nullopt);
  EXPECT_EQ(query_parameter("key", "key"), "");
  EXPECT_EQ(query_parameter("", "key"), std::nullopt);
}

TEST(PercentTest, refuses_broken_escapes) {
  EXPECT_EQ(percent_decoded("a%2Fb%3a"), "a/b:");
  EXPECT_EQ(percent_decoded("a%2"), std::nullopt);
  EXPECT_EQ(percent_decoded("a%zz"), std::nullopt);
}

}  // namespace
}  // namespace maestro::http
