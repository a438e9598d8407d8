// The program's settings: flags first, then environment, then defaults.
#pragma once

#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "log/log.h"
#include "registry/catalog.h"
#include "rpc/peer.h"

namespace maestro::registry {

struct Options {
  std::vector<std::string> listen;
  std::vector<std::string> public_listen;
  std::string auth;
  std::filesystem::path config_dir;
  std::filesystem::path data_dir;
  std::filesystem::path state_dir;
  std::string openai_base_url;
  Demo demo = Demo::off;
  log::Level log_level = log::Level::info;
  rpc::PlaintextPeers plaintext_peers = rpc::PlaintextPeers::refused;
  int ready_descriptor = -1;  // -1: nobody wants to know
  bool asks_for_health = false;
};

// What to print instead of serving, and the exit code.
struct Farewell {
  std::string text;
  int exit_code = 0;
};

std::variant<Options, Farewell> read_options(int argument_count, const char* const* arguments);

}  // namespace maestro::registry
