#include "connectors/tls_client.hpp"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "gateway/core/base64.hpp"
#include "signing/digest.hpp"

namespace toolgate {

TlsClient::TlsClient() : context_(asio::ssl::context::tls_client) {}

Result<std::unique_ptr<TlsClient>> TlsClient::make(const std::string& authorities_file,
                                                   std::string certificate_key) {
  std::unique_ptr<TlsClient> made(new TlsClient());
  made->certificate_key_ = std::move(certificate_key);
  SSL_CTX* native = made->context_.native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_options(native, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(native, SSL_VERIFY_PEER, nullptr);
  boost::system::error_code error;
  if (authorities_file.empty()) {
    made->context_.set_default_verify_paths(error);
  } else {
    made->context_.load_verify_file(authorities_file, error);
  }
  if (error) {
    return Refusal(Reason::bad_configuration,
                   "the certificate authorities cannot be read (" + error.message() +
                       "); name a readable PEM file, or install the package ca-certificates");
  }
  return made;
}

Status TlsClient::prepare(SSL* connection, const Url& url) {
  X509_VERIFY_PARAM* check = SSL_get0_param(connection);
  X509_VERIFY_PARAM_set_hostflags(check, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  bool ok = false;
  if (url.host_kind == HostKind::name) {
    ok = X509_VERIFY_PARAM_set1_host(check, url.host.c_str(), url.host.size()) == 1;
    // The macro SSL_set_tlsext_host_name() casts away const.
    ok = ok && SSL_ctrl(connection, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                        const_cast<char*>(url.host.c_str())) == 1;
  } else {
    ok = X509_VERIFY_PARAM_set1_ip_asc(check, url.host.c_str()) == 1;
  }
  constexpr unsigned char http_1_1[] = "\x08http/1.1";
  ok = ok && SSL_set_alpn_protos(connection, http_1_1, sizeof http_1_1 - 1) == 0;
  if (!ok) return Refusal(Reason::internal, "TLS could not be set up for " + url.authority());
  return done();
}

Status TlsClient::check_key(SSL* connection, const Url& url) const {
  if (certificate_key_.empty()) return done();
  X509* certificate = SSL_get0_peer_certificate(connection);
  unsigned char* bytes = nullptr;
  const int size = certificate ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &bytes) : -1;
  std::string key;
  if (size > 0) {
    const Digest found =
        plain_sha256({reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)});
    key = base64_text({reinterpret_cast<const char*>(found.bytes().data()), found.bytes().size()});
  }
  OPENSSL_free(bytes);
  if (key == certificate_key_) return done();
  return Refusal(
      Reason::unavailable,
      "the certificate of " + url.authority() + " has another key than " + certificate_key_ +
          ", which 'certificate_key' asks for: " + (key.empty() ? "none that can be read" : key) +
          ". Ask whoever runs the server whether it was replaced, and enter the new key "
          "then");
}

std::string TlsClient::why_untrusted(SSL* connection) {
  long verdict = SSL_get_verify_result(connection);
  return verdict == X509_V_OK ? "" : X509_verify_cert_error_string(verdict);
}

}  // namespace toolgate
