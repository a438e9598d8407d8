// A wire protocol has four corners: its requests and its replies, towards us and away from us. This header is their
// contract: plain structs of functions and four state machines. Codecs are sans-IO: bytes in, events out, every buffer
// bounded by base/limits.h, any cut of the bytes gives the same events. No clock, log, thread or socket; time and names
// come in as arguments. A machine belongs to one reply and one thread. The table of all dialects is in dialect/all.h,
// and each dialect's own header lists what it cannot say.
//
// A provider's event or field that is not known is ignored; a known one that is broken is provider_failed.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "chat/dialect_id.h"
#include "chat/event.h"
#include "chat/needs.h"
#include "chat/request.h"
#include "chat/usage.h"
#include "http/headers.h"
#include "json/outline.h"

namespace maestro::dialect {

// What the plan and the verbatim lane must know of a request, found without a DOM.
struct Outline {
  std::string model{};
  std::size_t model_at = 0;    // of the JSON string in the body, its quotes included: what a splice replaces
  std::size_t model_size = 0;  // 0: the model is not in the body
  bool stream = false;
  bool include_usage = false;         // the client asked for usage at the end of the stream
  bool stream_options_given = false;  // false: usage goes where the provider put it
  chat::Needs needs{};
};

// What a reply encoder must be told. The id and the time are ours: the caller makes them once for a reply.
struct ReplyContext {
  std::string reply_id{};  // without a prefix: the encoder adds its dialect's own ("chatcmpl-")
  std::int64_t created_s = 0;
  std::string model{};
  chat::Delivery delivery = chat::Delivery::whole;
  bool include_usage = false;         // as in the Outline
  bool stream_options_given = false;  // as in the Outline
};

// With content-type, retry-after, www-authenticate (401) and x-should-retry (a retry is useless). The caller adds the
// request id, and allow to a 405.
struct ErrorReply {
  int status = 500;
  http::Headers headers{};
  std::string body{};
};

class ReplyEncoder {  // canonical events in, a client's bytes out; appends to `out`, possibly nothing
 public:
  virtual ~ReplyEncoder() = default;
  // A whole reply appears at ReplyEnded at once. ReplyFailed in a stream writes the dialect's one in-band failure and
  // nothing after it; in a whole reply it writes nothing, and the caller answers with encode_error.
  virtual void encode(const chat::Event& event, std::string& out) = 0;
  virtual std::string_view content_type() const = 0;
};

class ReplyDecoder {  // a provider's bytes in, canonical events out
 public:
  virtual ~ReplyDecoder() = default;
  // An Error means: nothing of this reply may be used from here on. The events already in `out` are good.
  virtual Result<void> feed(std::string_view bytes, std::vector<chat::Event>& out) = 0;
  // The transport ended cleanly. Error when the reply was empty or cut.
  virtual Result<void> end(std::vector<chat::Event>& out) = 0;
};

class ReplyObserver {  // the verbatim lane: reads the provider's bytes as they pass, and changes none
 public:
  virtual ~ReplyObserver() = default;
  // Error: the first event (or a whole body) is an error, or the bytes cannot be a reply. After the first event it
  // means that the stream is broken behind its last whole event; a provider's error event is no Error then: it passes
  // to the client, and error_event() tells of it.
  virtual Result<void> feed(std::string_view bytes) = 0;
  // The transport ended cleanly. Error: no event at all, or no terminal. An error in a whole body shows here.
  virtual Result<void> end() = 0;
  // The commit line. A whole body is past it when it has ended well, or is longer than limits::error_body_bytes_max.
  virtual bool saw_event() const = 0;
  virtual bool at_event_boundary() const = 0;  // a heartbeat or a failure may be written now
  // Bytes fed since the last whole event that could be read: 0 at a boundary, and always for a whole body.
  virtual std::size_t open_event_bytes() const = 0;
  virtual bool saw_terminal() const = 0;
  virtual const std::optional<Error>& error_event() const = 0;
  virtual const chat::Usage& usage() const = 0;
  virtual std::string_view stop_reason() const = 0;  // the provider's own word; empty: none yet
  virtual std::uint64_t events() const = 0;
};

struct ClientDialect {
  chat::DialectId id;
  std::string_view name;
  // `capacity` bytes may be read from body.data(): best body.size() + json::padding_bytes, else the body is copied.
  Result<Outline> (*outline)(json::OutlineParser& parser, std::string_view body, std::size_t capacity);
  Result<chat::Request> (*decode_request)(std::string_view body);
  std::unique_ptr<ReplyEncoder> (*make_encoder)(const ReplyContext& context);
  ErrorReply (*encode_error)(const Error& error, std::string_view request_id);
  // As encode_error with a status that the kind does not tell: 431, 415, 417, 426, 408.
  ErrorReply (*encode_error_as)(int status, const Error& error, std::string_view request_id);
  // After the head was sent: the dialect's one failure inside the stream, nothing follows it.
  std::string (*encode_stream_failure)(const Error& error, std::string_view request_id);
  std::string_view stream_content_type;
  std::string_view heartbeat;  // between events only; empty: this dialect has none
};

struct ProviderDialect {
  chat::DialectId id;
  std::string_view name;
  struct Encoded {
    std::string path{};       // appended to the base URL
    http::Headers headers{};  // without credentials
    std::string body{};
    std::vector<std::string> dropped{};  // fields of the request that this dialect cannot say
  };
  // Error: invalid_request, when leaving something out would change the meaning of the request.
  Result<Encoded> (*encode_request)(const chat::Request& request, std::string_view upstream_model,
                                    chat::Delivery delivery);
  std::string (*path)(std::string_view upstream_model, chat::Delivery delivery);
  std::unique_ptr<ReplyDecoder> (*make_decoder)(chat::Delivery delivery);
  // The parser is borrowed for each call: all observers of a thread may share one.
  std::unique_ptr<ReplyObserver> (*make_observer)(chat::Delivery delivery, json::OutlineParser& parser);
  // A reply whose status is not 2xx. The body may be cut at limits::error_body_bytes_max.
  Error (*decode_error)(int status, std::optional<std::chrono::seconds> retry_after, std::string_view body);
};

}  // namespace maestro::dialect
