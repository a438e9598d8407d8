// One request and its reply: what every step of it needs. References and pins, no methods: it cannot become the object
// that knows everything.
#pragma once

#include "base/deadline.h"
#include "gateway/endpoints.h"
#include "gateway/record.h"
#include "gateway/snapshots.h"
#include "gateway/worker.h"
#include "http/head.h"
#include "net/server_stream.h"

namespace maestro::gateway {

struct Exchange {
  Worker& worker;
  net::ServerStream& client;
  const http::RequestHead& head;
  Endpoint endpoint;
  // Pinned by the session until the record is written: this request sees one of each. nullptr: none yet.
  const Routes* routes = nullptr;
  const Keys* keys = nullptr;
  const Leases* leases = nullptr;
  const route::Principal* principal = nullptr;
  Deadline deadline;
  Record& record;
  bool keep_alive = true;  // false: the connection closes after this reply
  bool head_sent = false;  // a stream's head went out before its first event
};

}  // namespace maestro::gateway
