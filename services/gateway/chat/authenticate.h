// Who asks: the client key of a request against the pushed verifiers. Local and synchronous: it works while auth is
// away. A key may stand in Authorization (with or without "Bearer"), x-api-key or x-goog-api-key, and on Gemini's paths
// in ?key=; it suffices that one of those given is right (data-plane.md 1.2).
#pragma once

#include "base/result.h"
#include "gateway/exchange.h"

namespace maestro::gateway {

// unauthenticated: none given, or none right. unavailable: no keys yet.
Result<const route::Principal*> authenticate(const Exchange& exchange);

}  // namespace maestro::gateway
