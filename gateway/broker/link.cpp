// From an entry of the configuration to a pipe.

#include <cstdlib>

#include "connectors/remote_server.hpp"
#include "connectors/stdio_link.hpp"
#include "connectors/url.hpp"
#include "gateway/broker/upstream.hpp"

namespace toolgate {
namespace {

// What a local server inherits: what a program needs to find itself and its files, nothing else.
constexpr const char* inherited[] = {"HOME",  "LANG", "LC_ALL", "LOGNAME", "PATH",
                                     "SHELL", "TERM", "TMPDIR", "TZ",      "USER"};

std::map<std::string, std::string> environment_for(const ServerEntry& entry) {
  std::map<std::string, std::string> environment;
  for (const char* name : inherited) {
    if (const char* value = std::getenv(name)) environment[name] = value;
  }
  for (const auto& [name, value] : entry.env) environment[name] = value;
  return environment;
}

}  // namespace

Result<std::unique_ptr<ServerLink>> make_link(asio::any_io_executor executor,
                                              const ServerEntry& entry, Transport transport) {
  if (transport == Transport::stdio) {
    if (entry.isolation != Isolation::none || !entry.isolation_written_out) {
      return Refusal(Reason::unsupported,
                     "'" + entry.name.text() +
                         "' is a local server without a sandbox, and this build has none: nothing "
                         "runs bare by default. Write \"toolgate\": {\"isolation\": \"none\"} into "
                         "its entry to run it with your own rights");
    }
    StdioServer server;
    server.name = entry.name;
    server.argv = entry.argv;
    server.env = environment_for(entry);
    server.cwd = entry.cwd.string();
    server.limits = entry.limits;
    return make_stdio_link(std::move(executor), std::move(server));
  }
  auto url = parse_url(entry.url);
  if (!url) return url.refusal();
  RemoteServer server;
  server.name = entry.name;
  server.url = std::move(*url);
  server.headers.assign(entry.headers.begin(), entry.headers.end());
  server.limits = entry.limits;
  // The upstream counts requests in flight itself; a link frees its place a moment later.
  server.limits.in_flight = entry.limits.in_flight * 2;
  if (transport == Transport::sse) return make_sse_link(std::move(executor), std::move(server));
  return make_streamable_http_link(std::move(executor), std::move(server));
}

}  // namespace toolgate
