// Any cut gives the same messages, within the limit.
#include "cuts.h"
#include "sse/splitter.h"
#include "sse/writer.h"

namespace {

using namespace maestro;

constexpr std::size_t event_bytes_max = 512;

struct Outcome {
  std::string messages;
  bool refused = false;
  bool operator==(const Outcome&) const = default;
};

Outcome run(const std::vector<std::string_view>& pieces) {
  sse::Splitter splitter(event_bytes_max);
  Outcome outcome;
  for (const auto piece : pieces) {
    const std::string own(piece);
    const auto fed = splitter.feed(own, [&](const sse::Message& message) -> Result<void> {
      fuzz::promise(message.data.size() <= event_bytes_max);
      sse::append(outcome.messages, message.event, message.data);
      return success();
    });
    if (fed) continue;
    outcome.refused = true;
    break;
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* begin, std::size_t size) {
  const auto input = fuzz::cut(begin, size);
  fuzz::promise(run({input.bytes}) == run(input.pieces));
  return 0;
}
