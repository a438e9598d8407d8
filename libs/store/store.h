// Documents by name, with compare-and-set and a watch: the state that people may edit by hand.
//
//   auto store = store::open_files(loop, store::default_directories());
//   auto document = (*store)->get("providers.json");
//   auto written = (*store)->put("providers.json", bytes, document ? document->revision : "");
//
// Law: the present bytes of a document are its truth; a writer names the revision that it read, and the second of two
// writers gets ErrorKind::conflict. A document is replaced whole or not at all. Everything here runs on the thread of
// the io_context, which must outlive the Store; calls block for the time of a read or a synced write.
// Errors: conflict (another writer was faster), too_large (limits::document_bytes_max), unavailable (the disk or the
// lock), not_found (no such document name). The messages name the file and say what to do.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>

#include "base/result.h"

namespace maestro::store {

struct Document {
  std::string bytes;
  std::string revision;  // of the content: lower-case hex SHA-256 of the bytes
};

class Store {
 public:
  virtual ~Store() = default;

  // Nothing while the document does not exist.
  virtual Result<std::optional<Document>> get(std::string_view name) = 0;
  // `expected_revision` is that of the bytes the change was made from; empty: the document must not exist yet.
  // The same bytes again are a success without a write.
  virtual Result<Document> put(std::string_view name, std::string_view bytes, std::string_view expected_revision) = 0;
  // `changed` is called on the loop's thread each time the bytes are others than before, whoever wrote them (this Store
  // too), or the document appeared or vanished; within 100 ms of a hand edit. Never from inside get() or put().
  virtual void watch(std::string_view name, std::function<void()> changed) = 0;
};

// providers.json, priorities.json and contexts.json lie in `config_dir`; auth.json and keys.json in `data_dir`.
struct Directories {
  std::filesystem::path config_dir;
  std::filesystem::path data_dir;
};

// $XDG_CONFIG_HOME or ~/.config, $XDG_DATA_HOME or ~/.local/share, each with /router-maestro. A variable that is empty
// or not an absolute path counts as unset.
Directories default_directories();

// The file store. Makes the directories (0700) where they are missing.
Result<std::unique_ptr<Store>> open_files(boost::asio::io_context& loop, Directories directories);

// Lower-case hex SHA-256: how the revision of a content is made.
std::string content_revision(std::string_view bytes);

}  // namespace maestro::store
