#include "registry/changes.h"

#include <functional>
#include <string>
#include <utility>

#include "base/limits.h"
#include "log/log.h"
#include "registry/priorities_file.h"
#include "rpc/status.h"

namespace maestro::registry {
namespace {

grpc::Status refused(const Error& error, rpc::Mark mark = {}) {
  return rpc::to_status(error, rpc::Package::registry, mark);
}
grpc::Status invalid(std::string field_path, std::string message) {
  Error error(ErrorKind::invalid_request, std::move(message));
  error.field_path = std::move(field_path);
  return refused(error);
}
grpc::Status precondition(std::string reason, std::string message) {
  rpc::Mark mark;
  mark.reason = std::move(reason);
  mark.precondition = true;
  return refused(Error(ErrorKind::invalid_request, std::move(message)), mark);
}
grpc::Status conflict(std::string current_revision) {
  rpc::Mark mark;
  mark.reason = "REVISION_CONFLICT";
  mark.current_revision = std::move(current_revision);
  return refused(Error(ErrorKind::conflict, "It was changed meanwhile. Read it again and apply the change to that."),
                 mark);
}

// The file as it stands, and how a change to it is written. Only what was read is replaced.
struct Present {
  std::string bytes;
  std::string bytes_revision;  // of the store; empty: there is no file
  ProvidersFile file;
};

grpc::Status read_present(Registry& registry, const std::string& expected_revision, Present& present) {
  if (expected_revision.empty()) {
    return invalid("expected_revision", "Name the revision that the change was made from: ListProviders tells it.");
  }
  auto document = registry.store().get("providers.json");
  if (!document) return refused(document.error());
  if (*document) present = Present{(*document)->bytes, (*document)->revision, {}};
  auto file = read_providers(present.bytes, registry.providers_path());
  if (!file) return precondition("FILE_REFUSED", "Mend the file by hand first: " + file.error().message);
  present.file = std::move(*file);
  if (present.file.revision != expected_revision) return conflict(present.file.revision);
  return grpc::Status::OK;
}

grpc::Status write_providers(Registry& registry, const Present& present, const std::string& bytes) {
  auto written = registry.store().put("providers.json", bytes, present.bytes_revision);
  if (!written && written.error().kind == ErrorKind::conflict) {
    auto document = registry.store().get("providers.json");
    auto file = read_providers(document && *document ? (*document)->bytes : std::string{}, registry.providers_path());
    return conflict(file ? file->revision : std::string{});
  }
  if (!written) return refused(written.error());
  registry.reload_providers();
  return grpc::Status::OK;
}

// What PutProvider would write; nothing is written yet.
grpc::Status prepare_put(Registry& registry, const v1::PutProviderRequest& request, Present& present,
                         std::string& bytes) {
  if (is_builtin_name(request.entry().id())) {
    return precondition("BUILTIN_NAME", "The name is that of a built-in provider. Choose another.");
  }
  if (auto status = read_present(registry, request.expected_revision(), present); !status.ok()) return status;
  auto text = with_entry(present.bytes, request.entry(), registry.providers_path());
  if (!text) return refused(text.error());
  bytes = std::move(*text);
  return grpc::Status::OK;
}

// Asks the provider for its models with the credential that auth holds for it.
rpc::Awaitable<grpc::Status> verify(Registry& registry, const v1::ProviderEntry& entry) {
  const Deadline deadline = Deadline::in(limits::provider_verify_time_max);
  ProvidersFile::Entry checked;
  checked.entry = entry;
  if (checked.entry.type().empty()) checked.entry.set_type("openai-compatible");
  ProvidersFile alone;
  alone.entries.push_back(checked);
  auth::v1::ProviderAuth wanted = provider_auths(alone, {}).back();
  auto lease = co_await registry.auth().trial_lease(std::move(wanted), deadline);
  if (!lease) {
    const ErrorKind kind = lease.error().kind;
    if (kind == ErrorKind::unavailable || kind == ErrorKind::deadline_passed) co_return refused(lease.error());
    co_return precondition("NO_CREDENTIAL", lease.error().message);
  }
  ListSource source;
  source.provider_id = entry.id();
  source.base_url = entry.base_url();
  while (source.base_url.ends_with('/')) source.base_url.pop_back();
  Fetcher fetcher = registry.fetcher();
  auto list = co_await fetch_model_list(std::move(fetcher), std::move(source), std::move(*lease), deadline);
  if (list) co_return grpc::Status::OK;
  const std::string message = "The provider did not give its models: " + list.error().message;
  if (list.error().kind == ErrorKind::provider_refused) co_return precondition("PROVIDER_REFUSED", message);
  Error error(ErrorKind::unavailable, message);
  error.detail = list.error().detail;
  co_return refused(error);
}

}  // namespace

rpc::Awaitable<grpc::Status> put_provider(Registry& registry, const v1::PutProviderRequest& request,
                                          v1::PutProviderResponse& response) {
  Present present;
  std::string bytes;
  if (auto status = prepare_put(registry, request, present, bytes); !status.ok()) co_return status;
  if (request.verify()) {
    auto status = co_await verify(registry, request.entry());
    if (!status.ok()) co_return status;
    // The file may have changed while the provider was asked.
    present = Present{};
    if (status = prepare_put(registry, request, present, bytes); !status.ok()) co_return status;
  }
  if (auto status = write_providers(registry, present, bytes); !status.ok()) co_return status;
  log::info("provider_put", {{"provider", request.entry().id()}});
  response.set_revision(registry.providers().revision);
  *response.mutable_catalog_revision() = registry.publisher().revision();
  co_return grpc::Status::OK;
}

grpc::Status delete_provider(Registry& registry, const v1::DeleteProviderRequest& request,
                             v1::DeleteProviderResponse& response) {
  Present present;
  if (auto status = read_present(registry, request.expected_revision(), present); !status.ok()) return status;
  auto bytes = without_entry(present.bytes, request.id(), registry.providers_path());
  if (!bytes) {
    if (is_builtin_name(request.id())) return precondition("BUILTIN_NAME", "The provider is built in.");
    return refused(bytes.error());
  }
  if (auto status = write_providers(registry, present, *bytes); !status.ok()) return status;
  log::info("provider_deleted", {{"provider", request.id()}});
  response.set_revision(registry.providers().revision);
  *response.mutable_catalog_revision() = registry.publisher().revision();
  return grpc::Status::OK;
}

grpc::Status update_config(Registry& registry, const v1::UpdateConfigRequest& request,
                           v1::UpdateConfigResponse& response) {
  if (request.expected_revision().empty()) {
    return invalid("expected_revision", "Name the revision that the change was made from: GetConfig tells it.");
  }
  auto document = registry.store().get("priorities.json");
  if (!document) return refused(document.error());
  const std::string bytes = *document ? (*document)->bytes : std::string{};
  auto present = read_config(bytes, registry.config_path());
  if (!present) return precondition("FILE_REFUSED", "Mend the file by hand first: " + present.error().message);
  const std::string revision = config_revision(*present);
  if (revision != request.expected_revision()) return conflict(revision);
  auto merged = merged_config(*present, request.config(), request.update_mask());
  if (!merged) return refused(merged.error());
  auto complete = complete_config(*merged);
  if (!complete) return refused(complete.error());
  if (config_revision(*complete) != revision) {
    const std::string bytes_revision = *document ? (*document)->revision : std::string{};
    auto written = registry.store().put("priorities.json", write_config(*complete, bytes), bytes_revision);
    if (!written && written.error().kind == ErrorKind::conflict) {
      auto now = registry.store().get("priorities.json");
      auto config = read_config(now && *now ? (*now)->bytes : std::string{}, registry.config_path());
      return conflict(config ? config_revision(*config) : std::string{});
    }
    if (!written) return refused(written.error());
    log::info("config_updated", {});
  }
  registry.reload_config();
  *response.mutable_config() = registry.config();
  response.set_revision(config_revision(registry.config()));
  *response.mutable_catalog_revision() = registry.publisher().revision();
  return grpc::Status::OK;
}

}  // namespace maestro::registry
