#include <gtest/gtest.h>

#include "dialect/all.h"

namespace maestro::dialect {
namespace {

Result<Outline> outline(std::string_view body) {
  json::OutlineParser parser;
  return client(chat::DialectId::openai_chat)->outline(parser, body, body.size());
}

Result<chat::Request> decode(std::string_view body) {
  return client(chat::DialectId::openai_chat)->decode_request(body);
}

std::string with(std::string_view fields) {
  return R"({"model":"m","messages":[{"role":"user","content":"hi"}])" + std::string(fields.empty() ? "" : ",") +
         std::string(fields) + "}";
}

TEST(OpenaiChatOutlineTest, it_finds_what_the_plan_needs) {
  const std::string body = with(R"("stream":true,"stream_options":{"include_usage":true,"x":1},"tools":[{}],
    "parallel_tool_calls":true,"response_format":{"type":"json_schema"},"reasoning_effort":"high","max_tokens":7)");
  const auto found = outline(body);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->model, "m");
  EXPECT_EQ(body.substr(found->model_at, found->model_size), "\"m\"");
  EXPECT_TRUE(found->stream && found->include_usage && found->stream_options_given);
  const auto& needs = found->needs;
  EXPECT_TRUE(needs.stream && needs.tools && needs.parallel_tools && needs.structured_output && needs.reasoning);
  EXPECT_FALSE(needs.images || needs.documents || needs.own_dialect_only);
  EXPECT_EQ(needs.effort, "high");
  EXPECT_EQ(needs.output_tokens, 7);
}

TEST(OpenaiChatOutlineTest, parts_and_fields_show_their_needs) {
  EXPECT_TRUE(outline(R"({"model":"m","messages":[{"role":"user","content":[{"type":"image_url"}]}]})")->needs.images);
  EXPECT_TRUE(outline(R"({"model":"m","messages":[{"role":"user","content":[{"type":"file"}]}]})")->needs.documents);
  EXPECT_TRUE(outline(with(R"("n":2)"))->needs.own_dialect_only);
  EXPECT_FALSE(outline(with(R"("n":1)"))->needs.own_dialect_only);
  EXPECT_FALSE(outline(with(R"("reasoning_effort":"none")"))->needs.reasoning);
  EXPECT_FALSE(outline(with(R"("tools":[])"))->needs.tools);
  EXPECT_FALSE(outline(with(R"("stream_options":{},"stream":true)"))->include_usage);
}

TEST(OpenaiChatOutlineTest, an_escaped_model_is_spliced_whole) {
  const std::string body = R"({ "mod\u0065l" : "a\"b" ,"messages":[]})";
  const auto found = outline(body);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->model, "a\"b");
  EXPECT_EQ(body.substr(found->model_at, found->model_size), R"("a\"b")");
}

struct Refusal {
  std::string body;
  std::string message;
  std::string field_path;
};

