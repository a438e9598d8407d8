// One entry of providers.json, from JSON and to JSON.
#pragma once

#include <string>
#include <string_view>

#include "registry/json_text.h"
#include "registry/providers_file.h"

namespace maestro::registry {

// The error's field_path is the place below the entry ("options.timeouts.idle_seconds"), empty for the entry itself.
Result<ProvidersFile::Entry> read_entry(std::string_view id, const Json& json);
// What is wrong with an id by itself; empty: nothing.
std::string problem_of_id(std::string_view id);
// `before` is the entry that is replaced, or null: members of it that nobody here knows stay, and the order of its
// models. The error's field_path is the place in ProviderEntry.
Result<Json> write_entry(const pb::ProviderEntry& entry, const Json& before);

}  // namespace maestro::registry
