#include "gateway/session.h"

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

net::Awaitable<> serve(Exchange& exchange) {
  const auto& endpoint = exchange.endpoint;
  if (endpoint.handler == Handler::none) co_return co_await refuse_or_close(exchange, no_such_path(exchange));
  if (!endpoint.is_public) {
    auto principal = authenticate(exchange);
    if (!principal) co_return co_await refuse_or_close(exchange, principal.error());
    exchange.principal = *principal;
    exchange.record.principal = (*principal)->name;
    if (!(*principal)->may_infer)
      co_return co_await refuse_or_close(exchange, Error{ErrorKind::forbidden, "This key may not ask for inference."});
  }
  if (const auto encoding = exchange.head.find("content-encoding");
      encoding && !http::equal_ignoring_case(*encoding, "identity")) {
    auto sent = co_await refuse_as(
        exchange, 415,
        Error{ErrorKind::invalid_request, "Compressed request bodies are not taken here; send it plain."});
    if (!sent) exchange.keep_alive = false;
    co_return;
  }
  switch (endpoint.handler) {
    case Handler::chat:
      co_return co_await serve_chat(exchange);
    case Handler::list_models:
      co_return co_await serve_model_list(exchange);
    case Handler::show_model:
      co_return co_await serve_model(exchange);
    case Handler::root:
      co_return co_await serve_root(exchange);
    case Handler::health:
      co_return co_await serve_health(exchange);
    case Handler::ready:
      co_return co_await serve_ready(exchange);
    case Handler::metrics:
      co_return co_await serve_metrics(exchange);
    case Handler::preflight:
      co_return co_await serve_preflight(exchange);
    case Handler::none:
      break;
  }
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
  auto sent =
      error.kind == ErrorKind::too_large ? co_await refuse_as(exchange, 431, error) : co_await refuse(exchange, error);
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
