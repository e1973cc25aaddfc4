#pragma once
// How the broker trusts a server's certificate: TLS 1.2 or newer, a chain to the system's roots (or
// to the given ones alone), and the host's name in the certificate. There is no way to switch a
// check off.
//
// The name is checked by OpenSSL as part of the chain (X509_VERIFY_PARAM, RFC 9525), not by a
// callback of its own, so that a refusal says "hostname mismatch" and nothing can be accepted
// before it ran.

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

#include "connectors/url.hpp"
#include "gateway/core/result.hpp"
#include "gateway/core/task.hpp"

namespace toolgate {

class TlsClient {
 public:
  // `authorities_file` is PEM and replaces the system's roots; empty means the system's, where the
  // environment's SSL_CERT_FILE and SSL_CERT_DIR count. Refusals are bad_configuration.
  // `certificate_key` is base64 of the SHA-256 of the one public key (SubjectPublicKeyInfo) that a
  // server's certificate may have; empty: any. It is asked for besides all else, not instead.
  static Result<std::unique_ptr<TlsClient>> make(const std::string& authorities_file,
                                                 std::string certificate_key);

  asio::ssl::context& context() { return context_; }

  // Name indication, ALPN and the name to check, for one connection.
  static Status prepare(SSL* connection, const Url& url);
  // After a handshake, before anything is said: has the server the key that was asked for?
  Status check_key(SSL* connection, const Url& url) const;
  // Why a handshake failed, in OpenSSL's words for certificates; empty where it was something else.
  static std::string why_untrusted(SSL* connection);

 private:
  TlsClient();
  asio::ssl::context context_;
  std::string certificate_key_;
};

}  // namespace toolgate
