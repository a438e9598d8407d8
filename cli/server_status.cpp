#include <ctime>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "cli/contexts.h"
#include "cli/places.h"
#include "cli/probe.h"
#include "cli/process_facts.h"
#include "cli/server_commands.h"
#include "cli/server_file.h"

namespace maestro::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Status {
  std::string address{};
  Probe probe{};
  std::optional<ServerFile> file{};  // of a server on this machine
};

// The server that is meant: by port, else the one that runs here, else what the current context points to.
Result<Status> look(const StatusOptions& options, const Environment& environment) {
  const auto runtime = runtime_directory(options.runtime_dir, environment, ::geteuid());
  if (!runtime) return runtime.error();
  const auto config = config_directory(options.config_dir, environment);
  if (!config) return config.error();
  const auto context = current_context(*config, environment);
  if (!context) return context.error();
  Status status;
  if (options.port || options.runtime_dir || context->name == local_context) {
    auto file = running_server(*runtime, options.port);
    if (!file && (options.port || options.runtime_dir || file.error().kind != ErrorKind::unavailable)) {
      return file.error();
    }
    if (file) status.file = std::move(*file);
  }
  status.address = status.file ? base_url(*status.file) : context->endpoint;
  if (status.file && status.file->port == 0) {
    status.probe.reason = "it starts, and its port is not known yet";
  } else {
    status.probe = probe(status.address);
  }
  return status;
}

std::string_view state_of(const Probe& probe) {
  switch (probe.answer) {
    case Probe::Answer::none:
      return "not reachable";
    case Probe::Answer::alive:
      return "not ready";
    case Probe::Answer::ready:
      return "ready";
  }
  return "not reachable";
}

bool alive(const ServiceEntry& service) { return service.pid > 0 && start_ticks(service.pid).has_value(); }

bool ready(const ServiceEntry& service, const Probe& probe) {
  if (service.name == gateway_service) return probe.answer == Probe::Answer::ready;
  return alive(service) && service.readiness == Readiness::ready;
}

long long uptime_seconds(const ServerFile& file) {
  return static_cast<long long>(std::time(nullptr)) - static_cast<long long>(file.started_at);
}

Json services_json(const Status& status) {
  Json services = Json::object();
  for (const auto& service : status.file->services) {
    const bool runs = alive(service);
    const auto memory = runs ? memory_bytes(service.pid) : std::nullopt;
    Json entry{{"pid", nullptr}, {"alive", runs}, {"ready", ready(service, status.probe)}};
    if (runs) entry["pid"] = service.pid;
    entry["memory_bytes"] = memory ? Json(*memory) : Json(nullptr);
    entry["restarts"] = service.restarts;
    entry["address"] = service.address;
    services[service.name] = std::move(entry);
  }
  return services;
}

void print_json(const Status& status, const Caller& caller) {
  Json json{{"address", status.address}, {"state", state_of(status.probe)}};
  json["version"] = status.file ? status.file->version : status.probe.version;
  if (!status.probe.reason.empty()) json["reason"] = status.probe.reason;
  if (status.file) {
    json["pid"] = status.file->pid;
    json["uptime_seconds"] = uptime_seconds(*status.file);
    json["log_file"] = status.file->log_file;
    json["services"] = services_json(status);
  }
  caller.out.line(json.dump(2, ' ', false, Json::error_handler_t::replace));
}

void print_text(const Status& status, const Caller& caller) {
  const Sheet& out = caller.out;
  const bool good = status.probe.answer == Probe::Answer::ready;
  const std::string version = status.file ? status.file->version : status.probe.version;
  std::vector<Row> rows{{"address", status.address},
                        {"state", out.paint(good ? Tone::good : Tone::bad, state_of(status.probe))}};
  if (!status.probe.reason.empty()) rows.push_back({"reason", status.probe.reason});
  if (!version.empty()) rows.push_back({"version", version});
  if (status.file) {
    rows.push_back({"uptime", duration_text(uptime_seconds(*status.file))});
    rows.push_back({"log", status.file->log_file});
  }
  out.write(table(rows));
  if (!status.file) return;
  std::vector<Row> services{{"service", "pid", "alive", "ready", "memory", "restarts"}};
  for (const auto& service : status.file->services) {
    const bool runs = alive(service);
    const auto memory = runs ? memory_bytes(service.pid) : std::nullopt;
    const auto word = [&](bool yes) { return out.paint(yes ? Tone::good : Tone::bad, yes ? "yes" : "no"); };
    services.push_back({service.name, runs ? std::to_string(service.pid) : "-", word(runs),
                        word(ready(service, status.probe)), memory ? memory_text(*memory) : "-",
                        std::to_string(service.restarts)});
  }
  out.write("\n" + table(services));
}

}  // namespace

ExitCode server_status(const StatusOptions& options, const Caller& caller) {
  const auto status = look(options, caller.environment);
  if (!status) return report(status.error(), caller);
  if (options.format == Format::json) {
    print_json(*status, caller);
  } else {
    print_text(*status, caller);
  }
  if (status->probe.answer != Probe::Answer::none) return ExitCode::done;
  return report({ErrorKind::unavailable, "The server at " + status->address + " is not reachable (" +
                                             status->probe.reason + "). Start one with `router-maestro server start`."},
                caller);
}

}  // namespace maestro::cli
