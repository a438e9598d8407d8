// Tells which file of a directory may have changed, by inotify on the directory: editors rename, so a watch on the file
// itself goes blind with the first save. Only hints: the reader looks at the bytes.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>

namespace maestro::store {

class DirectoryWatch final {
 public:
  // The name of a file that may have changed; empty: any may have (events were lost, or the safety net looks).
  using Hint = std::function<void(std::string_view file_name)>;

  DirectoryWatch(boost::asio::io_context& loop, std::vector<std::filesystem::path> directories, Hint hint);
  DirectoryWatch(const DirectoryWatch&) = delete;
  DirectoryWatch& operator=(const DirectoryWatch&) = delete;
  ~DirectoryWatch();  // no hint after it

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace maestro::store
