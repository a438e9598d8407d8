// The Fetcher that asks real providers: one exchange over the pool of the loop.
#pragma once

#include "net/client_pool.h"
#include "registry/model_lists.h"

namespace maestro::registry {

// `pool` outlives it.
Fetcher make_fetcher(net::ClientPool& pool);

}  // namespace maestro::registry
