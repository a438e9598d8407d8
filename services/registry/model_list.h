// A provider's own list of its models, as `GET {base_url}/models` gives it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace maestro::registry {

struct ListedModel {
  std::string id;
  std::string display_name;
  bool operator==(const ListedModel&) const = default;
};

struct ModelList {
  std::vector<ListedModel> models;                 // in the provider's order
  std::uint32_t skipped_count = 0;                 // entries that made no sense
  std::optional<std::int64_t> fetch_unix_seconds;  // of this list; nothing: it was never fetched
  std::string problem;                             // of the last fetch, safe to show; empty: it went well
};

enum class ListFilter { all, openai };

// The reply's body to a list without `problem`. provider_failed: it is no list of models at all.
Result<ModelList> read_model_list(std::string_view body, ListFilter filter);

// What OpenAI offers at least, for as long as it has not answered with its list.
ModelList openai_static_list();

// Of the models of OpenAI's list those that answer a chat.
bool is_openai_chat_model(std::string_view id);

}  // namespace maestro::registry
