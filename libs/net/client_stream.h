// One connection to a provider, client side: plain or TLS, straight or through a proxy. One exchange at a time: send,
// read_head, then read_some until ended(). Belongs to its loop's thread. One that dies unfinished closes; only a
// reusable() one may go back to the pool.
//
// Errors: provider_failed (cannot connect, TLS, malformed, cut), attempt_timed_out (the deadline passed; the stream may
// be read again with a later one), client_left (abort() was called because nobody waits any more).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/deadline.h"
#include "base/result.h"
#include "http/head.h"
#include "net/framing.h"
#include "net/gather.h"
#include "net/loop.h"
#include "net/origin.h"
#include "net/proxy.h"
#include "net/resolver.h"
#include "net/tls.h"

namespace maestro::net {

class ClientStream {
 public:
  ClientStream(Loop& loop, Origin origin);
  ClientStream(const ClientStream&) = delete;
  ClientStream& operator=(const ClientStream&) = delete;
  ~ClientStream();

  // Resolves, connects, passes the proxy, shakes hands. `proxy` may be nullptr.
  Awaitable<Result<void>> connect(Resolver& resolver, TlsContext& tls, const Proxy* proxy, Deadline deadline);

  // What must stand before the path in a request's first line: not empty behind an HTTP proxy without TLS.
  std::string_view target_prefix() const { return target_prefix_; }
  std::string_view proxy_authorization() const { return proxy_authorization_; }

  // What the socket takes without waiting: send() must be awaited for what is left. Nothing of a TLS stream.
  Gather::Outcome send_now(Gather& bytes) {
    return tls_ || aborted_ ? Gather::Outcome::blocked : bytes.send_now(socket_.native_handle());
  }
  Awaitable<Result<void>> send(Gather bytes, Deadline deadline);
  // The head of the final reply; 1xx ones are skipped. Views are valid until the next read_some().
  Awaitable<Result<const http::ReplyHead*>> read_head(RequestMethod method, Deadline deadline);
  // The next bytes of the body without framing, never empty; empty only when it ended. Valid until the next call.
  Awaitable<Result<std::string_view>> read_some(Deadline deadline);
  // What of the body came with the head, without waiting.
  Result<std::string_view> read_buffered();

  bool ended() const { return body_.ended(); }
  bool reusable() const { return !broken_ && head_read_ && body_.ended() && keep_alive_ && begin_ == end_; }
  bool reused() const { return exchanges_ > 0; }
  bool saw_reply_bytes() const { return saw_bytes_; }
  const Origin& origin() const { return origin_; }
  const http::ReplyHead& head() const { return head_; }
  std::uint64_t body_bytes_left() const { return body_.left(); }

  // Ends whatever waits on this stream with client_left.
  void abort();
  // Made ready for the pool, and out of it again.
  void finish_exchange();
  bool tls_resumed() const { return tls_ && tls_->resumed(); }

 private:
  friend class ClientPool;
  enum class Need : std::uint8_t { read, write };

  Awaitable<Result<void>> connect_socket(Resolver& resolver, const std::string& host, std::uint16_t port,
                                         Deadline deadline);
  Awaitable<Result<void>> pass_http_proxy(const Proxy& proxy, Deadline deadline);
  Awaitable<Result<void>> pass_socks_proxy(const Proxy& proxy, Deadline deadline);
  Awaitable<Result<void>> shake_hands(TlsContext& tls, Deadline deadline);
  Result<void> before_read(Deadline deadline);
  Result<void> after_read(const boost::system::error_code& failure, std::size_t size, std::size_t room);
  Awaitable<Result<void>> read_raw(Deadline deadline);
  Awaitable<Result<void>> read_tls(Deadline deadline);
  Awaitable<Result<std::string>> read_exactly(std::size_t size, Deadline deadline);
  Awaitable<Result<void>> wait_for(Need need, Deadline deadline);
  Result<std::string_view> next_piece();
  bool make_room();
  void set_expiry(Deadline deadline);
  Error failure_of(const boost::system::error_code& failure, std::string_view doing);
  static void expire(void* self);

  Loop& loop_;
  Origin origin_;
  Socket socket_;
  Wheel::Entry expiry_;
  std::unique_ptr<TlsSession> tls_;
  Resolver::Wait resolving_;
  std::string target_prefix_;
  std::string proxy_authorization_;
  Buffer in_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t searched_ = 0;
  http::ReplyHead head_;
  BodyReader body_;
  bool head_read_ = false;
  bool keep_alive_ = true;
  bool broken_ = false;
  bool expired_ = false;
  bool aborted_ = false;
  bool saw_bytes_ = false;
  bool last_read_was_full_ = false;
  std::uint32_t exchanges_ = 0;
  Wheel::Clock::time_point idle_since_{};
};

}  // namespace maestro::net
