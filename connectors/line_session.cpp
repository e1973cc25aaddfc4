#include "connectors/line_session.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <utility>
#include <variant>

#include "connectors/uncancelled.hpp"
#include "gateway/core/log.hpp"

namespace toolgate {
namespace {

constexpr int lines_a_turn = 128;  // then other sessions run
constexpr Milliseconds unwinding_ms{
    1'000};  // for calls in flight after their conversation was closed

}  // namespace

LineSession::LineSession(asio::posix::stream_descriptor& input,
                         asio::posix::stream_descriptor& output, LineReader& lines,
                         const Limits& limits)
    : input_(input),
      lines_(lines),
      limits_(limits),
      tasks_(input.get_executor(), "agent session"),
      writers_(input.get_executor(), "agent session's answers"),
      outbound_(writers_, output, limits.session.queued_bytes, [this] { stop(); }),
      changed_(input.get_executor()) {}

Task<> LineSession::run(Conversations& conversations, AgentName agent, std::string transport) {
  // Cancellation ends the reading; the clean-up behind it must run all the same.
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  conversation_ = conversations.open(std::move(agent), *this, std::move(transport));
  co_await read_all();
  auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none) stopping_ = true;
  co_await uncancelled(finish());
  co_await asio::this_coro::throw_if_cancelled(throws);
}

// May be called from inside send().
void LineSession::stop() {
  stopping_ = true;
  boost::system::error_code closed_already;
  input_.cancel(closed_already);
  changed_.cancel();
}

bool LineSession::send(Inspected message) { return push(std::move(message).take()); }

bool LineSession::push(std::string text) {
  if (overflowed_) return false;  // no gaps: nothing follows a message that was dropped
  auto pushed = outbound_.push(std::move(text));
  if (pushed) return true;
  if (pushed.refusal().reason == Reason::overloaded) {
    overflowed_ = true;
    log_line(LogLevel::warning, "agent.does_not_read",
             {{"limit_bytes", std::to_string(limits_.session.queued_bytes)}});
  }
  stop();
  return false;
}

Task<> LineSession::read_all() {
  co_await take_lines();
  while (!stopping_) {
    std::span<char> space = lines_.space();
    auto [error, bytes] =
        co_await input_.async_read_some(asio::buffer(space.data(), space.size()), as_result);
    if (error || stopping_) break;
    lines_.filled(bytes);
    co_await take_lines();
  }
  auto rest = lines_.rest();
  if (rest && !stopping_) co_await take(std::move(*rest));
}

Task<> LineSession::take_lines() {
  for (int count = 1; !stopping_; ++count) {
    auto line = lines_.next();
    if (!line) co_return;
    co_await take(std::move(*line));
    if (count % lines_a_turn == 0) co_await asio::post(asio::use_awaitable);
  }
}

Task<> LineSession::take(Line line) {
  if (line.kind == Line::Kind::too_long) {
    BadMessage bad;
    bad.refusal = Refusal(Reason::too_large, "the message is longer than " +
                                                 std::to_string(limits_.json.bytes) + " bytes");
    answer(conversation_->refuse(bad), nullptr);
    co_return;
  }
  auto revision = conversation_->revision();
  const bool batches = revision && allows_batches(*revision);
  Inbound inbound = parse_inbound(Untrusted<std::string>(std::move(line.text)), limits_.json,
                                  batches ? Batches::accepted : Batches::refused);
  if (!inbound.batch) {
    co_await hand_over(std::move(inbound.messages.front()), nullptr);
    co_return;
  }
  auto batch = batches_.emplace(batches_.end());
  for (Parsed& parsed : inbound.messages) co_await hand_over(std::move(parsed), &*batch);
  batch->complete = true;
  answered(&*batch);
}

Task<> LineSession::hand_over(Parsed parsed, Batch* batch) {
  if (auto* bad = std::get_if<BadMessage>(&parsed)) {
    answer(conversation_->refuse(*bad), batch);
    co_return;
  }
  auto& message = std::get<Message>(parsed);
  if (message.is_request()) {
    co_await room_for_a_request();
    if (stopping_) co_return;
    ++requests_;
  }
  ++running_;
  if (batch != nullptr) ++batch->running;
  const bool decides_the_revision = message.is_request() && message.method() == "initialize";
  if (decides_the_revision) deciding_ = true;
  tasks_.spawn(handle(std::move(message), batch));
  if (decides_the_revision) co_await wait_decided(limits_.first_list_ms);
}

Task<> LineSession::handle(Message message, Batch* batch) {
  struct Leaving {
    Leaving(LineSession& of, Batch* in, const Message& handled)
        : session(of),
          batch(in),
          is_request(handled.is_request()),
          decides(is_request && handled.method() == "initialize") {}
    ~Leaving() {
      --session.running_;
      if (decides) session.deciding_ = false;
      if (is_request) --session.requests_;
      if (batch != nullptr) --batch->running;
      session.answered(batch);
      session.changed_.cancel();
    }
    LineSession& session;
    Batch* batch;
    bool is_request;
    bool decides;
  };
  Leaving leaving(*this, batch, message);
  try {
    auto reply = co_await conversation_->handle(std::move(message), *this);
    if (reply) answer(std::move(*reply), batch);
  } catch (...) {
    stop();  // a fault: this session ends, and the group logs why
    throw;
  }
}

void LineSession::answer(Inspected message, Batch* batch) {
  if (batch == nullptr) {
    send(std::move(message));
    return;
  }
  batch->answers += batch->answers.empty() ? "[" : ",";
  batch->answers += message.text();
}

// Sends a batch's answers when they are all there.
void LineSession::answered(Batch* batch) {
  if (batch == nullptr || !batch->complete || batch->running > 0) return;
  std::string answers = std::move(batch->answers);
  batches_.remove_if([batch](const Batch& other) { return &other == batch; });
  if (answers.empty()) return;
  push(answers + "]");
}

Task<> LineSession::room_for_a_request() {
  while (requests_ >= limits_.session.in_flight && !stopping_) {
    changed_.expires_at(asio::steady_timer::time_point::max());
    co_await changed_.async_wait(as_result);
    auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) stopping_ = true;
  }
}

Task<> LineSession::wait_idle(Milliseconds limit) {
  const auto deadline = asio::steady_timer::clock_type::now() + limit;
  while (running_ > 0 && !stopping_ && asio::steady_timer::clock_type::now() < deadline) {
    changed_.expires_at(deadline);
    co_await changed_.async_wait(as_result);
    auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) stopping_ = true;
  }
}

// Other messages may take as long as they want: a subscription of the modern era lasts for ever.
Task<> LineSession::wait_decided(Milliseconds limit) {
  const auto deadline = asio::steady_timer::clock_type::now() + limit;
  while (deciding_ && !stopping_ && asio::steady_timer::clock_type::now() < deadline) {
    changed_.expires_at(deadline);
    co_await changed_.async_wait(as_result);
    auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) stopping_ = true;
  }
}

Task<> LineSession::finish() {
  conversation_->wind_down();
  co_await wait_idle(limits_.drain_ms);
  stopping_ = true;
  co_await conversation_->close();
  co_await tasks_.drain(unwinding_ms);
  co_await outbound_.flushed_within(limits_.drain_ms);
  co_await writers_.drain(Milliseconds(0));
}

}  // namespace toolgate
