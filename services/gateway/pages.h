// What is served beside the models' replies: who this is, health, readiness, metrics, model lists, preflights.
#pragma once

#include "gateway/exchange.h"

namespace maestro::gateway {

net::Awaitable<> serve_root(Exchange& exchange);
net::Awaitable<> serve_health(Exchange& exchange);
net::Awaitable<> serve_ready(Exchange& exchange);
net::Awaitable<> serve_metrics(Exchange& exchange);
net::Awaitable<> serve_model_list(Exchange& exchange);
net::Awaitable<> serve_model(Exchange& exchange);
net::Awaitable<> serve_preflight(Exchange& exchange);

}  // namespace maestro::gateway
