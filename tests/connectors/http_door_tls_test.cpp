// The HTTP endpoint under TLS, with a certificate made here.

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <cstdio>
#include <filesystem>

#include "tests/connectors/http_door_support.hpp"

namespace toolgate::door_test {
namespace {

// A key and a certificate for "localhost" in a directory of their own.
class OwnCertificate {
 public:
  OwnCertificate() {
    std::string pattern = (std::filesystem::temp_directory_path() / "door-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
    EVP_PKEY* pair = EVP_EC_gen("P-256");
    X509* made = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(made), 1);
    X509_gmtime_adj(X509_getm_notBefore(made), 0);
    X509_gmtime_adj(X509_getm_notAfter(made), 3'600);
    X509_set_pubkey(made, pair);
    X509_NAME* name = X509_get_subject_name(made);
    const auto* common = reinterpret_cast<const unsigned char*>("localhost");
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, common, -1, -1, 0);
    X509_set_issuer_name(made, name);
    REQUIRE(X509_sign(made, pair, EVP_sha256()) != 0);
    FILE* out = fopen(certificate().c_str(), "w");
    PEM_write_X509(out, made);
    fclose(out);
    out = fopen(key().c_str(), "w");
    PEM_write_PrivateKey(out, pair, nullptr, nullptr, 0, nullptr, nullptr);
    fclose(out);
    X509_free(made);
    EVP_PKEY_free(pair);
  }
  OwnCertificate(const OwnCertificate&) = delete;
  ~OwnCertificate() { std::filesystem::remove_all(folder_); }

  std::string certificate() const { return folder_ / "certificate.pem"; }
  std::string key() const { return folder_ / "key.pem"; }

 private:
  std::filesystem::path folder_;
};

using TlsClient = BasicClient<asio::ssl::stream<asio::ip::tcp::socket>>;

HttpDoorSettings secured_by(const OwnCertificate& own) {
  HttpDoorSettings settings;
  settings.certificate = own.certificate();
  settings.key = own.key();
  return settings;
}

TEST_CASE("calls, streams and large answers under TLS") {
  OwnCertificate own;
  RunningDoor running(secured_by(own));
  const std::uint16_t port = running.door.port();
  asio::ssl::context context(asio::ssl::context::tls_client);
  TlsClient client(port, context);
  client.stream().handshake(asio::ssl::stream_base::client);
  const std::string id = client.initialize();
  CHECK_FALSE(id.empty());
  CHECK(client.post(id, call_text(1, "echo")).status == 200);
  CHECK(events_in(client.post(id, call_text(2, "echo", R"({"notifications":5})")).body).size() ==
        6);
  CHECK(client.post(id, call_text(3, "big", R"({"bytes":2000000})")).body.size() > 2'000'000);
  TlsClient listening(port, context);
  listening.stream().handshake(asio::ssl::stream_base::client);
  listening.send(TlsClient::request("GET", port, id, ""));
  CHECK(listening.read_head().status == 200);
  client.post(id, notification("say", R"({"n":1})"));
  listening.read_stream_until("\"n\":1");
}

TEST_CASE("a client that goes away under TLS cancels its request") {
  OwnCertificate own;
  HttpDoorSettings settings = secured_by(own);
  settings.limits.session.keep_alive_ms = Milliseconds(40);  // the sweep comes every 10 ms
  settings.limits.session.sse_after_ms = Milliseconds(60'000);
  RunningDoor running(settings);
  asio::ssl::context context(asio::ssl::context::tls_client);
  TlsClient client(running.door.port(), context);
  client.stream().handshake(asio::ssl::stream_base::client);
  std::string method = "hang";
  bool says_so = true;
  SUBCASE("saying so") {}
  SUBCASE("without a word") { says_so = false; }
  SUBCASE("saying so, from a stream") { method = "gate"; }
  SUBCASE("without a word, from a stream") {
    method = "gate";
    says_so = false;
  }
  const std::string body =
      call_text(1, method,
                R"({"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
                R"("io.modelcontextprotocol/clientCapabilities":{}}})");
  client.send(
      TlsClient::request("POST", running.door.port(), "", body,
                         "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: " + method + "\r\n"));
  const StatelessScript& script = running.conversations.stateless;
  CHECK(running.eventually([&] { return script.handled == 1; }));
  if (method == "gate") {
    client.read_head();
    client.read_stream_until("before");
  }
  if (says_so) {  // close_notify, without waiting for the door's
    boost::system::error_code ignored;
    client.stream().lowest_layer().shutdown(asio::ip::tcp::socket::shutdown_receive, ignored);
    client.stream().shutdown(ignored);
  }
  client.close();
  CHECK(running.eventually([&] { return script.cancelled == 1 && script.open.empty(); }));
}

TEST_CASE("TLS 1.1, and no TLS at all, are refused") {
  OwnCertificate own;
  RunningDoor running(secured_by(own));
  const std::uint16_t port = running.door.port();
  asio::ssl::context context(asio::ssl::context::tls_client);
  SSL_CTX_set_security_level(context.native_handle(), 0);
  SSL_CTX_set_max_proto_version(context.native_handle(), TLS1_1_VERSION);
  TlsClient old(port, context);
  CHECK_THROWS(old.stream().handshake(asio::ssl::stream_base::client));
  Client plain(port);
  plain.send(Client::request("POST", port, "", call_text(1, "echo")));
  CHECK(plain.is_closed());
}

TEST_CASE("a key that is not the certificate's is refused") {
  OwnCertificate own;
  OwnCertificate other;
  HttpDoorSettings settings = secured_by(own);
  settings.key = other.key();
  asio::io_context loop;
  ScriptedConversations conversations(loop.get_executor());
  TwoTokens tokens;
  HttpDoor door(loop.get_executor(), conversations, tokens, settings);
  Status listening = door.listen();
  REQUIRE_FALSE(listening);
  CHECK(listening.refusal().detail.find(other.key()) != std::string::npos);
}

}  // namespace
}  // namespace toolgate::door_test
