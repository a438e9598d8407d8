#include <gtest/gtest.h>

#include "base/limits.h"
#include "json/outline.h"
#include "json/writer.h"

namespace maestro::json {
namespace {

// Reads everything by the grammar; "ok" or the error's message.
std::string verdict(std::string_view text) {
  OutlineParser parser;
  auto cursor = parser.scan(text, text.size());
  if (!cursor) return cursor.error().message;
  if (cursor->check() && cursor->at_end()) return "ok";
  return cursor->error().message;
}

struct Case {
  std::string_view name;
  std::string text;
  std::string want;
};

TEST(CursorTest, the_grammar_is_checked_and_errors_say_the_byte) {
  const std::string bad = "the body is not valid JSON: ";
  const Case cases[] = {
      {"object", R"({"a":[1,-2.5e3,"x\u00e9\n",true,false,null,{}],"b":{}})", "ok"},
      {"scalar", " 12 ", "ok"},
      {"empty_array", "[]", "ok"},
      {"trailing_comma", "[1,]", bad + "expected a value at byte 3"},
      {"missing_comma", "[1 2]", bad + "expected ',' or ']' at byte 3"},
      {"missing_colon", R"({"a" 1})", bad + "expected ':' at byte 5"},
      {"missing_value", R"({"a":})", bad + "expected a value at byte 5"},
      {"bare_key", "{a:1}", bad + "expected a member name in quotes at byte 1"},
      {"word", "[tru]", bad + "a word that JSON does not have at byte 1"},
      {"leading_zero", "[01]", bad + "a word that JSON does not have at byte 1"},
      {"glued_scalar", R"([true"x"])", bad + "a word that JSON does not have at byte 1"},
      {"glued_string", R"(["a"b])", bad + "expected ',' or ']' at byte 4"},
      {"unclosed_string", R"({"a)", bad + "a string without an end at byte 3"},
      {"unclosed_object", R"({"a":1)", bad + "expected ',' or '}' at byte 6"},
      {"wrong_bracket", "[1}", bad + "expected ',' or ']' at byte 2"},
      {"bare_control", "[\"a\nb\"]", bad + "a bare control character in a string at byte 3"},
      {"broken_utf8", "[\"a\xff\"]", bad + "broken UTF-8 at byte 3"},
      {"broken_escape", R"(["ab\x"])", bad + "a broken escape at byte 4"},
      {"second_text", "{} {}", bad + "expected the end of the text at byte 3"},
      {"empty", "", "the body is empty: send a JSON object"},
  };
  for (const auto& one : cases) EXPECT_EQ(verdict(one.text), one.want) << one.name;
}

TEST(CursorTest, nesting_is_bounded_when_read_and_when_skipped) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_EQ(verdict(nested(limits::json_nesting_max)), "ok");
  EXPECT_NE(verdict(nested(limits::json_nesting_max + 1)), "ok");
  OutlineParser parser;
  const auto deep = nested(100'000);
  auto cursor = parser.scan(deep, deep.size());
  ASSERT_TRUE(cursor);
  EXPECT_FALSE(cursor->skip());
}

TEST(CursorTest, strings_are_unescaped_and_lone_surrogates_replaced) {
  const Case cases[] = {
      {"plain", R"("abc")", "abc"},
      {"all", R"("\"\\\/\b\f\n\r\t")", "\"\\/\b\f\n\r\t"},
      {"pair", R"("\ud83d\ude00")", "\xF0\x9F\x98\x80"},
      {"lone_high", R"("a\ud83db")",
       "a\xEF\xBF\xBD"
       "b"},
      {"lone_low", R"("\ude00")", "\xEF\xBF\xBD"},
      {"high_then_other", R"("\ud83dA")",
       "\xEF\xBF\xBD"
       "A"},
  };
  for (const auto& one : cases) {
    OutlineParser parser;
    auto cursor = parser.scan(one.text, one.text.size());
    ASSERT_TRUE(cursor) << one.name;
    std::string text;
    EXPECT_TRUE(cursor->string(text)) << one.name;
    EXPECT_EQ(text, one.want) << one.name;
  }
}

TEST(CursorTest, escaped_keys_are_what_they_mean) {
  const std::string text = R"({"mod\u0065l":"x"})";
  OutlineParser parser;
  auto cursor = parser.scan(text, text.size());
  ASSERT_TRUE(cursor && cursor->enter_object());
  std::string_view key;
  ASSERT_TRUE(cursor->next_field(key));
  EXPECT_EQ(key, "model");
}

TEST(CursorTest, wrong_values_are_told_with_their_path) {
  const std::string text = R"({"messages":[{"role":"user"},{"content":[{"x":1},{"role":7}]}]})";
  OutlineParser parser;
  auto cursor = parser.scan(text, text.size());
  ASSERT_TRUE(cursor);
  const auto at = text.find('7');
  EXPECT_EQ(path_at(text, at), "messages[1].content[1].role");
  cursor->fail(at, "expected a string, got a number");
  EXPECT_EQ(cursor->error().field_path, "messages[1].content[1].role");
  EXPECT_EQ(cursor->error().message, "messages[1].content[1].role: expected a string, got a number");
}

TEST(CursorTest, a_missing_member_is_told_with_its_path) {
  const std::string text = R"({"messages":[{}]})";
  OutlineParser parser;
  auto cursor = parser.scan(text, text.size());
  ASSERT_TRUE(cursor);
  cursor->missing(text.find("{}"), "role");
  EXPECT_EQ(cursor->error().message, "messages[0].role: is required");
}

TEST(CursorTest, whole_numbers_fit_or_are_refused) {
  struct Number {
    std::string text;
    bool good;
    std::int64_t want;
  };
  const Number cases[] = {
      {"12", true, 12},   {"-3", true, -3},    {"2.0", true, 2},    {"1e3", true, 1000},
      {"1.5", false, 0},  {"1e300", false, 0}, {"1e999", false, 0}, {"99999999999999999999", false, 0},
      {"\"1\"", false, 0}};
  for (const auto& one : cases) {
    OutlineParser parser;
    auto cursor = parser.scan(one.text, one.text.size());
    ASSERT_TRUE(cursor);
    std::int64_t number = 0;
    EXPECT_EQ(cursor->integer(number), one.good) << one.text;
    if (one.good) EXPECT_EQ(number, one.want) << one.text;
  }
}

TEST(CursorTest, raw_gives_the_exact_text) {
  const std::string text = R"({"a": { "b" : [1, 2.50] } , "c" :"x\n", "d":1e2 })";
  OutlineParser parser;
  auto cursor = parser.scan(text, text.size());
  ASSERT_TRUE(cursor && cursor->enter_object());
  std::string_view key, raw;
  std::vector<std::string> all;
  while (cursor->next_field(key) && cursor->raw(raw)) all.emplace_back(raw);
  EXPECT_EQ(all, (std::vector<std::string>{R"({ "b" : [1, 2.50] })", R"("x\n")", "1e2"}));
  EXPECT_TRUE(cursor->at_end());
}

TEST(CursorTest, one_parser_reads_texts_of_any_size_in_any_order) {
  OutlineParser parser;
  for (const std::size_t size : {10UL, 5'000'000UL, 100UL, 9'000'000UL, 3UL}) {
    const auto text = "[\"" + std::string(size, 'x') + "\"]";
    auto cursor = parser.scan(text, text.size());
    ASSERT_TRUE(cursor && cursor->enter_array() && cursor->next_element());
    std::string_view got;
    ASSERT_TRUE(cursor->string(got));
    EXPECT_EQ(got.size(), size);
  }
}

TEST(OutlineTest, a_splice_replaces_exactly_its_bytes) {
  EXPECT_EQ(spliced(R"({"model":"a"})", 9, 3, R"("long name")"), R"({"model":"long name"})");
}

}  // namespace
}  // namespace maestro::json
