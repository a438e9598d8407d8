#include "auth/declarations.h"

#include <utility>

#include "auth/contract.h"
#include "base/limits.h"
#include "log/log.h"
#include "store/file.h"

namespace maestro::auth {

Declarations::Declarations(std::filesystem::path file) : file_(std::move(file)) { load(); }

void Declarations::load() {
  auto bytes = store::read_file(file_, limits::snapshot_bytes_max);
  if (!bytes) return log::warning("declarations_ignored", {{"why", bytes.error().message}});
  if (!*bytes) return;
  v1::DeclareProvidersRequest request;
  if (!request.ParseFromString(**bytes))
    return log::warning("declarations_ignored", {{"why", "providers.pb is damaged: it is written anew"}});
  auto providers = providers_from(request);
  if (!providers) return log::warning("declarations_ignored", {{"why", providers.error().message}});
  catalog_ = from_message(request.catalog_revision());
  providers_ = std::move(*providers);
}

Result<void> Declarations::accept(const v1::DeclareProvidersRequest& request) {
  const auto revision = from_message(request.catalog_revision());
  if (revision.epoch.empty()) {
    Error error(ErrorKind::invalid_request, "Say of which catalog the declaration is.");
    error.field_path = "catalog_revision";
    return error;
  }
  auto providers = providers_from(request);
  if (!providers) return providers.error();
  if (revision.epoch == catalog_.epoch && revision.number < catalog_.number)
    return Error(ErrorKind::conflict, "A declaration of catalog " + std::to_string(catalog_.number) + " is known.");
  if (revision == catalog_ && *providers == providers_) return {};
  std::string bytes;
  if (!request.SerializeToString(&bytes)) return Error(ErrorKind::internal, "The declaration cannot be written.");
  if (auto made = store::make_directory(file_.parent_path()); !made) return made.error();
  if (auto written = store::replace_file(file_, bytes); !written) return written.error();
  catalog_ = revision;
  providers_ = std::move(*providers);
  return {};
}

}  // namespace maestro::auth
