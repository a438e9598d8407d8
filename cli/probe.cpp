#include "cli/probe.h"

#include <httplib.h>
#include <nlohmann/json.hpp>

#include "base/limits.h"

namespace maestro::cli {
namespace {

std::string text_in(const std::string& body, const char* name) {
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (!json.is_object()) return {};
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::string reason_of(httplib::Error error) {
  if (error == httplib::Error::Connection) return "the connection failed";
  if (error == httplib::Error::Read)
    return "no answer within " + std::to_string(limits::local_probe_time_max.count()) + " s";
  return httplib::to_string(error);
}

}  // namespace

Probe probe(const std::string& base_url) {
  httplib::Client client{base_url};
  client.set_connection_timeout(limits::local_probe_time_max);
  client.set_read_timeout(limits::local_probe_time_max);
  Probe probe;
  if (!client.is_valid()) {
    probe.reason = "not an http or https URL";
    return probe;
  }
  const auto health = client.Get("/health");
  if (!health) {
    probe.reason = reason_of(health.error());
    return probe;
  }
  if (health->status != 200) {
    probe.reason = "GET /health answered " + std::to_string(health->status);
    return probe;
  }
  probe.answer = Probe::Answer::alive;
  if (const auto root = client.Get("/"); root && root->status == 200) probe.version = text_in(root->body, "version");
  const auto ready = client.Get("/ready");
  if (ready && ready->status == 200) probe.answer = Probe::Answer::ready;
  if (ready && ready->status != 200) {
    probe.reason = text_in(ready->body, "reason");
    if (probe.reason.empty()) probe.reason = "GET /ready answered " + std::to_string(ready->status);
  }
  return probe;
}

}  // namespace maestro::cli
