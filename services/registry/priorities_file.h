// priorities.json: what people set about routing. Read whole or refused whole; what is absent has its default, and in a
// Config that comes from here every default is written out.
//
//   {"priorities": ["ollama/llama3"], "fallback": {"strategy": "priority", "maxRetries": 2},
//    "model_overrides": {"ollama/llama3": {"max_context_window_tokens": 8192}},
//    "thinking": {"default_budget": 16000, "auto_enable": false, "model_budgets": {}},
//    "guards": {"leak_guard": {"enabled": true}, "runaway_guard": {"enabled": true, "max_bytes": 10000000,
//    "max_deltas": 50000}}, "beta_strip": [], "audit": {"enabled": false, "trace_dir": null},
//    "aliases": {"fast": "ollama/llama3"}}
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "maestro/registry/v1/catalog.pb.h"

namespace google::protobuf {
class FieldMask;
}

namespace maestro::registry {

namespace pb = ::maestro::registry::v1;

// The message of an error begins with file, line and column, or with the JSON path. No bytes: no file.
Result<pb::Config> read_config(std::string_view bytes, std::string_view file_name);

// Every default written out; the error's field_path is the place in Config ("config.fallback.retries_max").
Result<pb::Config> complete_config(const pb::Config& config);

// Hex SHA-256 of the complete configuration as canonical JSON, with the names of the file; "aliases" left out while
// there are none.
std::string config_revision(const pb::Config& complete);
std::string canonical_config(const pb::Config& complete);

// What is to be written. Members of the present file that nobody here knows stay.
std::string write_config(const pb::Config& complete, std::string_view present_bytes);

// `present` with the fields that the mask names taken from `change`; an empty mask takes all. invalid_request names a
// path that does not exist.
Result<pb::Config> merged_config(const pb::Config& present, const pb::Config& change,
                                 const google::protobuf::FieldMask& mask);

}  // namespace maestro::registry
