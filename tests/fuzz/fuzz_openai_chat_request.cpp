// A client's request: the outline and the decoder never fail otherwise than by an Error, and what the decoder takes is
// written again as sound JSON that decodes to the same.
#include "cuts.h"
#include "dialect/all.h"
#include "json/outline.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* begin, std::size_t size) {
  using namespace maestro;
  const std::string body(reinterpret_cast<const char*>(begin), size);
  static json::OutlineParser parser;
  const auto& client = *dialect::client(chat::DialectId::openai_chat);
  const auto& provider = *dialect::provider(chat::DialectId::openai_chat);
  if (const auto outline = client.outline(parser, body, body.size())) {
    fuzz::promise(outline->model_at + outline->model_size <= body.size());
    const auto spliced = json::spliced(body, outline->model_at, outline->model_size, "\"x\"");
    const auto again = client.outline(parser, spliced, spliced.size());
    fuzz::promise(again && again->model == "x" && again->needs == outline->needs);
  }
  const auto request = client.decode_request(body);
  if (!request) {
    fuzz::promise(!request.error().message.empty());
    return 0;
  }
  const auto encoded = provider.encode_request(*request, "m", chat::Delivery::whole);
  if (!encoded) return 0;
  const auto again = client.decode_request(encoded->body);
  fuzz::promise(again.has_value());
  const auto encoded_again = provider.encode_request(*again, "m", chat::Delivery::whole);
  fuzz::promise(encoded_again && encoded_again->body == encoded->body);
  return 0;
}
