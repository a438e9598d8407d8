#include <gtest/gtest.h>

#include "base/limits.h"
#include "dialect/all.h"
#include "dialect/base64.h"
#include "dialect/provider_words.h"

namespace maestro::dialect {
namespace {

TEST(AllTest, an_entry_of_the_table_is_whole_and_has_its_own_id) {
  for (const auto id : chat::all_dialect_ids) {
    if (const auto* one = client(id)) {
      EXPECT_EQ(one->id, id);
      EXPECT_EQ(one->name, chat::to_string(id));
      EXPECT_TRUE(one->outline && one->decode_request && one->make_encoder && one->encode_error &&
                  one->encode_error_as && one->encode_stream_failure);
    }
    if (const auto* one = provider(id)) {
      EXPECT_EQ(one->id, id);
      EXPECT_EQ(one->name, chat::to_string(id));
      EXPECT_TRUE(one->encode_request && one->path && one->make_decoder && one->make_observer && one->decode_error);
    }
  }
  EXPECT_NE(client(chat::DialectId::openai_chat), nullptr);
  EXPECT_NE(provider(chat::DialectId::openai_chat), nullptr);
}

TEST(Base64Test, what_is_written_is_read_back) {
  for (const std::string bytes : {"", "a", "ab", "abc", "abcd", "\xff\xfe\x00\x01"}) {
    std::string text;
    append_base64(text, bytes);
    EXPECT_EQ(from_base64(text), bytes);
  }
  EXPECT_EQ(from_base64("-_8"), "\xfb\xff");
  EXPECT_FALSE(from_base64("a"));
  EXPECT_FALSE(from_base64("a b="));
}

TEST(Base64Test, data_urls_are_taken_apart) {
  const auto url = parse_data_url("data:image/png;charset=x;base64,YWJj");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->media_type, "image/png");
  EXPECT_EQ(url->data, "abc");
  EXPECT_FALSE(parse_data_url("https://example.com"));
  EXPECT_FALSE(parse_data_url("data:image/png,abc"));
  EXPECT_EQ(make_data_url("image/png", "abc"), "data:image/png;base64,YWJj");
}

TEST(ProviderWordsTest, a_shown_message_is_one_sound_short_line_without_keys) {
  struct Case {
    std::string text;
    std::string want;
  };
  const Case cases[] = {
      {" a\nb\x01"
       "c ",
       "a b c"},
      {"Incorrect API key provided: sk-proj-abcdefghij.", "Incorrect API key provided: sk-***."},
      {"task-list and risk-free", "task-list and risk-free"},
      {"sk-x", "sk-x"},
      {"bad \xff", "bad \xEF\xBF\xBD"},
      {std::string(5000, 'x'), std::string(limits::provider_message_bytes_max, 'x')},
  };
  for (const auto& one : cases) EXPECT_EQ(shown_message(one.text), one.want);
  std::string accents;
  for (int i = 0; i < 3000; ++i) accents += "\xC3\xA9";
  EXPECT_LE(shown_message("x" + accents).size(), limits::provider_message_bytes_max);
  EXPECT_EQ(shown_message("x" + accents).size() % 2, 1U);
}

}  // namespace
}  // namespace maestro::dialect
