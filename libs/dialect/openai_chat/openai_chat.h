// OpenAI Chat Completions, as OpenAI's reference has it and as its many imitators speak it (DeepSeek, Groq, Mistral,
// vLLM, Ollama, GitHub Copilot). Both sides: clients that call us, providers that we call.
//
// What it cannot say, so what a translation loses:
//   requests  signatures and redacted reasoning. Reasoning of earlier turns, but to models that want it back (words.h).
//             top_k. A budget of thinking: it becomes the effort that it pays for. Whether reasoning shall be visible.
//             Namespaces of tools, and tools that run at another dialect's provider. The failed flag of a tool result:
//             its text begins with "Error: " instead. The place of a tool result's images: they follow in a message of
//             the user, after all results of the turn. Several texts of a system, assistant or tool message: they are
//             joined by a blank line. A document by URL: the request is refused. Extras of other dialects.
//   replies   signatures (but Copilot's reasoning_opaque, read only) and redacted reasoning. Citations without a URL.
//             Where among texts a tool call stood. Stop sequences by name. Cache writes. An unknown count of prompt or
//             output: it is 0. The reasons `context` (becomes length), `paused` and `refusal` (become stop).
// What only it can say lives in the verbatim lane: several choices, log probabilities, audio, predictions, functions of
// the old form.
#pragma once

#include "dialect/dialect.h"

namespace maestro::dialect::openai_chat {

Result<Outline> outline(json::OutlineParser& parser, std::string_view body, std::size_t capacity);
Result<chat::Request> decode_request(std::string_view body);
std::unique_ptr<ReplyEncoder> make_encoder(const ReplyContext& context);
ErrorReply encode_error(const Error& error, std::string_view request_id);
ErrorReply encode_error_as(int status, const Error& error, std::string_view request_id);
std::string encode_stream_failure(const Error& error, std::string_view request_id);

Result<ProviderDialect::Encoded> encode_request(const chat::Request& request, std::string_view upstream_model,
                                                chat::Delivery delivery);
std::string path(std::string_view upstream_model, chat::Delivery delivery);
std::unique_ptr<ReplyDecoder> make_decoder(chat::Delivery delivery);
std::unique_ptr<ReplyObserver> make_observer(chat::Delivery delivery, json::OutlineParser& parser);
Error decode_error(int status, std::optional<std::chrono::seconds> retry_after, std::string_view body);

// The value of "error" in a body of 200 or in an event of a stream.
Error decode_error_value(std::string_view error_json);

}  // namespace maestro::dialect::openai_chat
