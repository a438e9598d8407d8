// A provider's reply, streamed and whole: any cut gives the same events in a legal order, what they say can be written
// and read back, and the observer agrees with the decoder.
#include "chat/fold.h"
#include "chat/order.h"
#include "cuts.h"
#include "dialect/all.h"

namespace {

using namespace maestro;

struct Outcome {
  std::vector<chat::Event> events;
  bool failed = false;
};

Outcome decode(chat::Delivery delivery, const std::vector<std::string_view>& pieces) {
  const auto decoder = dialect::provider(chat::DialectId::openai_chat)->make_decoder(delivery);
  Outcome outcome;
  for (const auto piece : pieces) {
    const std::string own(piece);
    if (decoder->feed(own, outcome.events)) continue;
    outcome.failed = true;
    return outcome;
  }
  outcome.failed = !decoder->end(outcome.events);
  return outcome;
}

std::string encode(chat::Delivery delivery, const std::vector<chat::Event>& events) {
  dialect::ReplyContext context;
  context.reply_id = "fuzz";
  context.delivery = delivery;
  context.include_usage = context.stream_options_given = true;
  const auto encoder = dialect::client(chat::DialectId::openai_chat)->make_encoder(context);
  std::string out;
  for (const auto& event : events) encoder->encode(event, out);
  return out;
}

void observe(chat::Delivery delivery, const std::vector<std::string_view>& pieces, const Outcome& outcome) {
  json::OutlineParser parser;
  const auto observer = dialect::provider(chat::DialectId::openai_chat)->make_observer(delivery, parser);
  bool failed = false;
  for (const auto piece : pieces) {
    const std::string own(piece);
    failed = failed || !observer->feed(own);
  }
  failed = failed || !observer->end();
  // The decoder is the stricter one.
  if (!outcome.failed) fuzz::promise(!failed && observer->saw_terminal());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* begin, std::size_t size) {
  const auto input = fuzz::cut(begin, size);
  for (const auto delivery : {chat::Delivery::stream, chat::Delivery::whole}) {
    const auto outcome = decode(delivery, {input.bytes});
    const auto again = decode(delivery, input.pieces);
    fuzz::promise(outcome.failed == again.failed && outcome.events == again.events);
    chat::Order order;
    for (const auto& event : outcome.events) fuzz::promise(order.accept(event).has_value());
    observe(delivery, input.pieces, outcome);
    if (outcome.failed) continue;
    fuzz::promise(order.finished());
    for (const auto to : {chat::Delivery::stream, chat::Delivery::whole})
      fuzz::promise(!decode(to, {encode(to, outcome.events)}).failed);
  }
  return 0;
}
