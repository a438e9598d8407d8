// providers.json: the providers that people add by hand.
//
//   {"providers": {"ollama": {"type": "openai-compatible", "baseURL": "http://localhost:11434/v1",
//     "models": {"llama3": {"name": "Llama 3"}},
//     "options": {"api_key_env": "LOCAL_KEY", "allow_unauthenticated": true, "dialects": ["anthropic"],
//                 "timeouts": {"connect_seconds": 10, "first_event_seconds": 300, "whole_reply_seconds": 600,
//                              "idle_seconds": 300, "total_seconds": 3600}}}}}
//
// Law: order is meaning. An entry that is wrong is refused by itself, with its place and what to do, and never applied
// in part; what is wrong with the whole file refuses the file. Members that nobody here knows are kept as they are.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "maestro/registry/v1/catalog.pb.h"
#include "maestro/registry/v1/registry_service.pb.h"

namespace maestro::registry {

namespace pb = ::maestro::registry::v1;

struct ProvidersFile {
  struct Entry {
    pb::ProviderEntry entry;                                  // of a refused one only the id
    std::vector<std::pair<std::string, std::string>> models;  // id and display name in the order of the file
    std::vector<std::string> unknown_options;                 // their names
    std::string problem;                                      // why it was refused; empty: good
  };
  std::vector<Entry> entries;
  std::string revision;  // hex SHA-256 of the canonical JSON
};

// `file_name` begins every problem: "/etc/.../providers.json:3:14: providers.ollama.baseURL: ...". No bytes: no file.
Result<ProvidersFile> read_providers(std::string_view bytes, std::string_view file_name);

// The file with one entry added or replaced, or removed; the other entries keep their bytes. invalid_request: the entry
// is wrong (field_path says where), or the file as it stands is; not_found: there is no entry of this id.
Result<std::string> with_entry(std::string_view bytes, const pb::ProviderEntry& entry, std::string_view file_name);
Result<std::string> without_entry(std::string_view bytes, std::string_view id, std::string_view file_name);

// The dialect that a type of providers.json speaks; UNSPECIFIED for a type that does not exist.
pb::Dialect dialect_of_type(std::string_view type);
// "openai_chat", and back; UNSPECIFIED for a name that does not exist.
std::string_view dialect_name(pb::Dialect dialect);
pb::Dialect dialect_from(std::string_view name);

// http or https, a host, no credentials, query or fragment, and no path of a request at its end. Without final slashes.
// The error's message is one sentence without the URL itself.
Result<std::string> checked_base_url(std::string_view url);

// Without regard to case: an entry may not take the name of a provider that is built in.
bool is_builtin_name(std::string_view id);

bool equal_but_for_case(std::string_view a, std::string_view b);

}  // namespace maestro::registry
