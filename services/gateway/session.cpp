#include "gateway/session.h"

#include <optional>

#include "dialect/all.h"
#include "gateway/chat/authenticate.h"
#include "gateway/chat/serve_chat.h"
#include "gateway/exchange.h"
#include "gateway/pages.h"
#include "gateway/record.h"
#include "gateway/reply.h"
#include "http/headers.h"
#include "log/log.h"

namespace maestro::gateway {
namespace {

Error no_such_path(const Exchange& exchange) {
  const auto path = std::string(exchange.head.path.substr(0, 200));
  if (exchange.endpoint.allowed.empty()) return Error{ErrorKind::not_found, "There is no path " + path + " here."};
  return Error{ErrorKind::method_not_allowed, path + " takes " + std::string(exchange.endpoint.allowed) + ", not " +
                                                  std::string(exchange.head.method.substr(0, 20)) + "."};
}

// Owns its error: whoever asked has returned by the time it is sent.
net::Awaitable<> refuse_owned(Exchange& exchange, Error error) { co_await refuse_or_close(exchange, error); }

struct Refusal {
  int status = 0;
  Error error;
};

// What a head may ask for that nobody here can do.
std::optional<Refusal> refusal_of_head(const http::RequestHead& head) {
  const auto encoding = head.find("content-encoding");
  if (encoding && !http::equal_ignoring_case(*encoding, "identity"))
    return Refusal{415, Error{ErrorKind::invalid_request,
                              "A request body with content-encoding is not taken here; send it uncompressed."}};
  const auto expectation = head.find("expect");
  if (expectation && !head.expects_continue)
    return Refusal{417, Error{ErrorKind::invalid_request, "The only expectation known here is 100-continue."}};
  return {};
}

net::Awaitable<> refuse_with_status(Exchange& exchange, Refusal refusal) {
  auto sent = co_await refuse_as(exchange, refusal.status, refusal.error);
  if (!sent) exchange.keep_alive = false;
}

// No coroutine of its own: it only chooses who serves.
net::Awaitable<> serve(Exchange& exchange) {
  const auto& endpoint = exchange.endpoint;
  if (endpoint.handler == Handler::none) return refuse_owned(exchange, no_such_path(exchange));
  if (!endpoint.is_public) {
    auto principal = authenticate(exchange);
    if (!principal) return refuse_owned(exchange, principal.error());
    exchange.principal = *principal;
    exchange.record.principal = (*principal)->name;
    if (!(*principal)->may_infer)
      return refuse_owned(exchange, Error{ErrorKind::forbidden, "This key may not ask for inference."});
  }
  if (auto refusal = refusal_of_head(exchange.head)) return refuse_with_status(exchange, std::move(*refusal));
  switch (endpoint.handler) {
    case Handler::chat:
      return serve_chat(exchange);
    case Handler::list_models:
      return serve_model_list(exchange);
    case Handler::show_model:
      return serve_model(exchange);
    case Handler::root:
      return serve_root(exchange);
    case Handler::health:
      return serve_health(exchange);
    case Handler::ready:
      return serve_ready(exchange);
    case Handler::metrics:
      return serve_metrics(exchange);
    case Handler::preflight:
      return serve_preflight(exchange);
    case Handler::none:
      break;
  }
  return refuse_owned(exchange, no_such_path(exchange));
}

net::Awaitable<> serve_guarded(Exchange& exchange) {
  std::string escaped;
  try {
    co_return co_await serve(exchange);
  } catch (const std::exception& bug) {
    escaped = bug.what();
  }
  exchange.keep_alive = false;
  exchange.record.problem = "exception: " + escaped;
  log::error("request_ended_by_exception", {{"id", exchange.record.request_id()}, {"what", escaped}});
  if (exchange.record.status != 0) {  // the head is out: nothing may follow that is not the reply
    exchange.record.end = End::cut;
    co_return;
  }
  co_await refuse_or_close(exchange,
                           Error{ErrorKind::internal, "The gateway failed on this request. Its log says more."});
}

// A head that could not be read: there is no exchange, and the connection ends.
net::Awaitable<> refuse_head(Worker& worker, net::ServerStream& client, const Error& error) {
  Record record{worker};
  record.choose_request_id({});
  http::RequestHead nothing;
  nothing.keep_alive = false;
  Exchange exchange{worker, client, nothing, {}, nullptr, nullptr, nullptr, nullptr, Deadline::never(), record};
  exchange.endpoint.dialect = dialect::client(chat::DialectId::openai_chat);
  exchange.keep_alive = false;
  const int status = error.kind != ErrorKind::too_large ? 0 : error.field_path == net::target_field ? 414 : 431;
  auto sent = status != 0 ? co_await refuse_as(exchange, status, error) : co_await refuse(exchange, error);
  if (sent) co_await client.drain_body();
}

}  // namespace

net::Awaitable<> serve_connection(Worker& worker, net::ServerStream& client) {
  for (;;) {
    auto head = co_await client.read_head();
    if (!head) {
      if (head.error().kind != ErrorKind::client_left) co_await refuse_head(worker, client, head.error());
      co_return;
    }
    const auto& request = **head;
    // Pinned until the record is written, which names what lies in them.
    const auto routes = worker.routes();
    const auto keys = worker.keys();
    const auto leases = worker.leases();
    bool keep_alive = false;
    bool left = false;
    {
      Record record{worker};
      record.choose_request_id(request.find("x-request-id").value_or(""));
      const auto endpoint = find_endpoint(request.method, request.path);
      record.method = endpoint.method;
      record.path_template = endpoint.path_template;
      if (endpoint.dialect != nullptr) record.dialect = endpoint.dialect->name;
      Exchange exchange{worker,
                        client,
                        request,
                        endpoint,
                        routes.get(),
                        keys.get(),
                        leases.get(),
                        nullptr,
                        Deadline::in(worker.settings().total_time_max),
                        record,
                        request.keep_alive};
      co_await serve_guarded(exchange);
      // A body that nobody read ends the connection, like one that was refused.
      keep_alive = exchange.keep_alive && client.request_body_complete();
      left = record.end == End::client_left || record.end == End::cut;
    }
    if (!keep_alive) {
      if (!left && !client.request_body_complete()) co_await client.drain_body();
      co_return;
    }
    client.finish_request();
  }
}

}  // namespace maestro::gateway
