#include "dialect/all.h"

#include "dialect/openai_chat/openai_chat.h"

namespace maestro::dialect {
namespace {

constexpr ClientDialect openai_chat_client = {
    .id = chat::DialectId::openai_chat,
    .name = "openai_chat",
    .outline = openai_chat::outline,
    .decode_request = openai_chat::decode_request,
    .make_encoder = openai_chat::make_encoder,
    .encode_error = openai_chat::encode_error,
    .encode_error_as = openai_chat::encode_error_as,
    .encode_stream_failure = openai_chat::encode_stream_failure,
    .stream_content_type = "text/event-stream; charset=utf-8",
    .heartbeat = ": keep-alive\n\n",
};

constexpr ProviderDialect openai_chat_provider = {
    .id = chat::DialectId::openai_chat,
    .name = "openai_chat",
    .encode_request = openai_chat::encode_request,
    .path = openai_chat::path,
    .make_decoder = openai_chat::make_decoder,
    .make_observer = openai_chat::make_observer,
    .decode_error = openai_chat::decode_error,
};

}  // namespace

const ClientDialect* client(chat::DialectId id) {
  switch (id) {
    case chat::DialectId::openai_chat:
      return &openai_chat_client;
    case chat::DialectId::openai_responses:
    case chat::DialectId::anthropic:
    case chat::DialectId::gemini:
      return nullptr;
  }
  return nullptr;
}

const ProviderDialect* provider(chat::DialectId id) {
  switch (id) {
    case chat::DialectId::openai_chat:
      return &openai_chat_provider;
    case chat::DialectId::openai_responses:
    case chat::DialectId::anthropic:
    case chat::DialectId::gemini:
      return nullptr;
  }
  return nullptr;
}

}  // namespace maestro::dialect
