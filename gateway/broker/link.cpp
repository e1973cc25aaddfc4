// From an entry of the configuration to a pipe.

#include "connectors/remote_server.hpp"
#include "connectors/stdio_link.hpp"
#include "connectors/url.hpp"
#include "gateway/broker/local_server.hpp"
#include "gateway/broker/upstream.hpp"

namespace toolgate {

namespace {

Result<std::unique_ptr<ServerLink>> make_link(asio::any_io_executor executor,
                                              const ServerEntry& entry, Transport transport,
                                              SandboxProof& proof, Custodian* custodian) {
  if (transport == Transport::stdio) {
    auto server = local_server(entry);
    if (!server) return server.refusal();
    server->proof = &proof;
    server->custodian = custodian;
    return make_stdio_link(std::move(executor), std::move(*server));
  }
  auto url = parse_url(entry.url);
  if (!url) return url.refusal();
  RemoteServer server;
  server.name = entry.name;
  server.url = std::move(*url);
  server.headers.assign(entry.headers.begin(), entry.headers.end());
  server.limits = entry.limits;
  server.certificate_key = entry.certificate_key;
  // The upstream counts requests in flight itself; a link frees its place a moment later.
  server.limits.in_flight = entry.limits.in_flight * 2;
  if (transport == Transport::sse) return make_sse_link(std::move(executor), std::move(server));
  return make_streamable_http_link(std::move(executor), std::move(server));
}

}  // namespace

LinkFactory make_links(SandboxProof& proof, Custodian* custodian) {
  return [&proof, custodian](asio::any_io_executor executor, const ServerEntry& entry,
                             Transport transport) {
    return make_link(std::move(executor), entry, transport, proof, custodian);
  };
}

}  // namespace toolgate
