// bench-load: the client side of the benchmark. See load.h for its modes.
#include "bench/load.h"

#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>

#include <CLI/CLI.hpp>
#include <sys/prctl.h>

namespace maestro::bench {

std::string request_bytes(const LoadOptions& options, std::string_view more_headers) {
  std::string bytes = "POST " + options.path + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(options.port) +
                      "\r\nAccept: application/json\r\nContent-Type: application/json\r\nUser-Agent: bench-load/1\r\n";
  if (!options.key.empty()) bytes += "Authorization: Bearer " + options.key + "\r\n";
  bytes += more_headers;
  bytes += "Content-Length: " + std::to_string(options.body.size()) + "\r\n\r\n" + options.body;
  return bytes;
}

void say_open(unsigned count) {
  std::fputs(("{\"open\":" + std::to_string(count) + "}\n").c_str(), stdout);
  std::fflush(stdout);
}

}  // namespace maestro::bench

int main(int argc, char** argv) {
  using namespace maestro::bench;
  LoadOptions options;
  std::string body_file;
  CLI::App app{"Loads an OpenAI Chat endpoint on the loopback and prints counts and latencies as JSON"};
  app.require_subcommand(1);
  app.add_option("--port", options.port, "port on 127.0.0.1")->required();
  app.add_option("--path", options.path, "path of the requests");
  app.add_option("--key", options.key, "key for Authorization: Bearer")->envname("BENCH_LOAD_KEY");
  app.add_option("--body", body_file, "file with the request body")->required()->check(CLI::ExistingFile);
  app.add_option("--connections", options.connections, "connections or streams")->check(CLI::Range(1, 100'000));
  app.add_option("--time-limit", options.time_limit_seconds, "seconds after which the run is cut");
  auto* requests = app.add_subcommand("requests", "closed loop on keep-alive connections")->fallthrough();
  requests->add_option("--seconds", options.seconds, "length of the run");
  requests->add_option("--requests", options.requests, "end after this many; 0: by time alone");
  auto* streams = app.add_subcommand("streams", "event streams, checked to the end")->fallthrough();
  streams->add_option("--chunks", options.chunks, "events of each stream");
  streams->add_option("--gap-ms", options.gap_ms, "time between two events of a stream");
  streams->add_option("--size", options.size_bytes, "bytes of an event");
  streams->add_option("--ramp-ms", options.ramp_ms, "time over which the streams start");
  auto* idle = app.add_subcommand("idle", "keep-alive connections held after one request each")->fallthrough();
  idle->add_option("--seconds", options.seconds, "how long they are held");
  CLI11_PARSE(app, argc, argv);

  prctl(PR_SET_PDEATHSIG, SIGTERM);
  std::ifstream file{body_file, std::ios::binary};
  options.body.assign(std::istreambuf_iterator<char>{file}, {});
  const auto result = *requests ? run_requests(options) : *streams ? run_streams(options) : run_idle(options);
  if (!result) {
    std::fputs((result.error().message + "\n").c_str(), stderr);
    return 1;
  }
  std::fputs((*result + "\n").c_str(), stdout);
  return 0;
}
