// A text that must never be printed or logged: an API key, a token. It has no operator<<, does not convert to a string
// by itself, and wipes its bytes when it dies.
#pragma once

#include <string>
#include <string_view>

namespace maestro {

class Secret final {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  Secret(const Secret&) = default;
  Secret& operator=(const Secret& other);
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  ~Secret();

  // The one way to read it: name it where it is used.
  std::string_view reveal() const { return text_; }
  bool empty() const { return text_.empty(); }
  // In constant time for texts of one length (the length itself is no secret).
  bool equals(std::string_view other) const;

 private:
  void wipe();
  std::string text_;
};

}  // namespace maestro
