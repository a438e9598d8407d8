// A client's request as one provider shall see it in the verbatim lane: its bytes, but for the model name; its headers,
// but for those that are ours, hop by hop, or a credential.
#pragma once

#include <string>
#include <string_view>

#include "dialect/dialect.h"
#include "gateway/exchange.h"
#include "net/client_stream.h"
#include "net/gather.h"

namespace maestro::gateway {

// True for headers of a client that never travel on (docs/LIFE_OF_A_REQUEST.md lists them).
bool stays_here(std::string_view header_name);
// True for headers of a provider that travel back.
bool travels_back(std::string_view header_name);

// The client's body with another model name in it: views into the body and into `model_token`.
struct SplicedBody {
  std::string model_token;  // JSON, with its quotes; empty: the name is what the client wrote
  std::string_view before, after;
  std::size_t size() const { return before.size() + model_token.size() + after.size(); }
  void add_to(net::Gather& bytes) const {
    bytes.add(before);
    bytes.add(model_token);
    bytes.add(after);
  }
};
SplicedBody splice_model(std::string_view body, const dialect::Outline& outline, std::string_view upstream_model);

// The request head. `lease` may be nullptr.
std::string upstream_head(const Exchange& exchange, const route::Provider& provider, const Upstream& upstream,
                          const Lease* lease, const net::ClientStream& stream, std::string_view path,
                          std::size_t content_length);

}  // namespace maestro::gateway
