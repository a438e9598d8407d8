// What all dialects have in common about errors: the kind of a provider's status, the status of a kind, and which of a
// provider's words a client may see.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "http/headers.h"

namespace maestro::dialect {

// Kind, status, whether a retry is useless, and a sentence. Status 0: the provider gave none.
Error provider_error(int status);

// The status that a client is told. A provider's 401, 402 or 403 is about our credential, so it is 502 here: a client
// would ask its user to log in again.
int client_status(const Error& error);

// The sentence that a client is told. A provider's own words about the request stand alone and unchanged, because
// clients repair themselves by them; its words about our credential are not shown.
std::string client_message(const Error& error);

// content-type, retry-after (429 always has one), www-authenticate (401), x-should-retry (a retry is useless).
http::Headers error_headers(int status, const Error& error);

// One line, sound UTF-8, without what looks like an API key, at most limits::provider_message_bytes_max.
std::string shown_message(std::string_view text);

}  // namespace maestro::dialect
