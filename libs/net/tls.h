// TLS towards providers: OpenSSL on the descriptor itself (asio's stream would hold 34 KB more a connection). Chain and
// host name are always verified; trust comes from SSL_CERT_FILE and SSL_CERT_DIR or the system. Sessions are resumed.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "base/result.h"

struct ssl_ctx_st;
struct ssl_st;
struct ssl_session_st;

namespace maestro::net {

class TlsSession;

// One a worker: holds the trust store and the sessions to resume, by host and port. Outlives its TlsSessions.
class TlsContext {
 public:
  static constexpr std::size_t sessions_max = 256;

  TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  ~TlsContext();

  // `descriptor` is a connected, non-blocking socket that stays the caller's.
  Result<std::unique_ptr<TlsSession>> start(int descriptor, const std::string& host, std::uint16_t port);

 private:
  friend class TlsSession;
  static int keep_session(ssl_st* ssl, ssl_session_st* session);
  struct Free {
    void operator()(ssl_ctx_st* context) const;
    void operator()(ssl_session_st* session) const;
  };
  std::unique_ptr<ssl_ctx_st, Free> context_;
  std::unordered_map<std::string, std::unique_ptr<ssl_session_st, Free>> sessions_;
  std::string problem_;  // why there is no context
};

// What a step of TLS needs before it can go on.
enum class TlsWants : std::uint8_t { nothing, read, write };

class TlsSession {
 public:
  struct Step {
    TlsWants wants = TlsWants::nothing;
    std::size_t bytes = 0;  // read or written
    bool ended = false;     // the peer closed properly
    std::string problem;    // not empty: failed, and why
  };

  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  Step handshake();
  Step read(char* into, std::size_t size);
  Step write(const char* from, std::size_t size);
  bool resumed() const;

 private:
  friend class TlsContext;
  TlsSession(TlsContext& owner, ssl_st* ssl, std::string key);
  Step step(int outcome);
  struct Free {
    void operator()(ssl_st* ssl) const;
  };
  TlsContext& owner_;
  std::unique_ptr<ssl_st, Free> ssl_;
  std::string key_;
};

}  // namespace maestro::net
