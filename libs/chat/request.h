// A request in the canonical words, between which all protocols are translated. It follows
// proto/maestro/inference/v1/{chat,inference_service}.proto field by field; what is absent is not sent to the provider.
// Tool schemas and arguments are JSON text, kept as written: the order of keys is meaning to a model, and bytes are
// money to a prompt cache. Signatures are opaque. All values own their bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "chat/dialect_id.h"
#include "chat/extras.h"

namespace maestro::chat {

// A system message may stand anywhere in the conversation. Tool results are parts of a user's message.
enum class Role : std::uint8_t { system, user, assistant };

// custom takes free text. provider runs at the provider and is described in extras.
enum class ToolKind : std::uint8_t { function, custom, provider };

struct Text {
  std::string text{};
  bool operator==(const Text&) const = default;
};
struct Refusal {
  std::string text{};
  bool operator==(const Refusal&) const = default;
};
// Bytes or a URL; `data` is decoded, not base64.
struct Media {
  std::string media_type{};  // "image/png"; may be empty with a URL
  std::string data{};
  std::string url{};  // used when not empty
  std::string file_name{};
  bool operator==(const Media&) const = default;
};
struct Image {
  Media media{};
  bool operator==(const Image&) const = default;
};
struct Document {
  Media media{};
  bool operator==(const Document&) const = default;
};
struct Reasoning {
  std::string text{};     // what the provider shows of it; empty when all of it is in the signature
  bool redacted = false;  // hidden by the provider's choice
  bool operator==(const Reasoning&) const = default;
};
struct ToolCall {
  std::string id{};
  std::string name{};
  std::string tool_namespace{};
  ToolKind kind = ToolKind::function;
  std::string input{};  // function: text of a JSON object, "{}" when empty. custom: free text
  bool operator==(const ToolCall&) const = default;
};
struct Part;
struct ToolResult {
  std::string call_id{};
  std::vector<Part> parts;  // text, images, documents
  bool failed = false;
  bool operator==(const ToolResult&) const;
};

// Goes back unchanged, on the same part, in the same order, and to no other provider.
struct Signature {
  std::string provider_id{};
  std::string model_id{};
  std::string item_id{};  // the provider's name for the part, where it wants that back
  std::string value{};    // signature, thought signature or encrypted reasoning
  bool operator==(const Signature&) const = default;
};

// Where a statement comes from: a page, or a document of the request.
struct Citation {
  std::string url{};
  std::string title{};
  std::string quote{};                            // the words that are cited
  std::optional<std::uint32_t> document_index{};  // of the request's documents, from 0
  std::optional<std::uint32_t> start{};           // place in the text that cites, in code points, end exclusive
  std::optional<std::uint32_t> end{};
  Extras extras{};
  bool operator==(const Citation&) const = default;
};

struct Part {
  std::variant<Text, Image, Document, Reasoning, ToolCall, ToolResult, Refusal> content{};
  std::vector<Citation> citations{};  // of a text
  std::optional<Signature> signature{};
  Extras extras{};
  bool operator==(const Part&) const = default;
};
inline bool ToolResult::operator==(const ToolResult&) const = default;

struct Message {
  Role role = Role::user;
  std::vector<Part> parts{};  // order is meaning
  Extras extras{};
  bool operator==(const Message&) const = default;
};

struct Tool {
  std::string name{};
  std::string tool_namespace{};
  ToolKind kind = ToolKind::function;
  std::string description{};
  std::string schema_json{};  // JSON Schema as text, passed on as written; empty: none was given
  std::optional<bool> strict{};
  Extras extras{};
  bool operator==(const Tool&) const = default;
};

enum class ToolChoiceMode : std::uint8_t { unspecified, automatic, none, any, one };
struct ToolChoice {
  ToolChoiceMode mode = ToolChoiceMode::unspecified;
  std::string name{};              // with one
  std::optional<bool> parallel{};  // several calls in one reply; absent: the provider's default
  bool operator==(const ToolChoice&) const = default;
};

struct Sampling {
  std::optional<double> temperature{};
  std::optional<double> top_p{};
  std::optional<std::int32_t> top_k{};
  std::optional<double> frequency_penalty{};
  std::optional<double> presence_penalty{};
  std::optional<std::int64_t> seed{};
  bool operator==(const Sampling&) const = default;
};

enum class ThinkingMode : std::uint8_t { unspecified, enabled, adaptive, disabled };
struct Thinking {
  ThinkingMode mode = ThinkingMode::unspecified;
  std::optional<std::int64_t> budget_tokens{};
  std::string effort{};           // minimal, low, medium, high, xhigh, max, or a word that only the provider knows
  std::optional<bool> visible{};  // reasoning text is wanted in the reply
  bool operator==(const Thinking&) const = default;
};

enum class OutputKind : std::uint8_t { unspecified, text, json, json_schema };
struct OutputFormat {
  OutputKind kind = OutputKind::unspecified;
  std::string name{};         // with json_schema
  std::string schema_json{};  // with json_schema, as written
  std::optional<bool> strict{};
  bool operator==(const OutputFormat&) const = default;
};

struct Prompt {
  std::vector<Message> messages{};
  std::vector<Tool> tools{};
  std::optional<ToolChoice> tool_choice{};  // absent: the provider's default
  bool operator==(const Prompt&) const = default;
};

struct Request {
  DialectId client_dialect = DialectId::openai_chat;
  std::string model{};  // as the client wrote it
  Delivery delivery = Delivery::whole;
  Prompt prompt{};
  std::optional<std::int64_t> output_tokens_max{};
  Sampling sampling{};
  Thinking thinking{};
  OutputFormat output_format{};
  std::vector<std::string> stop_sequences{};
  std::string user_id{};  // the end user, as the provider shall know them
  std::vector<std::pair<std::string, std::string>> metadata{};
  std::string service_tier{};
  Extras extras{};
  bool operator==(const Request&) const = default;
};

}  // namespace maestro::chat
