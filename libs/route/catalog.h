// What exists and in what order it is tried, as the gateway and the registry both see it: immutable, numbered, checked
// as a whole before anybody uses it. Built from registry.v1.Catalog by whoever speaks protobuf; this room does not.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "chat/dialect_id.h"
#include "chat/needs.h"

namespace maestro::route {

struct Revision {
  std::string epoch;  // made once, when the store was created
  std::uint64_t number = 0;
  bool operator==(const Revision&) const = default;
  // Of one epoch, the larger number; of another epoch, whatever arrives.
  bool newer_than(const Revision& other) const { return epoch != other.epoch || number > other.number; }
};

// Absent: the gateway's own limits.
struct Timeouts {
  using Time = std::optional<std::chrono::milliseconds>;
  Time connect, first_event, whole_reply, idle, total;
};

struct Provider {
  std::string id;
  std::string display_name;
  std::string base_url;  // without a final "/"
  std::string adapter;   // gateway code for manners of its own; empty: none
  bool keyless = false;  // never waits for auth
  std::vector<std::pair<std::string, std::string>> headers;
  Timeouts timeouts;
  std::vector<std::string> rejected_fields;  // JSON pointers
  std::string problem;                       // why it has no models; safe to show
};

struct Endpoint {
  chat::Operation operation = chat::Operation::generate;
  chat::DialectId dialect = chat::DialectId::openai_chat;
};

struct Limits {
  std::optional<std::int64_t> prompt_tokens_max, output_tokens_max, context_tokens_max;
};

struct Model {
  std::uint32_t provider = 0;  // index in Catalog::providers()
  std::string id;              // sent to the provider as it is; may hold "/" and ":"
  std::string display_name;
  std::string qualified;  // "provider/id"
  Limits limits;
  std::optional<bool> images;     // absent: unknown
  std::optional<bool> reasoning;  // absent: unknown
  std::vector<Endpoint> endpoints;
};

struct Alias {
  std::string name;
  std::string target;
  bool listed = false;
};

struct CatalogParts {
  Revision revision;
  std::vector<Provider> providers;
  std::vector<Model> models;  // by provider, in the provider's order; `qualified` is filled by build()
  std::vector<Alias> aliases;
  std::vector<std::string> priorities;  // "provider/model", best first
  std::uint32_t retries_max = 2;        // targets after the first
};

class Catalog {
 public:
  static constexpr std::size_t models_max = 200'000;
  static constexpr std::size_t providers_max = 10'000;

  // invalid_request: what does not hold together, and where.
  static Result<std::shared_ptr<const Catalog>> build(CatalogParts parts);

  const Revision& revision() const { return parts_.revision; }
  const std::vector<Provider>& providers() const { return parts_.providers; }
  const std::vector<Model>& models() const { return parts_.models; }
  const std::vector<Alias>& aliases() const { return parts_.aliases; }
  std::uint32_t retries_max() const { return parts_.retries_max; }
  const Provider& provider_of(const Model& model) const { return parts_.providers[model.provider]; }

  // "provider/id" as written.
  const Model* find_qualified(std::string_view name) const;
  // All owners of an id as written, in the order of providers.
  std::span<const std::uint32_t> find_bare(std::string_view id) const;
  const Provider* find_provider(std::string_view id) const;
  // Without regard to case.
  const Alias* find_alias(std::string_view name) const;
  // Priorities first, the rest by provider and name (data-plane.md 1.3).
  const std::vector<std::uint32_t>& listed() const { return listed_; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  template <class Value>
  using ByName = std::unordered_map<std::string, Value, Hash, std::equal_to<>>;

  CatalogParts parts_;
  ByName<std::uint32_t> by_qualified_;
  ByName<std::vector<std::uint32_t>> by_id_;
  ByName<std::uint32_t> by_provider_;
  ByName<std::uint32_t> by_alias_;  // lower case
  std::vector<std::uint32_t> listed_;
};

}  // namespace maestro::route
