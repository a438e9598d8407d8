#include <type_traits>

#include <gtest/gtest.h>

#include "base/deadline.h"
#include "base/error.h"
#include "base/result.h"
#include "base/secret.h"

namespace maestro {
namespace {

Result<int> half(int number) {
  if (number % 2) return Error{ErrorKind::invalid_request, "odd"};
  return number / 2;
}

TEST(ResultTest, holds_a_value_or_an_error) {
  EXPECT_EQ(*half(4), 2);
  auto odd = half(3);
  ASSERT_FALSE(odd);
  EXPECT_EQ(odd.error().kind, ErrorKind::invalid_request);
  EXPECT_EQ(odd.error().message, "odd");
}

TEST(ResultTest, the_value_of_an_error_is_a_bug_that_says_so) {
  try {
    (void)half(3).value();
    FAIL() << "no exception";
  } catch (const BadResultAccess& bug) {
    EXPECT_STREQ(bug.what(), "value() of an error: odd");
  }
}

TEST(ErrorTest, only_trouble_of_a_provider_leads_to_the_next_target) {
  for (int kind = 0; kind <= static_cast<int>(ErrorKind::client_left); ++kind) {
    const auto as_kind = static_cast<ErrorKind>(kind);
    const bool trouble = as_kind == ErrorKind::provider_limited || as_kind == ErrorKind::provider_failed ||
                         as_kind == ErrorKind::attempt_timed_out;
    EXPECT_EQ(another_may_do_better(as_kind), trouble) << to_string(as_kind);
  }
}

TEST(SecretTest, does_not_print_and_does_not_convert) {
  static_assert(!std::is_convertible_v<Secret, std::string>);
  static_assert(!std::is_convertible_v<Secret, std::string_view>);
  static_assert(!std::is_convertible_v<std::string, Secret>);
}

TEST(SecretTest, compares_and_moves_without_leaving_a_copy) {
  Secret key{"sk-rm-0123456789"};
  EXPECT_TRUE(key.equals("sk-rm-0123456789"));
  EXPECT_FALSE(key.equals("sk-rm-0123456780"));
  EXPECT_FALSE(key.equals("sk-rm"));
  Secret moved = std::move(key);
  EXPECT_TRUE(key.empty());  // NOLINT(bugprone-use-after-move): that is the claim
  EXPECT_EQ(moved.reveal(), "sk-rm-0123456789");
}

TEST(DeadlineTest, can_be_shortened_and_never_prolonged) {
  const auto soon = Deadline::in(std::chrono::seconds(1));
  EXPECT_EQ(soon.but_at_most(std::chrono::hours(1)).at, soon.at);
  EXPECT_LT(Deadline::never().but_at_most(std::chrono::hours(1)).at, Deadline::never().at);
  EXPECT_FALSE(soon.passed());
  EXPECT_TRUE(Deadline{Deadline::Clock::time_point::min()}.passed());
  EXPECT_EQ(Deadline::never().wall(), std::chrono::system_clock::time_point::max());
}

}  // namespace
}  // namespace maestro
