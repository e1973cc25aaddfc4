#pragma once
// What a link over Streamable HTTP says of itself with each request: the configured headers and, in
// the legacy era, the session's id and the revision that the handshake agreed on. A stateless
// request (the modern era) says neither, and no answer to one changes what is known here.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/http_client.hpp"
#include "connectors/remote_server.hpp"
#include "gateway/core/mirror.hpp"
#include "gateway/core/result.hpp"
#include "gateway/core/revision.hpp"
#include "gateway/core/server_link.hpp"

namespace toolgate {

class RemoteSession {
 public:
  RemoteSession(const RemoteServer& server, HttpClient& client)
      : server_(server), client_(client) {}
  RemoteSession(const RemoteSession&) = delete;

  // Checks the configured headers; refuses with `bad_configuration`. Once, before all else.
  Status open(ServerEvents& events);
  ServerEvents& events() const { return *events_; }

  // Nothing is said to the owner any more: closed() was said, or the link's close() began.
  bool is_over() const { return over_; }
  void end() { over_ = true; }
  // The server does not know the session any more: ends every call, and tells the owner.
  Refusal lose();

  bool has_id() const { return !id_.empty(); }
  const std::optional<Revision>& revision() const { return revision_; }
  void negotiated(Revision revision);
  // Keeps the id that came with an answer to the handshake. Refuses with `bad_answer`.
  Status take_id(const HttpHead& head);

  HttpRequest post(std::string message) const;
  HttpRequest post(std::string message, const HttpHeaders& stateless) const;
  // All headers of a stateless request. Refuses what HttpHeaders refuses.
  Result<HttpHeaders> stateless(const std::vector<HeaderField>& mirrored) const;
  // An event stream: after this event, or a new one where the id is empty. Nothing where the id
  // cannot stand in a header, so that the stream cannot be resumed.
  std::optional<HttpRequest> get(const std::string& last_event_id) const;
  // The end of the session.
  HttpRequest goodbye() const;

  void complain(std::string_view doing, const Refusal& why) const;

 private:
  void write_headers();

  const RemoteServer& server_;
  HttpClient& client_;
  ServerEvents* events_ = nullptr;
  HttpHeaders configured_;  // from the configuration
  HttpHeaders alone_;       // those, and what each stateless POST carries
  HttpHeaders common_;      // those of the configuration, the session and the revision
  HttpHeaders posting_;     // those, and what each POST carries
  std::string id_;
  std::optional<Revision> revision_;
  bool over_ = false;
};

}  // namespace toolgate
