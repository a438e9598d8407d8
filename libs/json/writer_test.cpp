#include "json/writer.h"

#include <limits>

#include <gtest/gtest.h>

namespace maestro::json {
namespace {

TEST(WriterTest, strings_are_escaped_and_broken_utf8_replaced) {
  struct Case {
    std::string_view text;
    std::string_view want;
  };
  const Case cases[] = {
      {"plain", R"("plain")"},
      {"a\"b\\c\n\r\t\b\f", R"("a\"b\\c\n\r\t\b\f")"},
      {std::string_view("\0\x1f\x7f", 3), R"("\u0000\u001f\u007f")"},
      {"h\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80", "\"h\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80\""},
      {"a\xFF"
       "b",
       "\"a\xEF\xBF\xBD"
       "b\""},
      {"cut\xE2\x82", "\"cut\xEF\xBF\xBD\xEF\xBF\xBD\""},
      {"\xED\xA0\xBD", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
      {"\xC0\xAF", "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
  };
  for (const auto& one : cases) {
    std::string out;
    append_string(out, one.text);
    EXPECT_EQ(out, one.want);
    EXPECT_TRUE(is_utf8(out));
  }
}

TEST(WriterTest, commas_stand_where_they_belong) {
  std::string out;
  Writer writer(out);
  writer.begin_object().member("a", 1).member("b", "x").key("c").begin_array().integer(1).string("y").begin_object();
  writer.end_object().null().end_array().member_flag("d", true).member_raw("e", "{\"z\": 1}").member_null("f");
  writer.key("g").begin_array().end_array().member("h", 0.5).end_object();
  EXPECT_EQ(out, R"({"a":1,"b":"x","c":[1,"y",{},null],"d":true,"e":{"z": 1},"f":null,"g":[],"h":0.5})");
}

TEST(WriterTest, members_of_another_object_are_put_in) {
  std::string out;
  Writer writer(out);
  writer.begin_object()
      .members_of("{}")
      .members_of(R"({"a":1,"b":{"c":2}})")
      .members_of("")
      .member("d", 3)
      .end_object();
  EXPECT_EQ(out, R"({"a":1,"b":{"c":2},"d":3})");
}

TEST(WriterTest, numbers_that_json_cannot_say_become_null) {
  std::string out;
  Writer writer(out);
  writer.begin_array().number(std::numeric_limits<double>::infinity()).number(1e300).number(0.1).end_array();
  EXPECT_EQ(out, "[null,1e+300,0.1]");
}

}  // namespace
}  // namespace maestro::json
