#include "gateway/health_check.h"

#include <cstdio>

#include <boost/asio/co_spawn.hpp>

#include "net/fetch.h"

namespace maestro::gateway {

bool check_health(const Settings& settings) {
  net::Loop loop;
  const net::ProxySettings straight;
  net::ClientPool pool{loop, straight};
  net::BaseUrl base;
  base.origin.host = settings.host == "0.0.0.0" ? "127.0.0.1" : settings.host == "::" ? "::1" : settings.host;
  base.origin.port = settings.port;
  http::Request request;
  request.target = "/ready";
  bool healthy = false;
  boost::asio::co_spawn(
      loop.executor(),
      net::fetch(pool, base, request, limits::error_body_bytes_max, Deadline::in(limits::health_check_time_max)),
      [&healthy](std::exception_ptr, Result<http::Reply> reply) {
        healthy = reply && reply->status == 200;
        if (!healthy)
          std::fprintf(stderr, "maestro-gateway: not ready: %s\n",
                       reply ? reply->body.c_str() : reply.error().message.c_str());
      });
  loop.context().run();
  return healthy;
}

}  // namespace maestro::gateway
