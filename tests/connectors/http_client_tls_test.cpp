#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include "connectors/http_client.hpp"
#include "gateway/core/base64.hpp"
#include "signing/digest.hpp"
#include "tests/connectors/fake_server.hpp"

namespace toolgate {
namespace {

using testing::FakeServer;
using testing::Reply;
using testing::Seen;

template <auto release>
struct Free {
  template <class T>
  void operator()(T* what) const {
    release(what);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;

constexpr long day = 86'400;

void extend(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  std::unique_ptr<X509_EXTENSION, Free<X509_EXTENSION_free>> extension(
      X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  REQUIRE(extension);
  X509_add_ext(certificate, extension.get(), -1);
}

struct Identity {
  Key key{EVP_EC_gen("P-256")};
  Certificate certificate{X509_new()};

  // Without an issuer it signs itself; without names it is an authority.
  Identity(const Identity* issuer, const std::string& names, long from, long to) {
    X509* x = certificate.get();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), issuer == nullptr ? 1 : 2);
    X509_gmtime_adj(X509_getm_notBefore(x), from);
    X509_gmtime_adj(X509_getm_notAfter(x), to);
    X509_set_pubkey(x, key.get());
    auto text =
        reinterpret_cast<const unsigned char*>(names.empty() ? "test authority" : "test server");
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, text, -1, -1, 0);
    X509* signer = issuer == nullptr ? x : issuer->certificate.get();
    X509_set_issuer_name(x, X509_get_subject_name(signer));
    extend(x, signer, NID_basic_constraints,
           names.empty() ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (names.empty()) extend(x, signer, NID_key_usage, "critical,keyCertSign");
    if (!names.empty()) extend(x, signer, NID_subject_alt_name, names);
    X509_sign(x, issuer == nullptr ? key.get() : issuer->key.get(), EVP_sha256());
  }

  std::string pem() const {
    std::unique_ptr<BIO, Free<BIO_free_all>> out(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(out.get(), certificate.get());
    char* data = nullptr;
    long size = BIO_get_mem_data(out.get(), &data);
    return std::string(data, static_cast<std::size_t>(size));
  }
};

class PemFile {
 public:
  explicit PemFile(const std::string& text) {
    std::string path = (std::filesystem::temp_directory_path() / "toolgate-test-XXXXXX").string();
    int descriptor = ::mkstemp(path.data());
    REQUIRE(descriptor >= 0);
    ::close(descriptor);
    std::ofstream(path) << text;
    path_ = path;
  }
  PemFile(const PemFile&) = delete;
  ~PemFile() { std::filesystem::remove(path_); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

// As `openssl dgst -sha256 -binary | base64` prints it of the key.
std::string key_of(const Identity& identity) {
  unsigned char* bytes = nullptr;
  const int size = i2d_PUBKEY(identity.key.get(), &bytes);
  REQUIRE(size > 0);
  const Digest found =
      plain_sha256({reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)});
  OPENSSL_free(bytes);
  return base64_text({reinterpret_cast<const char*>(found.bytes().data()), found.bytes().size()});
}

Task<Result<std::string>> get(HttpClient& http) {
  HttpCall call(http);
  call.expire_after(Milliseconds(10'000));
  HttpRequest request;
  auto started = co_await call.start(request);
  if (!started) co_return started.refusal();
  co_return co_await call.read_all();
}

// "answered", or why not. `host` is what stands in the URL.
std::string visit(const Identity& server_identity, const std::string& host,
                  const std::string& authorities, std::optional<int> newest = std::nullopt,
                  const std::string& certificate_key = "") {
  asio::io_context io;
  asio::ssl::context tls(asio::ssl::context::tls_server);
  SSL_CTX_use_certificate(tls.native_handle(), server_identity.certificate.get());
  SSL_CTX_use_PrivateKey(tls.native_handle(), server_identity.key.get());
  if (newest) {
    SSL_CTX_set_min_proto_version(tls.native_handle(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(tls.native_handle(), *newest);
    SSL_CTX_set_security_level(tls.native_handle(), 0);
  }
  FakeServer server(
      io, [](const Seen&) { return Reply{testing::json_response("answered")}; }, &tls);
  TaskGroup group(io.get_executor(), "client");
  HttpClient client(io.get_executor(), group, server.url("/", host), HttpClientLimits(),
                    authorities, certificate_key);
  Result<std::string> first = testing::run(io, get(client));
  Result<std::string> second = testing::run(io, get(client));
  CHECK(bool(first) == bool(second));
  if (first) CHECK(server.connections() == 1);
  client.close();
  testing::run(io, group.drain(Milliseconds(0)));
  if (!first) CHECK(server.seen().empty());
  return first ? *first : first.refusal().detail;
}

TEST_CASE("a server's certificate must be valid for the host of the URL") {
  Identity authority(nullptr, "", -day, day);
  Identity stranger(nullptr, "", -day, day);
  PemFile trusted(authority.pem());

  struct Case {
    const char* name;
    const Identity* issuer;
    const char* names;
    long from, to;
    const char* host;
    const char* expected;
  };
  const Case cases[] = {
      {"a good one", &authority, "DNS:localhost", -day, day, "localhost", "answered"},
      {"for an address", &authority, "IP:127.0.0.1", -day, day, "127.0.0.1", "answered"},
      {"self-signed", nullptr, "DNS:localhost", -day, day, "localhost", "self-signed"},
      {"of another authority", &stranger, "DNS:localhost", -day, day, "localhost", "not trusted"},
      {"for another host", &authority, "DNS:other.example", -day, day, "localhost", "mismatch"},
      {"for a name like it", &authority, "DNS:localhost.evil.example", -day, day, "localhost",
       "mismatch"},
      {"for another address", &authority, "IP:127.0.0.2", -day, day, "127.0.0.1", "mismatch"},
      {"an address as a name", &authority, "DNS:127.0.0.1", -day, day, "127.0.0.1", "mismatch"},
      {"expired", &authority, "DNS:localhost", -2 * day, -day, "localhost", "expired"},
      {"not valid yet", &authority, "DNS:localhost", day, 2 * day, "localhost", "not yet valid"},
  };
  for (const Case& c : cases) {
    INFO(std::string(c.name));
    Identity identity(c.issuer, c.names, c.from, c.to);
    std::string out = visit(identity, c.host, trusted.path());
    INFO(out);
    CHECK(out.find(c.expected) != std::string::npos);
  }
}

TEST_CASE("the system's roots are those of SSL_CERT_FILE where it is set") {
  Identity authority(nullptr, "", -day, day);
  Identity identity(&authority, "DNS:localhost", -day, day);
  CHECK(visit(identity, "localhost", "").find("not trusted") != std::string::npos);
  PemFile trusted(authority.pem());
  ::setenv("SSL_CERT_FILE", trusted.path().c_str(), 1);
  CHECK(visit(identity, "localhost", "") == "answered");
  ::unsetenv("SSL_CERT_FILE");
}

TEST_CASE(
    "authorities that cannot be read are a configuration error, and nobody is trusted instead") {
  Identity authority(nullptr, "", -day, day);
  Identity identity(&authority, "DNS:localhost", -day, day);
  CHECK(visit(identity, "localhost", "/nonexistent.pem").find("cannot be read") !=
        std::string::npos);
}

TEST_CASE("a certificate must have the key that is asked for, besides all else") {
  Identity authority(nullptr, "", -day, day);
  Identity identity(&authority, "DNS:localhost", -day, day);
  Identity renewed(&authority, "DNS:localhost", -day, day);
  Identity stranger(nullptr, "DNS:localhost", -day, day);
  PemFile trusted(authority.pem());
  const std::string key = key_of(identity);
  CHECK(visit(identity, "localhost", trusted.path(), std::nullopt, key) == "answered");
  const std::string why = visit(renewed, "localhost", trusted.path(), std::nullopt, key);
  for (const std::string& part :
       {key, key_of(renewed), std::string("'certificate_key' asks for")}) {
    CAPTURE(why);
    CHECK(why.find(part) != std::string::npos);
  }
  CHECK(visit(stranger, "localhost", trusted.path(), std::nullopt, key_of(stranger))
            .find("not trusted") != std::string::npos);
}

TEST_CASE("TLS older than 1.2 is refused") {
  Identity authority(nullptr, "", -day, day);
  Identity identity(&authority, "DNS:localhost", -day, day);
  PemFile trusted(authority.pem());
  CHECK(visit(identity, "localhost", trusted.path(), TLS1_2_VERSION) == "answered");
  CHECK(visit(identity, "localhost", trusted.path(), TLS1_1_VERSION).find("TLS") !=
        std::string::npos);
}

TEST_CASE("a certificate's name and a plain server do not mix") {
  asio::io_context io;
  FakeServer plain(io, [](const Seen&) { return Reply{testing::json_response("{}")}; });
  Url url = plain.url();
  url.scheme = UrlScheme::https;
  TaskGroup group(io.get_executor(), "client");
  HttpClientLimits limits;
  limits.connect_ms = Milliseconds(300);
  HttpClient client(io.get_executor(), group, url, limits);
  Result<std::string> out = testing::run(io, get(client));
  CHECK_FALSE(out);
  CHECK(plain.seen().empty());
  client.close();
  testing::run(io, group.drain(Milliseconds(0)));
}

}  // namespace
}  // namespace toolgate
