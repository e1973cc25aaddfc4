// The requests that wait for an answer of the server, and what the server says.

#include <charconv>

#include "connectors/uncancelled.hpp"
#include "gateway/broker/upstream.hpp"
#include "gateway/core/envelope.hpp"
#include "gateway/core/log.hpp"

namespace toolgate {
namespace {

using Clock = std::chrono::steady_clock;
// Deadlines so near to each other count as one: nothing is sent that would be late at once.
constexpr Milliseconds together{5};
constexpr std::size_t most_pending = 4'096;  // requests that wait for an answer or for room

// The broker's own number in an id or a progress token, if it is one.
std::optional<BrokerId> broker_id(std::string_view digits) {
  BrokerId id = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return id;
}

std::string file_uri(const std::filesystem::path& path) {
  static constexpr char hex[] = "0123456789ABCDEF";
  std::string uri = "file://";
  for (char c : path.string()) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 std::string_view("/-._~").find(c) != std::string_view::npos;
    if (plain) {
      uri += c;
    } else {
      auto byte = static_cast<unsigned char>(c);
      uri += {'%', hex[byte >> 4], hex[byte & 15]};
    }
  }
  return uri;
}

Task<> complete(std::shared_ptr<OpenNotes> notes, FileNotes& files) {
  files = co_await OpenNotes::settled(std::move(notes));
}

}  // namespace

std::string roots_result(const ServerEntry& entry) {
  std::string roots;
  for (const FileScope& scope : entry.files) {
    if (!roots.empty()) roots += ',';
    roots += R"({"uri":)" + json_quote(file_uri(scope.path)) + R"(,"name":)" +
             json_quote(scope.path.filename().string()) + "}";
  }
  return R"({"roots":[)" + roots + "]}";
}

// Stands in pending_ for as long as it lives.
class Upstream::Registered {
 public:
  Registered(Upstream& upstream, BrokerId id, Pending& pending)
      : upstream_(upstream), id_(id), pending_(pending) {
    upstream_.pending_.emplace(id, &pending);
  }
  ~Registered() {
    upstream_.pending_.erase(id_);
    if (pending_.sent) --upstream_.sent_;
    upstream_.leave_room();
  }
  Registered(const Registered&) = delete;

 private:
  Upstream& upstream_;
  BrokerId id_;
  Pending& pending_;
};

Task<Result<Reply>> Upstream::request(BrokerId id, std::string method, std::string params,
                                      Milliseconds limit, CallRoute* route, Carriage carriage) {
  if (state_ != State::ready || gone_ || stopping_) {
    co_return Refusal(Reason::unavailable, "server '" + name() + "' is not running");
  }
  co_return co_await exchange(id, std::move(method), std::move(params), limit, route,
                              std::move(carriage));
}

Task<Result<Reply>> Upstream::exchange(BrokerId id, std::string method, std::string params,
                                       Milliseconds limit, CallRoute* route, Carriage carriage) {
  if (!link_ || gone_ || stopping_) {
    co_return Refusal(Reason::unavailable, "server '" + name() + "' is not running");
  }
  if (pending_.size() >= most_pending) {
    co_return Refusal(Reason::overloaded, "server '" + name() + "' has " +
                                              std::to_string(most_pending) +
                                              " calls waiting: try again later");
  }
  Pending pending(executor_);
  pending.route = route;
  pending.text = request_text(std::to_string(id), method, params);
  pending.carriage = std::move(carriage);
  pending.deadline = Clock::now() + limit;
  Registered registered(*this, id, pending);
  if (sent_ < entry_.limits.in_flight) {
    send(id, pending);
  } else {
    queue_.push_back(id);
  }
  if (pending.deadline < deadlines_.expiry()) deadlines_.cancel();
  Result<Reply> reply = co_await pending.slot.wait();
  if (pending.notes && !pending.notes->empty()) {
    FileNotes files;
    co_await uncancelled(complete(pending.notes, files));
    route->add_files(files);
  }
  co_return reply;
}

void Upstream::send(BrokerId id, Pending& pending) {
  pending.sent = true;
  ++sent_;
  Status sent = link_->send(std::exchange(pending.text, {}), id, std::move(pending.carriage));
  if (!sent) pending.slot.set(sent.refusal());
}

