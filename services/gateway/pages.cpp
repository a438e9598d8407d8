#include "gateway/pages.h"

#include <ctime>

#include "base/version.h"
#include "gateway/fleet.h"
#include "gateway/reply.h"
#include "http/headers.h"
#include "json/writer.h"
#include "route/names.h"

namespace maestro::gateway {
namespace {

net::Awaitable<> answer(Exchange& exchange, PlainReply reply) {
  auto sent = co_await send_reply(exchange, reply);
  if (!sent) exchange.keep_alive = false;
}

std::string revision_text(const route::Revision& revision) {
  return revision.epoch + "/" + std::to_string(revision.number);
}

void write_limit(json::Writer& writer, std::string_view name, const std::optional<std::int64_t>& limit) {
  writer.key(name);
  if (limit) {
    writer.integer(*limit);
  } else {
    writer.null();
  }
}

// True or null, never false: the original's clients know no other (data-plane.md 1.3).
void write_claim(json::Writer& writer, std::string_view name, const std::optional<bool>& claim) {
  writer.key(name);
  if (claim.value_or(false)) {
    writer.boolean(true);
  } else {
    writer.null();
  }
}

void write_model(json::Writer& writer, const route::Catalog& catalog, const route::Model& model, std::int64_t now_s) {
  writer.begin_object();
  writer.member("id", model.qualified);
  writer.member("object", "model");
  writer.member("created", now_s);
  writer.member("owned_by", catalog.provider_of(model).id);
  write_limit(writer, "max_prompt_tokens", model.limits.prompt_tokens_max);
  write_limit(writer, "max_output_tokens", model.limits.output_tokens_max);
  write_limit(writer, "max_context_window_tokens", model.limits.context_tokens_max);
  write_claim(writer, "supports_thinking", model.reasoning);
  write_claim(writer, "supports_vision", model.images);
  writer.end_object();
}

}  // namespace

net::Awaitable<> serve_root(Exchange& exchange) {
  PlainReply reply;
  json::Writer{reply.body}
      .begin_object()
      .member("name", "Router-Maestro")
      .member("version", version)
      .member("status", "running")
      .end_object();
  co_await answer(exchange, std::move(reply));
}

net::Awaitable<> serve_health(Exchange& exchange) {
  PlainReply reply;
  reply.body = R"({"status":"healthy"})";
  co_await answer(exchange, std::move(reply));
}

net::Awaitable<> serve_ready(Exchange& exchange) {
  const auto& worker = exchange.worker;
  PlainReply reply;
  reply.status = worker.ready() ? 200 : 503;
  json::Writer writer{reply.body};
  writer.begin_object();
  writer.member("status", worker.draining() ? "draining" : worker.ready() ? "ready" : "waiting");
  writer.member("catalog", exchange.routes != nullptr ? revision_text(exchange.routes->catalog->revision()) : "");
  writer.member("keys", exchange.keys != nullptr ? exchange.keys->revision() : "");
  writer.end_object();
  co_await answer(exchange, std::move(reply));
}

net::Awaitable<> serve_metrics(Exchange& exchange) {
  const auto& token = exchange.worker.settings().metrics_token;
  if (!token.empty()) {
    auto given = exchange.head.find("authorization").value_or("");
    if (given.size() > 7 && http::equal_ignoring_case(given.substr(0, 7), "bearer ")) given.remove_prefix(7);
    if (!token.equals(given))
      co_return co_await refuse_or_close(
          exchange, Error{ErrorKind::unauthenticated, "The metrics of this server need their own token."});
  }
  auto sum = co_await exchange.worker.fleet().sum(exchange.worker.loop());
  ProcessFacts facts;
  facts.open_connections = sum.open_connections;
  facts.body_bytes_held = exchange.worker.budget().used();
  if (exchange.routes != nullptr) facts.catalog_revision = revision_text(exchange.routes->catalog->revision());
  if (exchange.keys != nullptr) facts.keys_revision = exchange.keys->revision();
  PlainReply reply;
  reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
  reply.body = exposition(sum.metrics, facts);
  co_await answer(exchange, std::move(reply));
}

net::Awaitable<> serve_model_list(Exchange& exchange) {
  if (exchange.routes == nullptr) co_return co_await refuse_or_close(exchange, no_catalog_yet());
  const auto& catalog = *exchange.routes->catalog;
  const auto now_s = static_cast<std::int64_t>(std::time(nullptr));
  PlainReply reply;
  json::Writer writer{reply.body};
  writer.begin_object().member("object", "list").key("data").begin_array();
  for (const auto index : catalog.listed()) {
    const auto& model = catalog.models()[index];
    if (exchange.principal->may_use(model.qualified)) write_model(writer, catalog, model, now_s);
  }
  writer.end_array().end_object();
  co_await answer(exchange, std::move(reply));
}

net::Awaitable<> serve_model(Exchange& exchange) {
  if (exchange.routes == nullptr) co_return co_await refuse_or_close(exchange, no_catalog_yet());
  const auto& catalog = *exchange.routes->catalog;
  const auto name = http::percent_decoded(exchange.endpoint.parameter);
  if (!name)
    co_return co_await refuse_or_close(exchange,
                                       Error{ErrorKind::invalid_request, "The path holds a broken percent escape."});
  auto plan = route::make_plan(catalog, *exchange.principal, *name, {});
  if (!plan) co_return co_await refuse_or_close(exchange, plan.error());
  PlainReply reply;
  json::Writer writer{reply.body};
  write_model(writer, catalog, *plan->targets().front().model, static_cast<std::int64_t>(std::time(nullptr)));
  co_await answer(exchange, std::move(reply));
}

net::Awaitable<> serve_preflight(Exchange& exchange) {
  const auto wanted = exchange.head.find("access-control-request-method");
  if (!wanted || !exchange.head.find("origin")) {
    Error error{ErrorKind::method_not_allowed, "OPTIONS is answered for CORS preflights only."};
    co_return co_await refuse_or_close(exchange, error);
  }
  PlainReply reply;
  reply.content_type = "text/plain; charset=utf-8";
  reply.body = "OK";
  reply.headers.add("access-control-allow-methods", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT");
  reply.headers.add("access-control-allow-headers",
                    std::string(exchange.head.find("access-control-request-headers").value_or("*")));
  reply.headers.add("access-control-max-age", "600");
  reply.headers.add("vary", "origin, access-control-request-headers");
  co_await answer(exchange, std::move(reply));
}

}  // namespace maestro::gateway
