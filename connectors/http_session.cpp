#include "connectors/http_session.hpp"

#include <algorithm>
#include <cassert>

#include "signing/keys.hpp"

namespace toolgate {

HttpSession::HttpSession(std::string id, AgentName agent, const SessionLimits& limits)
    : id_(std::move(id)),
      agent_(std::move(agent)),
      limits_(limits),
      log_(limits.replay_bytes, limits.replay_events),
      last_used_(Clock::now()),
      general_(*this) {}

HttpSession::~HttpSession() { assert(!conversation_ || closed_); }

void HttpSession::adopt(std::unique_ptr<Conversation> conversation) {
  assert(!conversation_);
  conversation_ = std::move(conversation);
}

HttpSession::Claim HttpSession::claim(const RequestId& id) {
  if (in_flight_.contains(id.key())) return Claim::taken;
  if (in_flight_.size() >= limits_.in_flight) return Claim::too_many;
  in_flight_.insert(id.key());
  return Claim::granted;
}

void HttpSession::release(const RequestId& id) { in_flight_.erase(id.key()); }

std::uint64_t HttpSession::begin_stream(SseFeed& feed) {
  const std::uint64_t stream = log_.open();
  feeds_.emplace(stream, &feed);
  return stream;
}

bool HttpSession::publish(std::uint64_t stream, const Inspected& message) {
  if (!log_.is_open(stream) || (ended_ && stream == EventLog::general)) return false;
  StreamEvent event = log_.append(stream, message.text());
  const auto feed = feeds_.find(stream);
  if (feed != feeds_.end() && !feed->second->is_broken()) {
    if (stream == EventLog::general) general_given_ = log_.last(stream);
    feed->second->push(std::move(event));
  }
  return true;
}

void HttpSession::finish_stream(std::uint64_t stream) {
  log_.finish(stream);
  const auto feed = feeds_.find(stream);
  if (feed == feeds_.end()) return;
  feed->second->finish();
  feeds_.erase(feed);
}

std::expected<EventId, HttpRefusal> HttpSession::listen(SseFeed& feed) {
  const auto present = feeds_.find(EventLog::general);
  if (present != feeds_.end() && !present->second->is_broken()) {
    return std::unexpected(HttpRefusal(409, Reason::invalid_request,
                                       "the session has a listening stream: one GET at a time"));
  }
  const EventId start{EventLog::general, general_given_};
  for (StreamEvent& event : log_.kept_after(start)) feed.push(std::move(event));
  general_given_ = log_.last(EventLog::general);
  feeds_[EventLog::general] = &feed;
  return start;
}

std::expected<EventId, HttpRefusal> HttpSession::resume(std::string_view last_event_id,
                                                        SseFeed& feed) {
  const std::optional<EventId> id = event_id_from(last_event_id);
  std::optional<std::vector<StreamEvent>> missed;
  if (id) missed = log_.after(*id);
  if (!missed) {
    return std::unexpected(
        HttpRefusal(400, Reason::invalid_request,
                    "the events after this Last-Event-ID are not kept (any more): open the stream "
                    "without it, and ask again for what was not answered"));
  }
  const auto present = feeds_.find(id->stream);
  if (present != feeds_.end()) present->second->break_off();
  for (StreamEvent& event : *missed) feed.push(std::move(event));
  if (id->stream == EventLog::general) general_given_ = log_.last(EventLog::general);
  if (log_.is_open(id->stream)) {
    feeds_[id->stream] = &feed;
  } else {
    feeds_.erase(id->stream);
    feed.finish();
  }
  return *id;
}

void HttpSession::detach(const SseFeed& feed) {
  std::erase_if(feeds_, [&](const auto& entry) { return entry.second == &feed; });
}

Task<> HttpSession::end() {
  assert(!ended_);
  ended_ = true;
  if (conversation_) co_await conversation_->close();
  closed_ = true;
  for (auto& [stream, feed] : feeds_) feed->finish();
  feeds_.clear();
}

void HttpSession::leave(Clock::time_point now) {
  --users_;
  last_used_ = now;
}

bool HttpSession::is_idle_since(Clock::time_point deadline) const {
  return users_ == 0 && feeds_.empty() && last_used_ <= deadline;
}

bool HttpSession::General::send(Inspected message) {
  return session_.publish(EventLog::general, message);
}

SessionHandle HttpSessions::open(Conversations& conversations, const AgentName& agent) {
  if (is_full()) return nullptr;
  auto session = std::make_shared<HttpSession>(random_token(), agent, limits_.session);
  session->adopt(conversations.open(agent, session->general(), "http"));
  sessions_.emplace(session->id(), session);
  return session;
}

SessionHandle HttpSessions::remove_idlest() {
  if (sessions_.empty()) return nullptr;
  std::map<std::string, std::size_t> counts;
  for (const auto& [id, session] : sessions_) ++counts[session->agent().text()];
  const auto most =
      std::ranges::max_element(counts, {}, [](const auto& count) { return count.second; });
  auto idlest = sessions_.end();
  for (auto at = sessions_.begin(); at != sessions_.end(); ++at) {
    const HttpSession& session = *at->second;
    if (session.agent().text() != most->first) continue;
    if (!session.is_idle_since(HttpSession::Clock::time_point::max())) continue;
    if (idlest == sessions_.end() || session.last_used() < idlest->second->last_used()) idlest = at;
  }
  if (idlest == sessions_.end()) return nullptr;
  SessionHandle session = std::move(idlest->second);
  sessions_.erase(idlest);
  return session;
}

SessionHandle HttpSessions::find(std::string_view id, const AgentName& agent) const {
  const auto found = sessions_.find(std::string(id));
  if (found == sessions_.end()) return nullptr;
  const SessionHandle& session = found->second;
  return session->is_accepted() && session->agent() == agent ? session : nullptr;
}

bool HttpSessions::remove(const HttpSession& session) { return sessions_.erase(session.id()) != 0; }

std::vector<SessionHandle> HttpSessions::remove_all() {
  std::vector<SessionHandle> all;
  for (auto& [id, session] : sessions_) all.push_back(std::move(session));
  sessions_.clear();
  return all;
}

std::vector<SessionHandle> HttpSessions::remove_idle(HttpSession::Clock::time_point now) {
  std::vector<SessionHandle> idle;
  const auto deadline = now - limits_.session.idle_ms;
  std::erase_if(sessions_, [&](const auto& entry) {
    if (!entry.second->is_idle_since(deadline)) return false;
    idle.push_back(entry.second);
    return true;
  });
  return idle;
}

}  // namespace toolgate