// Every end of a request that was sent: what happened meanwhile belongs to the call, whether there
// is an answer or not.
void Upstream::settle(BrokerId id, Pending& pending, Result<Reply> result) {
  if (pending.slot.is_set()) return;
  if (link_ && pending.sent && pending.route) pending.notes = link_->notes_of(id);
  pending.slot.set(std::move(result));
}

Task<Result<Reply>> Upstream::ask(std::string method, std::string params) {
  co_return co_await ask(std::move(method), std::move(params), start_time_left(), Carriage());
}

Task<Result<Reply>> Upstream::ask(std::string method, std::string params, Milliseconds limit,
                                  Carriage carriage) {
  BrokerId id = next_id();
  co_return co_await exchange(id, std::move(method), std::move(params), limit, nullptr,
                              std::move(carriage));
}

void Upstream::leave_room() {
  while (link_ && !gone_ && !queue_.empty() && sent_ < entry_.limits.in_flight) {
    auto found = pending_.find(queue_.front());
    queue_.pop_front();
    if (found != pending_.end() && !found->second->slot.is_set()) {
      send(found->first, *found->second);
    }
  }
}

void Upstream::cancel(BrokerId id, Refusal why) {
  auto found = pending_.find(id);
  if (found == pending_.end() || found->second->slot.is_set()) return;
  if (found->second->sent) {
    // A modern server over HTTP hears of it by the loss of the connection.
    bool says = !is_modern() || entry_.transport == Transport::stdio;
    if (says) {
      notify("notifications/cancelled", R"({"requestId":)" + std::to_string(id) + R"(,"reason":)" +
                                            json_quote(why.detail) + "}");
    }
  }
  const bool was_sent = found->second->sent;
  settle(id, *found->second, std::move(why));
  if (was_sent && link_) link_->cancel(id);
}

void Upstream::notify(std::string method, std::string params) {
  if (!link_ || gone_) return;
  Status sent = link_->send(notification_text(method, params), std::nullopt);
  if (!sent) {
    log_line(LogLevel::debug, "server.notification_dropped",
             {{"server", name()}, {"why", sent.refusal().detail}});
  }
}

void Upstream::answer(std::string message) {
  if (!link_ || gone_) return;
  Status sent = link_->send(std::move(message), std::nullopt);
  if (!sent) {
    log_line(LogLevel::warning, "server.answer_dropped",
             {{"server", name()}, {"why", sent.refusal().detail}});
  }
}

Task<> Upstream::watch_deadlines() {
  while (link_ && !gone_ && !stopping_) {
    auto now = Clock::now();
    auto next = now + std::chrono::hours(1);
    std::vector<BrokerId> late;
    for (const auto& [id, pending] : pending_) {
      if (pending->slot.is_set()) continue;
      if (pending->deadline <= now + together) {
        late.push_back(id);
      } else {
        next = std::min(next, pending->deadline);
      }
    }
    for (BrokerId id : late) {
      cancel(id, Refusal(Reason::timed_out,
                         "server '" + name() + "' did not answer within its deadline"));
    }
    deadlines_.expires_at(next);
    co_await deadlines_.async_wait(as_result);
  }
}

void Upstream::received(Untrusted<std::string> message, std::optional<BrokerId> stream_of) {
  JsonLimits limits;
  limits.bytes = entry_.limits.result_bytes;
  bool batches = revision_ && allows_batches(*revision_);
  Inbound inbound =
      parse_inbound(std::move(message), limits, batches ? Batches::accepted : Batches::refused);
  for (Parsed& parsed : inbound.messages) take(std::move(parsed), stream_of);
}

void Upstream::take(Parsed parsed, std::optional<BrokerId> stream_of) {
  if (auto* bad = std::get_if<BadMessage>(&parsed)) {
    log_line(LogLevel::debug, "server.bad_message",
             {{"server", name()}, {"why", bad->refusal.detail}});
    if (bad->answers) {
      auto id = broker_id(bad->answers->raw());
      if (id) {
        finish(*id, Refusal(Reason::bad_answer,
                            "server '" + name() + "' sent a bad answer: " + bad->refusal.detail));
      }
    }
    return;
  }
  Message& message = *std::get_if<Message>(&parsed);
  if (message.is_notification()) return take_notification(message, stream_of);
  if (message.is_request()) return take_request(std::move(message), stream_of);
  auto id = broker_id(message.id().raw());
  if (!id) {
    ++dropped_;
    return;
  }
  finish(*id, Reply{std::move(message)});
}

