// The two questions that need no key: does a server answer, and is it ready?
#pragma once

#include <optional>
#include <string>

namespace maestro::cli {

struct Probe {
  enum class Answer { none, alive, ready } answer = Answer::none;
  std::string version{};  // what GET / says; empty if it does not
  std::string reason{};   // why there was no answer, or why it is not ready
};

// `base_url` as "http://127.0.0.1:8080".
Probe probe(const std::string& base_url);

}  // namespace maestro::cli
