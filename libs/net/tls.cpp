#include "net/tls.h"

#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace maestro::net {
namespace {

std::string openssl_problem() {
  const auto code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) return "unknown TLS error";
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "TLS error " + std::to_string(code);
}

bool is_address(const std::string& host) {
  unsigned char bytes[16];
  return inet_pton(AF_INET, host.c_str(), bytes) == 1 || inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

}  // namespace

void TlsContext::Free::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }
void TlsContext::Free::operator()(ssl_session_st* session) const { SSL_SESSION_free(session); }
void TlsSession::Free::operator()(ssl_st* ssl) const { SSL_free(ssl); }

TlsContext::TlsContext() : context_(SSL_CTX_new(TLS_client_method())) {
  if (!context_) {
    problem_ = openssl_problem();
    return;
  }
  SSL_CTX_set_min_proto_version(context_.get(), TLS1_2_VERSION);
  if (SSL_CTX_set_default_verify_paths(context_.get()) != 1) problem_ = openssl_problem();
  SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_mode(context_.get(),
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context_.get(), &TlsContext::keep_session);
}

TlsContext::~TlsContext() = default;

Result<std::unique_ptr<TlsSession>> TlsContext::start(int descriptor, const std::string& host, std::uint16_t port) {
  const auto failed = [&](std::string why) {
    return Error{ErrorKind::provider_failed, "TLS to " + host + " failed: " + std::move(why) + "."};
  };
  if (!context_ || !problem_.empty()) return failed(problem_);
  auto* ssl = SSL_new(context_.get());
  if (ssl == nullptr) return failed(openssl_problem());
  std::unique_ptr<TlsSession> session{new TlsSession(*this, ssl, host + ":" + std::to_string(port))};
  SSL_set_app_data(ssl, session.get());
  bool fine = SSL_set_fd(ssl, descriptor) == 1;
  if (is_address(host)) {
    fine = fine && X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
  } else {
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    fine = fine && SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
  }
  if (!fine) return failed(openssl_problem());
  if (const auto known = sessions_.find(session->key_); known != sessions_.end())
    SSL_set_session(ssl, known->second.get());
  SSL_set_connect_state(ssl);
  return session;
}

// TLS 1.3 tickets come after the handshake, each good for one resumption.
int TlsContext::keep_session(ssl_st* ssl, ssl_session_st* session) {
  auto* stream = static_cast<TlsSession*>(SSL_get_app_data(ssl));
  auto& sessions = stream->owner_.sessions_;
  if (sessions.size() >= sessions_max && !sessions.contains(stream->key_)) sessions.erase(sessions.begin());
  sessions[stream->key_].reset(session);
  return 1;  // ours now
}

TlsSession::TlsSession(TlsContext& owner, ssl_st* ssl, std::string key)
    : owner_(owner), ssl_(ssl), key_(std::move(key)) {}

TlsSession::~TlsSession() {
  // A polite close_notify; what comes back is not waited for.
  if (SSL_is_init_finished(ssl_.get())) SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

bool TlsSession::resumed() const { return SSL_session_reused(ssl_.get()) == 1; }

TlsSession::Step TlsSession::step(int outcome) {
  Step step;
  if (outcome > 0) {
    step.bytes = static_cast<std::size_t>(outcome);
    return step;
  }
  const int saved_errno = errno;
  switch (SSL_get_error(ssl_.get(), outcome)) {
    case SSL_ERROR_WANT_READ:
      step.wants = TlsWants::read;
      break;
    case SSL_ERROR_WANT_WRITE:
      step.wants = TlsWants::write;
      break;
    case SSL_ERROR_ZERO_RETURN:
      step.ended = true;
      break;
    case SSL_ERROR_SYSCALL:
      if (ERR_peek_error() == 0) {
        step.problem = saved_errno != 0 && outcome != 0 ? std::strerror(saved_errno) : "the connection was cut";
        break;
      }
      [[fallthrough]];
    default:
      if (const auto verdict = SSL_get_verify_result(ssl_.get()); verdict != X509_V_OK) {
        step.problem = std::string("its certificate is not trusted: ") + X509_verify_cert_error_string(verdict);
        ERR_clear_error();
      } else {
        step.problem = openssl_problem();
      }
  }
  return step;
}

TlsSession::Step TlsSession::handshake() {
  errno = 0;
  ERR_clear_error();
  auto done = step(SSL_do_handshake(ssl_.get()));
  done.bytes = 0;
  if (!done.problem.empty()) owner_.sessions_.erase(key_);
  return done;
}

TlsSession::Step TlsSession::read(char* into, std::size_t size) {
  errno = 0;
  ERR_clear_error();
  return step(SSL_read(ssl_.get(), into, static_cast<int>(std::min<std::size_t>(size, 1 << 20))));
}

TlsSession::Step TlsSession::write(const char* from, std::size_t size) {
  errno = 0;
  ERR_clear_error();
  return step(SSL_write(ssl_.get(), from, static_cast<int>(std::min<std::size_t>(size, 1 << 20))));
}

}  // namespace maestro::net
