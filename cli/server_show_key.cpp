#include <nlohmann/json.hpp>

#include "cli/contexts.h"
#include "cli/places.h"
#include "cli/server_commands.h"

namespace maestro::cli {

ExitCode server_show_key(const ShowKeyOptions& options, const Caller& caller) {
  const auto config = config_directory(options.config_dir, caller.environment);
  if (!config) return report(config.error(), caller);
  const auto context = current_context(*config, caller.environment);
  if (!context) return report(context.error(), caller);
  if (context->api_key.empty()) {
    return report(
        {ErrorKind::internal, "The context '" + context->name + "' has no key. `router-maestro server start` makes " +
                                  "one, or set ROUTER_MAESTRO_API_KEY."},
        caller);
  }
  const std::string key{context->api_key.reveal()};
  if (options.presentation == KeyPresentation::raw) {
    caller.out.line(key);
  } else if (options.format == Format::json) {
    const nlohmann::ordered_json json{{"context", context->name}, {"endpoint", context->endpoint}, {"api_key", key}};
    caller.out.line(json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  } else {
    caller.out.line("API Key: " + key);
  }
  return ExitCode::done;
}

}  // namespace maestro::cli
