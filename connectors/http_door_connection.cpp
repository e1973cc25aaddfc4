#include "connectors/http_door_connection.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "connectors/http_door_peer.hpp"
#include "connectors/http_door_post.hpp"
#include "connectors/http_door_stateless.hpp"
#include "gateway/core/message.hpp"

namespace toolgate {
namespace {

constexpr std::size_t small_buffer = std::size_t{4} << 10;   // kept by an idle connection
constexpr std::size_t large_buffer = std::size_t{64} << 10;  // while a large body is read
constexpr std::uint64_t skipped_bytes = std::uint64_t{64} << 10;
constexpr std::chrono::milliseconds linger_ms{2'000};
constexpr auto never = DoorConnection::Clock::time_point::max();

}  // namespace

void RefusedAttempts::report(const Refusal& why, std::chrono::steady_clock::time_point now) {
  if (now - second_ >= std::chrono::seconds(1)) {
    second_ = now;
    reported_ = 0;
  }
  if (reported_++ >= burst) {
    ++left_out_;
    return;
  }
  Refusal said = why;
  if (left_out_ != 0)
    said.detail += " (" + std::to_string(left_out_) + " earlier ones were not recorded)";
  left_out_ = 0;
  doorkeeper_.refused("http", said);
}

DoorConnection::DoorConnection(DoorShared& door, std::unique_ptr<DoorWire> wire,
                               asio::ip::tcp::endpoint own, asio::ip::tcp::endpoint peer)
    : door_(door), wire_(std::move(wire)), own_(std::move(own)), peer_(std::move(peer)) {
  deadline_ = Clock::now() + door_.limits.door.header_ms;
  door_.connections.insert(this);
}

DoorConnection::~DoorConnection() { door_.connections.erase(this); }

Task<> DoorConnection::serve(std::shared_ptr<DoorConnection> connection) {
  bool open = co_await connection->wire_->start();
  while (open) open = co_await connection->serve_request();
  connection->wire_->close();
}

void DoorConnection::tick(Clock::time_point now) {
  if (now >= deadline_ || (feed_ && feed_->is_broken())) {
    deadline_ = never;
    wire_->close();
    return;
  }
  if (stateless_ && wire_->is_peer_gone()) {
    client_lost();
    return;
  }
  if (posting_ && now >= posting_since_ + door_.limits.session.sse_after_ms) posting_->start();
  if (feed_ && now >= written_at_ + door_.limits.session.keep_alive_ms) {
    written_at_ = now;
    feed_->push_comment();
  }
}

void DoorConnection::wind_down() {
  last_request_ = true;
  if (between_requests_) wire_->close();
  if (stateless_) stateless_->conversation().wind_down();
}

Task<bool> DoorConnection::serve_request() {
  bool arrived = co_await read_head();
  if (!arrived) co_return false;
  const std::size_t size = head_size(std::string_view(buffer_.data() + begin_, end_ - begin_), 0);
  const std::string_view bytes(buffer_.data() + begin_, size == 0 ? end_ - begin_ : size);
  std::optional<HttpRefusal> unreadable =
      parse_head(bytes, door_.limits.door.header_bytes, fields_);
  begin_ += bytes.size();
  if (unreadable) co_return co_await refuse(std::move(*unreadable));

  auto head = judge_request(fields_, RequestRules{door_.hosts, door_.limits.json.bytes});
  if (!head) co_return co_await refuse(std::move(head.error()));
  if (!head->keep_alive) last_request_ = true;

  auto agent = authorise(*head);
  if (!agent) co_return co_await refuse(std::move(agent.error()));

  bool complete = co_await read_body(*head);
  if (!complete) co_return false;
  co_return co_await dispatch(*head, std::move(*agent));
}

// Waits for a complete head, or one that is too long to be read.
Task<bool> DoorConnection::read_head() {
  between_requests_ = begin_ == end_;
  // Only who has asked something may stay without asking: an idle stranger holds a place for less.
  deadline_ = Clock::now() + (between_requests_ && asked_before_ ? door_.limits.door.idle_ms
                                                                 : door_.limits.door.header_ms);
  if (between_requests_) {
    begin_ = end_ = 0;
    if (buffer_.size() > small_buffer) buffer_ = std::vector<char>();
  }
  std::size_t searched = 0;
  for (;;) {
    const std::string_view unread(buffer_.data() + begin_, end_ - begin_);
    if (head_size(unread, searched) != 0 || unread.size() > door_.limits.door.header_bytes) break;
    searched = unread.size();
    if (between_requests_ && last_request_) co_return false;
    bool more = co_await fill(small_buffer);
    if (!more) co_return false;
    if (between_requests_) deadline_ = Clock::now() + door_.limits.door.header_ms;
    between_requests_ = false;
  }
  between_requests_ = false;
  asked_before_ = true;
  co_return true;
}

// Reads once, with room for at least 1 and about `room` bytes.
Task<bool> DoorConnection::fill(std::size_t room) {
  if (begin_ == end_) begin_ = end_ = 0;
  if (end_ == buffer_.size() && begin_ != 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == buffer_.size() || buffer_.size() < room) {
    buffer_.resize(std::max(room, end_ == buffer_.size() ? buffer_.size() * 2 : buffer_.size()));
  }
  const std::span<char> free(buffer_.data() + end_, buffer_.size() - end_);
  const std::size_t size = co_await wire_->read(free);
  end_ += size;
  co_return size != 0;
}

Task<bool> DoorConnection::read_body(RequestHead head) {
  deadline_ = Clock::now() + door_.limits.door.body_ms;
  body_.begin(head, door_.limits.json.bytes);
  if (head.expects_continue && begin_ == end_ && head.has_body()) {
    bool written = co_await wire_->write("HTTP/1.1 100 Continue\r\n\r\n", "");
    if (!written) co_return false;
  }
  for (;;) {
    begin_ += body_.take(std::string_view(buffer_.data() + begin_, end_ - begin_));
    if (body_.state() != RequestBody::State::more) break;
    bool more = co_await fill(body_.remaining() > small_buffer ? large_buffer : small_buffer);
    if (!more) co_return false;
  }
  deadline_ = never;
  if (body_.state() == RequestBody::State::complete) co_return true;
  const bool too_large = body_.state() == RequestBody::State::too_large;
  HttpRefusal refusal(too_large ? 413 : 400,
                      too_large ? Reason::too_large : Reason::invalid_request,
                      too_large ? "the message is too large" : "the chunked body is malformed");
  refusal.close = true;
  co_await refuse(std::move(refusal));
  co_return false;
}

Task<bool> DoorConnection::skip_body(std::uint64_t bytes) {
  deadline_ = Clock::now() + door_.limits.door.body_ms;
  for (;;) {
    const std::size_t now = std::min<std::uint64_t>(bytes, end_ - begin_);
    begin_ += now;
    bytes -= now;
    if (bytes == 0) co_return true;
    bool more = co_await fill(small_buffer);
    if (!more) co_return false;
  }
}

// Closing a connection on which bytes wait would reset it, and the peer might lose the answer.
Task<> DoorConnection::linger() {
  deadline_ = Clock::now() + linger_ms;
  between_requests_ = true;
  co_await wire_->finish();
  std::uint64_t left = std::uint64_t{1} << 20;
  for (;;) {
    begin_ = end_ = 0;
    bool more = co_await fill(small_buffer);
    if (!more || left < end_) break;
    left -= end_;
  }
}

Task<bool> DoorConnection::refuse(HttpRefusal refusal) {
  if (refusal.status == 401 || refusal.status == 403)
    door_.attempts.report(refusal.why, Clock::now());
  refusal.close = refusal.close || refusal.body_bytes > skipped_bytes;
  if (!refusal.close && refusal.body_bytes != 0) {
    bool skipped = co_await skip_body(refusal.body_bytes);
    if (!skipped) co_return false;
  }
  last_request_ = last_request_ || refusal.close;
  AnswerHead head;
  head.status = refusal.status;
  head.type = "application/json";
  head.headers = refusal.headers;
  bool open = co_await answer(head, error_text("null", refusal.why));
  if (refusal.close && wire_->is_open()) co_await linger();
  co_return open;
}

Task<bool> DoorConnection::answer(AnswerHead head, std::string body) {
  head.length = body.size();
  head.close = last_request_;
  deadline_ = Clock::now() + door_.limits.door.body_ms;
  const std::string text = answer_head(head, door_.date);
  bool written = co_await wire_->write(text, body);
  co_return written && !head.close;
}

Task<bool> DoorConnection::answer_json(unsigned status, std::string body) {
  AnswerHead head;
  head.status = status;
  head.type = "application/json";
  co_return co_await answer(head, std::move(body));
}

// Who is it? A token decides; without one, the gateway's own user on this machine may be let in.
std::expected<AgentName, HttpRefusal> DoorConnection::authorise(const RequestHead& head) {
  if (door_.only_agent) return *door_.only_agent;
  if (head.credentials == RequestCredentials::bearer) {
    auto agent = door_.doorkeeper.agent_for(head.bearer);
    if (agent) return std::move(*agent);
  } else if (head.credentials == RequestCredentials::none &&
             door_.doorkeeper.accepts_local_user() && is_own_user()) {
    return AgentName("local");
  }
  HttpRefusal refusal(401, Reason::unauthenticated,
                      head.credentials == RequestCredentials::none
                          ? "a bearer token is needed: `toolgate agent add NAME` makes one"
                          : "this token belongs to no agent: `toolgate agent add NAME` makes one");
  refusal.headers = "WWW-Authenticate: Bearer\r\n";
  refusal.body_bytes = head.content_length;
  refusal.close = head.chunked || head.expects_continue;
  return std::unexpected(std::move(refusal));
}

bool DoorConnection::is_own_user() {
  if (!own_user_) own_user_ = local_peer_user(own_, peer_) == geteuid();
  return *own_user_;
}

std::expected<SessionHandle, HttpRefusal> DoorConnection::session_of(const RequestHead& head,
                                                                     const AgentName& agent) {
  if (!head.session_id) {
    return std::unexpected(
        HttpRefusal(400, Reason::invalid_request,
                    "Mcp-Session-Id is missing: a session starts with initialize"));
  }
  SessionHandle session = door_.sessions.find(*head.session_id, agent);
  if (!session) {
    return std::unexpected(
        HttpRefusal(404, Reason::invalid_request,
                    "there is no such session (any more): start with initialize"));
  }
  return session;
}

Task<bool> DoorConnection::dispatch(RequestHead head, AgentName agent) {
  if (head.method == RequestMethod::post) co_return co_await post(head, std::move(agent));
  auto session = session_of(head, agent);
  if (!session) co_return co_await refuse(std::move(session.error()));
  if (head.method == RequestMethod::remove) co_return co_await remove(std::move(*session));
  co_return co_await get(head, std::move(*session));
}

}  // namespace toolgate
