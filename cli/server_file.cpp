#include "cli/server_file.h"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/limits.h"
#include "cli/places.h"
#include "cli/process_facts.h"

namespace maestro::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

template <class Number>
bool take_number(const Json& object, const char* name, Number& number) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_integer()) return false;
  number = found->get<Number>();
  return true;
}

bool take_text(const Json& object, const char* name, std::string& text) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return false;
  text = found->get<std::string>();
  return true;
}

Error malformed(std::string_view what) {
  return {ErrorKind::internal, "server.json is malformed: " + std::string(what)};
}

}  // namespace

std::string to_json(const ServerFile& file) {
  Json services = Json::object();
  for (const auto& service : file.services) {
    services[service.name] = Json{{"pid", service.pid},
                                  {"address", service.address},
                                  {"ready", service.readiness == Readiness::ready},
                                  {"restarts", service.restarts}};
  }
  const Json json{{"version", file.version},
                  {"pid", file.pid},
                  {"start_ticks", file.start_ticks},
                  {"start_time", file.started_at},
                  {"host", file.host},
                  {"port", file.port},
                  {"drain_time_seconds", file.drain_time_seconds},
                  {"log_file", file.log_file},
                  {"services", services}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<ServerFile> server_file_of(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return malformed("no JSON object");
  ServerFile file;
  if (!take_number(json, "pid", file.pid) || file.pid <= 0) return malformed("pid");
  if (!take_number(json, "start_ticks", file.start_ticks)) return malformed("start_ticks");
  if (!take_number(json, "start_time", file.started_at)) return malformed("start_time");
  if (!take_number(json, "port", file.port)) return malformed("port");
  if (!take_text(json, "host", file.host)) return malformed("host");
  if (!take_text(json, "version", file.version)) return malformed("version");
  take_number(json, "drain_time_seconds", file.drain_time_seconds);
  take_text(json, "log_file", file.log_file);
  const auto services = json.find("services");
  if (services == json.end() || !services->is_object()) return malformed("services");
  for (const auto& [name, entry] : services->items()) {
    ServiceEntry service;
    service.name = name;
    if (!entry.is_object() || !take_number(entry, "pid", service.pid)) return malformed("services." + name);
    take_text(entry, "address", service.address);
    take_number(entry, "restarts", service.restarts);
    const auto ready = entry.find("ready");
    if (ready != entry.end() && *ready == true) service.readiness = Readiness::ready;
    file.services.push_back(std::move(service));
  }
  return file;
}

Result<void> write_server_file(const fs::path& path, const ServerFile& file) {
  const fs::path fresh = path.string() + ".new";
  const std::string text = to_json(file);
  Descriptor output{::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600)};
  const bool written = output.open() && ::write(output.get(), text.data(), text.size()) == std::ssize(text);
  if (!written || ::rename(fresh.c_str(), path.c_str()) != 0) {
    return Error(ErrorKind::internal, path.string() + " cannot be written: " + std::generic_category().message(errno));
  }
  return success();
}

std::string base_url(const ServerFile& file) {
  std::string host = file.host;
  if (host == "0.0.0.0") host = "127.0.0.1";
  if (host == "::") host = "::1";
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return "http://" + host + ":" + std::to_string(file.port);
}

std::vector<ServerFile> running_servers(const fs::path& runtime_directory) {
  std::vector<ServerFile> found;
  std::error_code error;
  for (fs::directory_iterator folder{runtime_directory, error}, end; !error && folder != end; folder.increment(error)) {
    const auto text = read_small_file(folder->path() / "server.json", limits::local_file_bytes_max);
    if (!text) continue;
    auto file = server_file_of(*text);
    if (file && start_ticks(file->pid) == file->start_ticks) found.push_back(std::move(*file));
  }
  std::sort(found.begin(), found.end(), [](const auto& one, const auto& other) { return one.port < other.port; });
  return found;
}

Result<ServerFile> running_server(const fs::path& runtime_directory, std::optional<int> port) {
  auto servers = running_servers(runtime_directory);
  if (port) std::erase_if(servers, [&](const auto& server) { return server.port != *port; });
  if (servers.size() == 1) return std::move(servers.front());
  if (servers.empty()) {
    const std::string where = port ? " on port " + std::to_string(*port) : "";
    return Error(ErrorKind::unavailable, "No server runs" + where + ". Start one with `router-maestro server start`.");
  }
  std::string ports;
  for (const auto& server : servers) ports += (ports.empty() ? "" : ", ") + std::to_string(server.port);
  return Error(ErrorKind::ambiguous, "Several servers run, on the ports " + ports + ". Choose one with --port.");
}

}  // namespace maestro::cli