TEST(OpenaiChatOutlineTest, refusals_say_where_and_what) {
  const Refusal cases[] = {
      {R"({"messages":[]})", "model: is required", "model"},
      {R"({"model":"m"})", "messages: is required", "messages"},
      {R"({"model":7,"messages":[]})", "model: expected a string, got a number", "model"},
      {R"({"model":"","messages":[]})", "model: expected the name of a model, got an empty string", "model"},
      {R"({"model":"a","model":"b","messages":[]})", "model: is given twice", "model"},
      {R"({"model":"m","messages":{}})", "messages: expected an array, got an object", "messages"},
      {R"({"model":"m","messages":["x"]})", "messages[0]: expected an object, got a string", "messages[0]"},
      {R"({"model":"m","messages":[{"role":"user"},{"role":7}]})", "messages[1].role: expected a string, got a number",
       "messages[1].role"},
      {R"({"model":"m","messages":[{"content":"x"}]})", "messages[0].role: is required", "messages[0].role"},
      {R"({"model":"m","messages":[{"role":"user","content":5}]})",
       "messages[0].content: expected a string or an array of parts, got a number", "messages[0].content"},
      {R"({"model":"m","messages":[{"role":"user","content":[{"text":"x"}]}]})",
       "messages[0].content[0].type: is required", "messages[0].content[0].type"},
      {with(R"("stream":"true")"), "stream: expected true or false, got a string", "stream"},
      {with(R"("stream":true,"stream_options":null)"), "stream_options: expected an object, got null",
       "stream_options"},
      {with(R"("stream":true,"stream_options":{"include_usage":"true"})"),
       "stream_options.include_usage: expected true or false, got a string", "stream_options.include_usage"},
      {with(R"("stream":true,"stream_options":{"include_usage":1})"),
       "stream_options.include_usage: expected true or false, got a number", "stream_options.include_usage"},
      {with(R"("stream":true,"stream_options":{"include_usage":null})"),
       "stream_options.include_usage: expected true or false, got null", "stream_options.include_usage"},
      {with(R"("stream_options":{})"), "stream_options: only allowed when stream is true", "stream_options"},
      {with(R"("tools":{})"), "tools: expected an array, got an object", "tools"},
      {with(R"("tools":[1])"), "tools[0]: expected an object, got a number", "tools[0]"},
      {with(R"("tool_choice":1)"), "tool_choice: expected a string or an object, got a number", "tool_choice"},
      {with(R"("max_tokens":1.5)"), "max_tokens: expected a whole number", "max_tokens"},
      {with(R"("max_tokens":-1)"), "max_tokens: expected a whole number that is not negative", "max_tokens"},
      {with(R"("temperature":"hot")"), "temperature: expected a number, got a string", "temperature"},
      {with(R"("temperature":1e999)"), "temperature: the number is too large or too small", "temperature"},
      {"[]", "the body: expected an object, got an array", ""},
      {R"({"model":"m" "messages":[]})", "the body is not valid JSON: expected ',' or '}' at byte 13", ""},
      {R"({"model":"m","messages":[)", "the body is not valid JSON: expected a value at byte 25", ""},
      {"", "the body is empty: send a JSON object", ""},
  };
  for (const auto& one : cases) {
    const auto found = outline(one.body);
    ASSERT_FALSE(found) << one.body;
    EXPECT_EQ(found.error().kind, ErrorKind::invalid_request);
    EXPECT_EQ(found.error().message, one.message) << one.body;
    EXPECT_EQ(found.error().field_path, one.field_path) << one.body;
  }
}

TEST(OpenaiChatOutlineTest, null_and_unknown_fields_are_taken) {
  EXPECT_TRUE(
      outline(with(R"("stream":null,"tools":null,"n":null,"temperature":null,"tool_choice":null,"max_tokens":null,
    "response_format":null,"context_management":{"edits":[]},"store":true)")));
}

constexpr std::string_view full = R"({"model":"p/m","messages":[
{"role":"developer","content":"sys"},
{"role":"user","name":"u","content":[{"type":"text","text":"look"},{"type":"image_url","image_url":{"url":"data:image/png;base64,YWJj","detail":"low"}}]},
{"role":"assistant","content":"ok","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":""}},{"id":"c2","type":"custom","custom":{"name":"g","input":"free"}}]},
{"role":"tool","tool_call_id":"c1","content":"one"},{"role":"tool","tool_call_id":"c2","content":[{"type":"text","text":"two"}]},
{"role":"user","content":"go on \ud83d"}],
"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"z":1.50,"a":{}},"strict":true}},{"type":"custom","custom":{"name":"g","format":{"type":"text"}}}],
"tool_choice":"required","parallel_tool_calls":false,"max_completion_tokens":9,"temperature":0.5,"seed":3,"stop":"END","user":"me","metadata":{"k":"v"},
"reasoning_effort":"High","response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"b":1,"a":2},"strict":true}},"logit_bias":{"5":-1}})";

