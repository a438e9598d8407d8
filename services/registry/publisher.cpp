#include "registry/publisher.h"

#include <array>
#include <utility>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <sodium.h>

#include "base/limits.h"
#include "log/log.h"
#include "registry/json_text.h"
#include "registry/names.h"
#include "store/file.h"
#include "store/store.h"

namespace maestro::registry {
namespace {

constexpr std::size_t file_bytes_max = 4096;
constexpr std::size_t pushes_remembered = 32;

std::string fresh_epoch() {
  std::array<unsigned char, 12> random{};
  randombytes_buf(random.data(), random.size());
  std::array<char, 2 * 12 + 1> text{};
  sodium_bin2hex(text.data(), text.size(), random.data(), random.size());
  return text.data();
}

// The same content gives the same bytes: maps are written in order.
std::string fixed_bytes(const v1::Catalog& catalog) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    catalog.SerializeToCodedStream(&coded);
  }
  return bytes;
}

// Times tell how fresh a list is, not what the catalog says: a list that was fetched again unchanged is no change.
std::string content_of(v1::Catalog catalog) {
  catalog.clear_revision();
  catalog.clear_build_time();
  for (v1::Provider& provider : *catalog.mutable_providers()) {
    if (provider.has_listing()) provider.mutable_listing()->clear_fetch_time();
  }
  return store::content_revision(fixed_bytes(catalog));
}

}  // namespace

Publisher::Publisher(const rpc::Executor& executor, std::filesystem::path file)
    : file_(std::move(file)), broadcast_(executor, rpc::Package::registry) {
  load();
}

void Publisher::load() {
  auto bytes = store::read_file(file_, file_bytes_max);
  if (bytes && *bytes) {
    auto json = parse_json(**bytes, Doubles::refuse);
    if (json && json->is_object() && json->contains("epoch") && (*json)["epoch"].is_string() &&
        json->contains("number") && (*json)["number"].is_number_unsigned() && json->contains("content") &&
        (*json)["content"].is_string()) {
      revision_.set_epoch((*json)["epoch"].get<std::string>());
      revision_.set_number((*json)["number"].get<std::uint64_t>());
      content_ = (*json)["content"].get<std::string>();
    } else {
      log::warning("catalog_revision_ignored",
                   {{"file", file_.string()}, {"why", "it is damaged; a new epoch begins"}});
    }
  }
  if (revision_.epoch().empty()) revision_.set_epoch(fresh_epoch());
}

Result<void> Publisher::save(const std::string& content) {
  Json json;
  json["epoch"] = revision_.epoch();
  json["number"] = revision_.number();
  json["content"] = content;
  return store::replace_file(file_, json.dump() + '\n');
}

void Publisher::number_next(const std::string& content) {
  revision_.set_number(revision_.number() + 1);
  if (auto saved = save(content); !saved) {
    revision_.set_epoch(fresh_epoch());
    log::error("catalog_revision_not_saved",
               {{"why", saved.error().message}, {"effect", "the catalog is served under a new epoch"}});
  }
}

Result<bool> Publisher::publish(v1::Catalog catalog) {
  const std::string content = content_of(catalog);
  if (present_ && content == content_) return false;
  auto routed = to_route(catalog);
  if (!routed) return routed.error();
  if (catalog.ByteSizeLong() > limits::snapshot_bytes_max) {
    return Error(ErrorKind::too_large, "the catalog is larger than " + std::to_string(limits::snapshot_bytes_max) +
                                           " bytes; remove providers or models");
  }
  // After a restart the same catalog keeps its number.
  if (content != content_ || revision_.number() == 0) number_next(content);
  content_ = content;
  v1::WatchCatalogResponse response;
  *response.mutable_revision() = revision_;
  *catalog.mutable_revision() = revision_;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  catalog.mutable_build_time()->set_seconds(std::chrono::duration_cast<std::chrono::seconds>(now).count());
  *response.mutable_catalog() = std::move(catalog);
  routed_ = std::move(*routed);
  pushed_.push_back(Pushed{revision_, std::chrono::steady_clock::now()});
  if (pushed_.size() > pushes_remembered) pushed_.pop_front();
  broadcast_.publish(std::move(response));
  present_ = broadcast_.present();
  return true;
}

std::optional<std::chrono::steady_clock::time_point> Publisher::push_time(const v1::Revision& revision) const {
  for (const Pushed& pushed : pushed_) {
    if (same_revision(pushed.revision, revision)) return pushed.time;
  }
  return std::nullopt;
}

bool is_newer(const v1::Revision& a, const v1::Revision& b) {
  return a.epoch() != b.epoch() || a.number() > b.number();
}
bool same_revision(const v1::Revision& a, const v1::Revision& b) {
  return a.epoch() == b.epoch() && a.number() == b.number();
}
std::string revision_text(const v1::Revision& revision) {
  return revision.epoch() + '/' + std::to_string(revision.number());
}

}  // namespace maestro::registry
