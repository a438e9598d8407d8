#include "json/document.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace maestro::json {
namespace {

TEST(DocumentTest, a_broken_text_is_refused_with_its_byte) {
  for (const std::string_view text : {"{", "[1,]", "nope", "{} x", "", "[\"\xff\"]"}) {
    const auto document = Document::parse(text);
    ASSERT_FALSE(document) << text;
    EXPECT_EQ(document.error().kind, ErrorKind::invalid_request);
    EXPECT_NE(document.error().message.find("at byte"), std::string::npos);
  }
}

TEST(DocumentTest, nesting_is_bounded) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(Document::parse(nested(limits::json_nesting_max)));
  EXPECT_FALSE(Document::parse(nested(limits::json_nesting_max + 1)));
}

TEST(DocumentTest, reads_say_what_was_expected_where) {
  auto document = Document::parse(R"({"messages":[{"role":7,"n":3.0}]})");
  ASSERT_TRUE(document);
  const auto* messages = Document::array_or_null(document->root(), "messages");
  ASSERT_NE(messages, nullptr);
  const auto& message = messages->get_array().front();
  const auto role = document->string(*Document::find(message, "role"));
  ASSERT_FALSE(role);
  EXPECT_EQ(role.error().message, "messages[0].role: expected a string, got a number");
  EXPECT_EQ(role.error().field_path, "messages[0].role");
  EXPECT_EQ(document->integer(*Document::find(message, "n")).value(), 3);
  const auto missing = document->member(message, "content");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message, "messages[0].content: is required");
}

TEST(DocumentTest, lenient_reads_take_nothing_for_another_kind) {
  auto document = Document::parse(R"({"a":1,"b":null,"c":"x"})");
  ASSERT_TRUE(document);
  EXPECT_EQ(Document::string_or_empty(document->root(), "a"), "");
  EXPECT_EQ(Document::find(document->root(), "b"), nullptr);
  EXPECT_EQ(Document::string_or_empty(document->root(), "c"), "x");
  EXPECT_EQ(Document::object_or_null(document->root(), "c"), nullptr);
}

TEST(DocumentTest, a_large_document_outgrows_the_first_block) {
  std::string text = "[";
  for (int i = 0; i < 20'000; ++i) text += (i == 0 ? "" : ",") + std::string(R"({"key":"value"})");
  text += "]";
  auto document = Document::parse(text);
  ASSERT_TRUE(document);
  EXPECT_EQ(document->root().get_array().size(), 20'000U);
}

}  // namespace
}  // namespace maestro::json