TEST(OpenaiChatRequestTest, every_field_finds_its_word) {
  const auto request = decode(full);
  ASSERT_TRUE(request) << request.error().message;
  const auto& messages = request->prompt.messages;
  ASSERT_EQ(messages.size(), 5U);
  EXPECT_EQ(messages[0].role, chat::Role::system);
  EXPECT_EQ(messages[0].extras.find(chat::DialectId::openai_chat), R"({"role":"developer"})");
  const auto& image = std::get<chat::Image>(messages[1].parts[1].content).media;
  EXPECT_EQ(image.media_type, "image/png");
  EXPECT_EQ(image.data, "abc");
  EXPECT_EQ(messages[1].parts[1].extras.find(chat::DialectId::openai_chat), R"({"detail":"low"})");
  ASSERT_EQ(messages[2].parts.size(), 3U);
  EXPECT_EQ(std::get<chat::ToolCall>(messages[2].parts[1].content).input, "{}");
  EXPECT_EQ(std::get<chat::ToolCall>(messages[2].parts[2].content).kind, chat::ToolKind::custom);
  ASSERT_EQ(messages[3].parts.size(), 2U) << "results that follow each other are one message";
  EXPECT_EQ(std::get<chat::ToolResult>(messages[3].parts[1].content).call_id, "c2");
  EXPECT_EQ(std::get<chat::Text>(messages[4].parts[0].content).text, "go on \xEF\xBF\xBD");
  EXPECT_EQ(request->prompt.tools[0].schema_json, R"({"z":1.50,"a":{}})");
  EXPECT_EQ(request->prompt.tool_choice->mode, chat::ToolChoiceMode::any);
  EXPECT_EQ(request->prompt.tool_choice->parallel, false);
  EXPECT_EQ(request->output_tokens_max, 9);
  EXPECT_EQ(request->thinking.effort, "high");
  EXPECT_EQ(request->output_format.schema_json, R"({"b":1,"a":2})");
  EXPECT_EQ(request->extras.find(chat::DialectId::openai_chat), R"({"logit_bias":{"5":-1}})");
}

TEST(OpenaiChatRequestTest, what_is_decoded_is_encoded_as_the_same_request) {
  const auto request = decode(full);
  ASSERT_TRUE(request);
  const auto encoded = provider(chat::DialectId::openai_chat)->encode_request(*request, "p/m", chat::Delivery::whole);
  ASSERT_TRUE(encoded) << encoded.error().message;
  EXPECT_EQ(encoded->path, "/chat/completions");
  EXPECT_TRUE(encoded->dropped.empty());
  const auto again = decode(encoded->body);
  ASSERT_TRUE(again) << again.error().message << encoded->body;
  EXPECT_EQ(*again, *request) << encoded->body;
}

TEST(OpenaiChatRequestTest, what_cannot_be_translated_is_refused_with_its_place) {
  const Refusal cases[] = {
      {R"({"model":"m","messages":[{"role":"judge","content":"x"}]})",
       "messages[0]: role: expected system, developer, user, assistant or tool", "messages[0]"},
      {R"({"model":"m","messages":[{"role":"tool","content":"x"}]})", "messages[0].tool_call_id: is required",
       "messages[0].tool_call_id"},
      {R"({"model":"m","messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{}}]}]})",
       "messages[0].content[0]: a part of type input_audio cannot be translated for another protocol",
       "messages[0].content[0]"},
      {R"({"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:x,y"}}]}]})",
       "messages[0].content[0].image_url.url: expected a URL or a data URL in base64",
       "messages[0].content[0].image_url.url"},
      {with(R"("tool_choice":"maybe")"), "tool_choice: expected auto, none, required or a tool", "tool_choice"},
      {with(R"("n":3)"),
       "n: several choices cannot be translated for another protocol: send 1, or choose another model", "n"},
      {with(R"("thinking":{"type":"enabled","budget_tokens":0})"),
       "thinking.budget_tokens: expected a positive number of tokens", "thinking.budget_tokens"},
      {with(R"("thinking":{"type":"often"})"), "thinking.type: expected enabled, adaptive or disabled",
       "thinking.type"},
      {with(R"("thinking":null)"), "thinking: expected an object, got null", "thinking"},
      {with(R"("tools":[{"type":"function","function":{"name":"f","parameters":{"a":tru}}}])"),
       "the body is not valid JSON: a word that JSON does not have at byte 126", ""},
  };
  for (const auto& one : cases) {
    const auto request = decode(one.body);
    ASSERT_FALSE(request) << one.body;
    EXPECT_EQ(request.error().message, one.message);
    EXPECT_EQ(request.error().field_path, one.field_path);
  }
}

