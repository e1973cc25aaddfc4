#include "connectors/remote_session.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "gateway/core/log.hpp"

namespace toolgate {
namespace {

constexpr std::size_t session_id_bytes = 1024;

bool is_session_id(std::string_view text) {
  return !text.empty() && text.size() <= session_id_bytes &&
         std::ranges::all_of(text, [](char c) { return c >= 0x21 && c <= 0x7E; });
}

void set(HttpHeaders& headers, std::string_view name, std::string_view value) {
  auto added = headers.add(name, value);
  assert(added);
}

HttpHeaders with_content(HttpHeaders headers) {
  set(headers, "Accept", "application/json, text/event-stream");
  set(headers, "Content-Type", "application/json");
  return headers;
}

}  // namespace

Status RemoteSession::open(ServerEvents& events) {
  assert(events_ == nullptr);
  events_ = &events;
  auto headers = configured_headers(server_);
  if (!headers) return headers.refusal();
  configured_ = *headers;
  alone_ = with_content(configured_);
  write_headers();
  return done();
}

Refusal RemoteSession::lose() {
  Refusal why(Reason::unavailable, "the server has ended the session (HTTP 404)");
  if (over_) return why;
  over_ = true;
  client_.abort_all(why);
  events_->closed(why);
  return why;
}

void RemoteSession::negotiated(Revision revision) {
  revision_ = revision;
  write_headers();
}

Status RemoteSession::take_id(const HttpHead& head) {
  auto id = head.find("mcp-session-id");
  if (!id || has_id() || revision_) return done();
  if (!is_session_id(*id)) {
    return Refusal(Reason::bad_answer,
                   "the server's session id is not 1 to 1024 visible ASCII characters");
  }
  id_ = *id;
  write_headers();
  return done();
}

// The headers that every request of this session carries, made once for each change.
void RemoteSession::write_headers() {
  common_ = configured_;
  if (has_id()) set(common_, "Mcp-Session-Id", id_);
  if (revision_ && sends_version_header(*revision_)) {
    set(common_, "MCP-Protocol-Version", revision_text(*revision_));
  }
  posting_ = with_content(common_);
}

HttpRequest RemoteSession::post(std::string message) const {
  return post(std::move(message), posting_);
}

HttpRequest RemoteSession::post(std::string message, const HttpHeaders& stateless) const {
  HttpRequest request;
  request.method = HttpMethod::post;
  request.target = server_.url.target;
  request.headers = stateless;
  request.body = std::move(message);
  return request;
}

Result<HttpHeaders> RemoteSession::stateless(const std::vector<HeaderField>& mirrored) const {
  HttpHeaders headers = alone_;
  for (const HeaderField& field : mirrored) {
    auto added = headers.add(field.name, field.value);
    if (!added) return added.refusal();
  }
  return headers;
}

std::optional<HttpRequest> RemoteSession::get(const std::string& last_event_id) const {
  HttpRequest request;
  request.target = server_.url.target;
  request.headers = common_;
  set(request.headers, "Accept", "text/event-stream");
  if (!last_event_id.empty() && !request.headers.add("Last-Event-ID", last_event_id)) {
    return std::nullopt;
  }
  return request;
}

HttpRequest RemoteSession::goodbye() const {
  HttpRequest request;
  request.method = HttpMethod::delete_session;
  request.target = server_.url.target;
  request.headers = common_;
  return request;
}

void RemoteSession::complain(std::string_view doing, const Refusal& why) const {
  log_line(LogLevel::debug, "server.http",
           {{"server", server_.name.text()}, {"doing", std::string(doing)}, {"why", why.detail}});
}

}  // namespace toolgate