void Upstream::take_notification(const Message& message, std::optional<BrokerId> stream_of) {
  const std::string& method = message.method();
  if (method.ends_with("/list_changed")) {
    stale_ = true;
    if (state_ == State::ready) changed_.cancel();
    return;
  }
  if (method == "notifications/subscriptions/acknowledged") return acknowledged(message);
  if (is_modern() && method == "notifications/cancelled") return torn_down(message);
  CallRoute* route = route_of(stream_of);
  if (method == "notifications/progress") {
    auto params = message.params();
    auto token = params ? params->find("progressToken") : std::nullopt;
    route = token && token->is_number() ? route_of(broker_id(token->raw())) : nullptr;
    if (!route) return;
  }
  events_.notified(*this, message, route);
}

// Over a pipe a server says so when it ends a subscription: listen() makes a new one.
void Upstream::torn_down(const Message& message) {
  auto params = message.params();
  auto request = params ? params->find("requestId") : std::nullopt;
  auto id = request && request->is_number() ? broker_id(request->raw()) : std::optional<BrokerId>();
  if (!id || !listens_.contains(*id)) return;
  finish(*id, Refusal(Reason::unavailable, "the server ended the subscription"));
}

// The newest subscription is in force: those before it have done their work.
void Upstream::acknowledged(const Message& message) {
  auto params = message.params();
  auto meta = params ? params->find("_meta") : std::nullopt;
  auto subscription = meta ? meta->find(meta_subscription) : std::nullopt;
  auto id = subscription && subscription->is_number() ? broker_id(subscription->raw())
                                                      : std::optional<BrokerId>();
  if (!id || !listens_.contains(*id)) return;
  const std::set<BrokerId> open = listens_;
  for (BrokerId older : open) {
    if (older < *id) cancel(older, Refusal(Reason::cancelled, "the subscription was replaced"));
  }
}

void Upstream::take_request(Message message, std::optional<BrokerId> stream_of) {
  if (is_modern()) {
    ++dropped_;  // it may not ask, and is owed no answer
    log_line(LogLevel::debug, "server.asks_in_vain", {{"server", name()}});
  } else if (message.method() == "ping") {
    answer(result_text(message.id().raw(), "{}"));
  } else if (message.method() == "roots/list") {
    answer(result_text(message.id().raw(), roots_result(entry_)));
  } else {
    events_.asked(*this, std::move(message), route_of(stream_of));
  }
}

CallRoute* Upstream::route_of(std::optional<BrokerId> id) const {
  if (!id) return nullptr;
  auto found = pending_.find(*id);
  if (found == pending_.end() || !found->second->sent || found->second->slot.is_set()) {
    return nullptr;
  }
  return found->second->route;
}

void Upstream::finish(BrokerId id, Result<Reply> result) {
  auto found = pending_.find(id);
  if (found == pending_.end() || !found->second->sent || found->second->slot.is_set()) {
    ++dropped_;
    log_line(LogLevel::debug, "server.unexpected_answer", {{"server", name()}});
    return;
  }
  settle(id, *found->second, std::move(result));
  if (link_) link_->abandon(id);
}

void Upstream::lost(BrokerId request, Refusal why) {
  auto found = pending_.find(request);
  if (found == pending_.end()) return;
  settle(request, *found->second, named(std::move(why)));
}

// A link tells what happened, not always to whom.
Refusal Upstream::named(Refusal why) const {
  if (why.detail.find("'" + name() + "'") == std::string::npos) {
    why.detail = "server '" + name() + "': " + why.detail;
  }
  return why;
}

void Upstream::closed(Refusal why) {
  why = named(std::move(why));
  gone_ = why;
  fail_all(why);
  changed_.cancel();
}

void Upstream::fail_all(const Refusal& why) {
  for (const auto& [id, pending] : pending_) {
    settle(id, *pending, why);
    if (link_ && pending->sent) link_->abandon(id);
  }
  queue_.clear();
  deadlines_.cancel();
}

}  // namespace toolgate