chat::Part part(auto content) {
  chat::Part made;
  made.content = std::move(content);
  return made;
}

TEST(OpenaiChatRequestTest, images_of_tool_results_follow_all_results) {
  chat::Request request;
  chat::Image image;
  image.media.media_type = "image/png";
  image.media.data = "abc";
  chat::Message user;
  for (const std::string id : {"c1", "c2"}) {
    chat::ToolResult result;
    result.call_id = id;
    result.failed = id == "c2";
    result.parts = {part(chat::Text{"done"}), part(image)};
    user.parts.push_back(part(result));
  }
  request.prompt.messages.push_back(user);
  const auto encoded = provider(chat::DialectId::openai_chat)->encode_request(request, "m", chat::Delivery::whole);
  ASSERT_TRUE(encoded);
  EXPECT_EQ(encoded->body, R"({"model":"m","messages":[{"role":"tool","tool_call_id":"c1","content":"done"},)"
                           R"({"role":"tool","tool_call_id":"c2","content":"Error: done"},{"role":"user","content":[)"
                           R"({"type":"image_url","image_url":{"url":"data:image/png;base64,YWJj"}},)"
                           R"({"type":"image_url","image_url":{"url":"data:image/png;base64,YWJj"}}]}]})");
}

TEST(OpenaiChatRequestTest, losses_are_named) {
  chat::Request request;
  request.sampling.top_k = 5;
  request.thinking.budget_tokens = 9000;
  request.extras.set(chat::DialectId::anthropic, R"({"context_management":{"edits":[]},"mcp_servers":[]})");
  chat::Tool search;
  search.name = "web_search";
  search.kind = chat::ToolKind::provider;
  request.prompt.tools.push_back(search);
  chat::Message assistant;
  assistant.role = chat::Role::assistant;
  assistant.parts = {part(chat::Reasoning{"hm", false}), part(chat::Text{"a"}), part(chat::Text{"b"})};
  request.prompt.messages.push_back(assistant);
  request.output_tokens_max = 10;
  const auto& openai = *provider(chat::DialectId::openai_chat);
  const auto encoded = openai.encode_request(request, "gpt-5.5", chat::Delivery::stream);
  ASSERT_TRUE(encoded);
  EXPECT_EQ(encoded->dropped, (std::vector<std::string>{"messages.reasoning", "tools.web_search", "top_k",
                                                        "context_management", "mcp_servers"}));
  EXPECT_EQ(encoded->body,
            R"({"model":"gpt-5.5","messages":[{"role":"assistant","content":"a\n\nb"}],"max_completion_tokens":10,)"
            R"("reasoning_effort":"high","stream":true,"stream_options":{"include_usage":true}})");
  const auto deepseek = openai.encode_request(request, "deepseek-reasoner", chat::Delivery::whole);
  ASSERT_TRUE(deepseek);
  EXPECT_NE(deepseek->body.find(R"("reasoning_content":"hm")"), std::string::npos);
  EXPECT_NE(deepseek->body.find(R"("max_tokens":10)"), std::string::npos);
}

TEST(OpenaiChatRequestTest, a_document_by_url_is_refused) {
  chat::Request request;
  chat::Document document;
  document.media.url = "https://example.com/a.pdf";
  chat::Message user;
  user.parts.push_back(part(document));
  request.prompt.messages.push_back(user);
  const auto encoded = provider(chat::DialectId::openai_chat)->encode_request(request, "m", chat::Delivery::whole);
  ASSERT_FALSE(encoded);
  EXPECT_EQ(encoded.error().kind, ErrorKind::invalid_request);
  EXPECT_EQ(encoded.error().field_path, "messages[0]");
}

}  // namespace
}  // namespace maestro::dialect
