#include "dialect/base64.h"

#include <array>
#include <cstdint>

namespace maestro::dialect {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr auto values = [] {
  std::array<std::int8_t, 256> table{};
  table.fill(-1);
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    table[static_cast<std::uint8_t>(alphabet[i])] = static_cast<std::int8_t>(i);
  table['-'] = 62;
  table['_'] = 63;
  return table;
}();

}  // namespace

void append_base64(std::string& out, std::string_view bytes) {
  out.reserve(out.size() + (bytes.size() + 2) / 3 * 4);
  std::size_t at = 0;
  const auto byte = [&](std::size_t i) {
    return i < bytes.size() ? static_cast<std::uint32_t>(static_cast<std::uint8_t>(bytes[i])) : 0U;
  };
  for (; at < bytes.size(); at += 3) {
    const auto block = byte(at) << 16 | byte(at + 1) << 8 | byte(at + 2);
    out += alphabet[block >> 18];
    out += alphabet[(block >> 12) & 63];
    out += at + 1 < bytes.size() ? alphabet[(block >> 6) & 63] : '=';
    out += at + 2 < bytes.size() ? alphabet[block & 63] : '=';
  }
}

std::optional<std::string> from_base64(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  if (text.size() % 4 == 1) return {};
  std::string out;
  out.reserve(text.size() / 4 * 3 + 3);
  std::uint32_t block = 0;
  int bits = 0;
  for (const char c : text) {
    const auto value = values[static_cast<std::uint8_t>(c)];
    if (value < 0) return {};
    block = block << 6 | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out += static_cast<char>(static_cast<std::uint8_t>(block >> bits));
      block &= (1U << bits) - 1;
    }
  }
  return out;
}

std::optional<DataUrl> parse_data_url(std::string_view url) {
  constexpr std::string_view scheme = "data:";
  constexpr std::string_view marker = ";base64";
  if (!url.starts_with(scheme)) return {};
  const auto comma = url.find(',');
  if (comma == std::string_view::npos) return {};
  auto type = url.substr(scheme.size(), comma - scheme.size());
  if (!type.ends_with(marker)) return {};
  type.remove_suffix(marker.size());
  auto data = from_base64(url.substr(comma + 1));
  if (!data) return {};
  return DataUrl{std::string(type.substr(0, type.find(';'))), std::move(*data)};
}

std::string make_data_url(std::string_view media_type, std::string_view data) {
  std::string url = "data:";
  url += media_type.empty() ? "application/octet-stream" : media_type;
  url += ";base64,";
  append_base64(url, data);
  return url;
}

}  // namespace maestro::dialect
