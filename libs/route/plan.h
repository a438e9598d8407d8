// Decide, then do: the ordered targets for one request, as a value. Pure; the same code answers requests in the gateway
// and explains them in the registry.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chat/needs.h"
#include "route/catalog.h"

namespace maestro::route {

// verbatim: client and provider speak one dialect, the client's bytes go on. translated: through the canonical words.
enum class Lane : std::uint8_t { verbatim, translated };

// A provider and its model, chosen for one attempt. Points into the catalog that the plan was made from.
struct Target {
  const Provider* provider = nullptr;
  const Model* model = nullptr;
  chat::DialectId dialect = chat::DialectId::openai_chat;
  Lane lane = Lane::verbatim;
};

// Who asks: what a client key allows.
struct Principal {
  std::string key_id;
  std::string name;
  bool may_infer = false;
  bool may_administer = false;
  std::vector<std::string> allowed_models;  // "provider/model", or with a final "*"; empty: all

  bool may_use(std::string_view qualified_model) const;
};

class Plan {
 public:
  static constexpr std::size_t targets_max = 11;  // one and at most ten retries

  std::span<const Target> targets() const { return {targets_.data(), size_}; }
  bool full() const { return size_ == targets_max; }
  void add(const Target& target) { targets_[size_++] = target; }

 private:
  std::array<Target, targets_max> targets_;
  std::size_t size_ = 0;
};

// not_found with near names in `choices`; forbidden when the key allows none of them; invalid_request when no target
// can do what is asked. A provider without models fails with its problem (unavailable) instead of "unknown model".
Result<Plan> make_plan(const Catalog& catalog, const Principal& principal, std::string_view model,
                       const chat::Needs& needs);

}  // namespace maestro::route
