#include "rpc/channel.h"

#include <chrono>
#include <future>
#include <string>
#include <utility>
#include <vector>

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/support/channel_arguments.h>

#include "base/deadline.h"
#include "base/limits.h"
#include "rpc/listener.h"
#include "rpc/status.h"

namespace maestro::rpc {
namespace {

template <class Duration>
int milliseconds(Duration time) {
  return static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

grpc::ChannelArguments arguments() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(static_cast<int>(limits::snapshot_bytes_max));
  arguments.SetMaxSendMessageSize(static_cast<int>(limits::request_body_bytes_max));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, milliseconds(limits::rpc_ping_interval));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, milliseconds(limits::rpc_ping_answer_time_max));
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, milliseconds(limits::watch_retry_time_min));
  // Despite its name: how long one attempt to connect may take.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, milliseconds(limits::rpc_connect_time_max));
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, milliseconds(limits::watch_retry_time_max));
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);     // attempts are the caller's business
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // a proxy is for providers, not for the house
  arguments.SetLoadBalancingPolicyName("round_robin");
  return arguments;
}

std::string bytes_of(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Valid() || !buffer.Dump(&slices).ok()) return bytes;
  for (const auto& slice : slices) bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return bytes;
}

}  // namespace

Result<std::shared_ptr<grpc::Channel>> make_channel(std::string_view address) {
  std::string target(address);
  if (!address.starts_with("dns:///")) {
    auto parsed = parse_listener(address);
    if (!parsed)
      return Error(ErrorKind::invalid_request,
                   "Cannot call '" + target + "': give unix:/path, host:port or dns:///name:port.");
    target = parsed->address();
  }
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments());
}

void connect_now(grpc::Channel& channel) { grpc::experimental::ChannelResetConnectionBackoff(&channel); }

// The distribution has no generated code for health.proto, and its messages are two bytes: an empty request asks for
// the whole server, and field 1 of the response is 1 for SERVING.
Result<void> check_health(std::string_view address) {
  auto channel = make_channel(address);
  if (!channel) return channel.error();
  grpc::GenericStub stub(*channel);
  grpc::ClientContext context;
  context.set_deadline(Deadline::in(limits::rpc_read_time_max).wall());
  context.set_wait_for_ready(true);
  const grpc::Slice nothing("");
  const grpc::ByteBuffer request(&nothing, 1);
  grpc::ByteBuffer response;
  std::promise<grpc::Status> ended;
  stub.UnaryCall(&context, "/grpc.health.v1.Health/Check", grpc::StubOptions(), &request, &response,
                 [&ended](grpc::Status status) { ended.set_value(std::move(status)); });
  const auto status = ended.get_future().get();
  if (!status.ok()) return from_status(status, std::string(address));
  if (bytes_of(response) != std::string("\x08\x01", 2))
    return Error(ErrorKind::unavailable, "The server at " + std::string(address) + " runs and does not serve now.");
  return {};
}

}  // namespace maestro::rpc
