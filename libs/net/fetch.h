// One whole exchange with a provider, for what is not the hot path: model lists, keys on trial.
#pragma once

#include "http/headers.h"
#include "net/client_pool.h"

namespace maestro::net {

// `request.target` is appended to the base URL's path. Host and Content-Length are added. Any status is a reply.
// Errors as ClientStream's; provider_failed also when the body is longer than `body_bytes_max`.
Awaitable<Result<http::Reply>> fetch(ClientPool& pool, BaseUrl base, http::Request request, std::size_t body_bytes_max,
                                     Deadline deadline);

}  // namespace maestro::net
