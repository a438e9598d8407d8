// RFC 4648 base64, as data URLs carry it. Reading takes the URL-safe letters too, and missing padding.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace maestro::dialect {

void append_base64(std::string& out, std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);

// "data:image/png;base64,..."
struct DataUrl {
  std::string media_type{};
  std::string data{};
};
// Nothing when it is no data URL, or a broken one.
std::optional<DataUrl> parse_data_url(std::string_view url);
std::string make_data_url(std::string_view media_type, std::string_view data);

}  // namespace maestro::dialect
