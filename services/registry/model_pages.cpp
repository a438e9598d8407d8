#include "registry/model_pages.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/limits.h"

namespace maestro::registry {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& letter : result) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  return result;
}

// "epoch/number/offset": a page of one catalog makes no sense in another.
std::string token_of(const v1::Revision& revision, std::size_t offset) {
  return revision.epoch() + '/' + std::to_string(revision.number()) + '/' + std::to_string(offset);
}
std::optional<std::size_t> offset_from(std::string_view token, const v1::Revision& revision) {
  const std::string prefix = revision.epoch() + '/' + std::to_string(revision.number()) + '/';
  if (!token.starts_with(prefix)) return std::nullopt;
  token.remove_prefix(prefix.size());
  std::size_t offset = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), offset);
  if (error != std::errc{} || end != token.data() + token.size()) return std::nullopt;
  return offset;
}

bool lacks_operation(const v1::Model& model, v1::Operation operation) {
  return std::none_of(model.endpoints().begin(), model.endpoints().end(),
                      [&](const v1::Endpoint& endpoint) { return endpoint.operation() == operation; });
}

bool over(std::int64_t wanted, bool known, std::int64_t at_most) { return wanted > 0 && known && wanted > at_most; }

// Known to lack any of it; what is unknown stays.
bool lacks(const v1::Model& model, const v1::Needs& needs) {
  const v1::Operation operation =
      needs.operation() == v1::OPERATION_UNSPECIFIED ? v1::OPERATION_GENERATE : needs.operation();
  if (lacks_operation(model, operation)) return true;
  const v1::Capabilities& capabilities = model.capabilities();
  for (const int capability : needs.capabilities()) {
    if (std::find(capabilities.unable().begin(), capabilities.unable().end(), capability) !=
        capabilities.unable().end()) {
      return true;
    }
  }
  const auto& efforts = capabilities.efforts().names();
  if (!needs.effort().empty() && capabilities.has_efforts() &&
      std::find(efforts.begin(), efforts.end(), needs.effort()) == efforts.end()) {
    return true;
  }
  const v1::Limits& limits = model.limits();
  return over(needs.prompt_tokens(), limits.has_prompt_tokens_max(), limits.prompt_tokens_max()) ||
         over(needs.output_tokens(), limits.has_output_tokens_max(), limits.output_tokens_max()) ||
         over(needs.prompt_tokens(), limits.has_context_tokens_max(), limits.context_tokens_max());
}

}  // namespace

Result<v1::ListModelsResponse> list_models(const v1::Catalog& catalog, const route::Catalog& routed,
                                           const v1::ListModelsRequest& request) {
  std::size_t offset = 0;
  if (!request.page_token().empty()) {
    const auto found = offset_from(request.page_token(), catalog.revision());
    if (!found) {
      Error error(ErrorKind::invalid_request, "The page token is of another catalog. Begin again without one.");
      error.field_path = "page_token";
      return error;
    }
    offset = *found;
  }
  const std::size_t page_size = request.page_size() == 0
                                    ? limits::models_page_size_max
                                    : std::min<std::size_t>(request.page_size(), limits::models_page_size_max);
  v1::ListModelsResponse response;
  *response.mutable_catalog_revision() = catalog.revision();
  const std::string text = lower(request.text());
  const auto& listed = routed.listed();
  for (; offset < listed.size(); ++offset) {
    const v1::Model& model = catalog.models(static_cast<int>(listed[offset]));
    if (!request.provider_id().empty() && request.provider_id() != model.provider_id()) continue;
    if (!text.empty() && lower(model.provider_id() + '/' + model.id()).find(text) == std::string::npos &&
        lower(model.display_name()).find(text) == std::string::npos) {
      continue;
    }
    if (request.has_needs() && lacks(model, request.needs())) continue;
    if (static_cast<std::size_t>(response.models_size()) == page_size) {
      response.set_next_page_token(token_of(catalog.revision(), offset));
      break;
    }
    *response.add_models() = model;
  }
  return response;
}

}  // namespace maestro::registry
