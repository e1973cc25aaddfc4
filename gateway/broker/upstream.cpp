#include "gateway/broker/upstream.hpp"

#include <random>

#include "gateway/core/log.hpp"
#include "gateway/core/within.hpp"

namespace toolgate {
namespace {

using Clock = std::chrono::steady_clock;

constexpr Milliseconds first_backoff{250};
constexpr Milliseconds most_backoff{30'000};
constexpr Milliseconds worth_waiting{3'000};  // a call waits for a restart that is this near
constexpr Milliseconds stable_after{
    30'000};  // up this long: the next failure starts from the beginning

Milliseconds backoff_for(unsigned failures) {
  Milliseconds wait = first_backoff * (1U << std::min(failures, 7U));
  wait = std::min(wait, most_backoff);
  static thread_local std::minstd_rand random{std::random_device{}()};
  return wait + Milliseconds(std::uniform_int_distribution<long>(0, wait.count() / 4)(random));
}

// A retry would meet the same wall: only a change of the configuration helps.
bool is_permanent(const Refusal& why) {
  return why.reason == Reason::unsupported || why.reason == Reason::bad_configuration;
}

std::string last_lines(std::string_view text) {
  constexpr std::size_t most_bytes = 1'000;
  constexpr int most_lines = 5;
  while (text.ends_with('\n')) text.remove_suffix(1);
  if (text.size() > most_bytes) text.remove_prefix(text.size() - most_bytes);
  std::size_t begin = text.size();
  for (int lines = 0; lines < most_lines && begin != std::string_view::npos && begin > 0; ++lines) {
    begin = text.rfind('\n', begin - 1);
  }
  if (begin != std::string_view::npos && begin < text.size()) text.remove_prefix(begin + 1);
  std::string printable(text);
  for (char& c : printable) {
    if (c != '\n' && (c < ' ' || c > '~')) c = '?';
  }
  return printable;
}

}  // namespace

std::string_view state_name(Upstream::State state) {
  switch (state) {
    case Upstream::State::idle:
      return "idle";
    case Upstream::State::starting:
      return "starting";
    case Upstream::State::ready:
      return "ready";
    case Upstream::State::waiting:
      return "waiting";
    case Upstream::State::stopped:
      return "stopped";
  }
  return "";
}

Upstream::Upstream(asio::any_io_executor executor, ServerEntry entry, UpstreamEvents& events,
                   LinkFactory make)
    : executor_(executor),
      entry_(std::move(entry)),
      events_(events),
      make_(std::move(make)),
      tasks_(executor, "server " + entry_.name.text()),
      changed_(executor),
      deadlines_(executor) {
  changed_.expires_at(Clock::time_point::max());
  deadlines_.expires_at(Clock::time_point::max());
}

Upstream::~Upstream() = default;

Task<> Upstream::run() {
  running_ = true;
  while (!stopping_) {
    Status status = co_await start();
    Refusal why(Reason::unavailable, "");
    if (status) {
      auto up_since = Clock::now();
      set_state(State::ready);
      log_line(LogLevel::info, "server.ready", {{"server", name()}});
      events_.started(*this);
      events_.offered(*this);
      co_await stay_up();
      if (Clock::now() - up_since > stable_after) failures_ = 0;
      why = gone_.value_or(Refusal(Reason::unavailable, "stopped"));
    } else {
      why = status.refusal();
    }
    co_await end_link();
    if (stopping_) break;
    last_error_ = why.detail;
    log_line(LogLevel::warning, "server.down", {{"server", name()}, {"why", why.detail}});
    retry_at_ = Clock::now() + wait_after(why);
    set_state(State::waiting);
    events_.stopped(*this, why);
    co_await back_off();
    ++restarts_;
  }
  running_ = false;
  set_state(State::stopped);
}

Task<Status> Upstream::probe() {
  Status status = co_await start();
  if (status) {
    set_state(State::ready);
  } else {
    last_error_ = status.refusal().detail;
  }
  co_return status;
}

Task<> Upstream::stop() {
  stopping_ = true;
  fail_all(Refusal(Reason::unavailable, "'" + name() + "' was stopped"));
  changed_.cancel();
  if (running_) co_await close_link();  // a start that waits for the server ends with it
  while (running_) co_await change();
  co_await end_link();
  set_state(State::stopped);
}

// The next change of the state, or an earlier call of wake().
Task<> Upstream::change() {
  changed_.expires_at(Clock::time_point::max());
  co_await changed_.async_wait(as_result);
}

Clock::duration Upstream::wait_after(const Refusal& why) {
  if (is_permanent(why)) return std::chrono::hours(24 * 365);
  return backoff_for(failures_++);
}

Task<> Upstream::back_off() {
  while (!stopping_ && Clock::now() < retry_at_) {
    changed_.expires_at(retry_at_);
    co_await changed_.async_wait(as_result);
  }
}

Task<Status> Upstream::start() {
  set_state(State::starting);
  start_by_ = Clock::now() + entry_.limits.start_ms;
  Transport transport = is_sse_ ? Transport::sse : entry_.transport;
  Offer offer;
  Status status = co_await connect(transport, offer);
  if (!status && transport == Transport::streamable_http &&
      status.refusal().reason == Reason::unsupported) {
    // The specification's rule for old servers: 404 or 405 to the first POST means HTTP+SSE.
    co_await end_link();
    offer = Offer();
    status = co_await connect(Transport::sse, offer);
    is_sse_ = static_cast<bool>(status);
    if (!status) {
      co_return Refusal(Reason::unavailable, "'" + name() +
                                                 "' answers neither as Streamable HTTP nor as "
                                                 "HTTP+SSE: " +
                                                 status.refusal().detail);
    }
  }
  if (!status) co_return status.refusal();
  status = co_await list_all(offer);
  if (status) {
    offer_ = std::move(offer);
    relist_at_ = Clock::now() + entry_.limits.relist_ms;
    list_failures_ = 0;
    unlisted_.clear();
    listen_anew();
  }
  co_return status;
}

Task<Status> Upstream::connect(Transport transport, Offer& offer) {
  if (stopping_) co_return Refusal(Reason::unavailable, "'" + name() + "' was stopped");
  gone_.reset();
  revision_.reset();
  listens_.clear();
  stale_ = false;
  Status opened = co_await open_link(entry_, transport);
  if (opened) set_containment(Containment::State::asked, "");
  if (!opened && opened.refusal().reason == Reason::uncontained) {
    opened = co_await open_lesser(opened.refusal());
  }
  if (!opened) co_return opened.refusal();
  co_return co_await meet(offer, transport);
}

Task<Status> Upstream::open_link(ServerEntry entry, Transport transport) {
  auto link = make_(executor_, entry, transport);
  if (!link) co_return link.refusal();
  link_ = std::move(*link);
  tasks_.spawn(watch_deadlines());
  co_return co_await within(start_time_left(), link_->open(*this), "starting '" + name() + "'");
}

// The host cannot give the boundary that is asked for: what remains is what was written out.
Task<Status> Upstream::open_lesser(Refusal why) {
  co_await end_link();
  Refusal last = why;
  if (entry_.when_missing && !stopping_) {
    Status opened = co_await open_link(lesser_entry(entry_), Transport::stdio);
    if (opened) {
      set_containment(Containment::State::lesser, why.detail);
      co_return done();
    }
    if (opened.refusal().reason != Reason::uncontained) co_return opened.refusal();
    co_await end_link();
    last.detail += "; nor can what `when_missing` has: " + opened.refusal().detail;
  }
  set_containment(Containment::State::none, last.detail);
  co_return last;
}

void Upstream::set_containment(Containment::State state, std::string missing) {
  const bool was_lesser = containment_.state == Containment::State::lesser;
  containment_ = Containment{state, std::move(missing)};
  if (state == Containment::State::lesser) {
    last_error_ = lesser_text(containment_, entry_);
    log_line(LogLevel::warning, "server.lesser_boundary",
             {{"server", name()}, {"missing", last_error_}});
  } else if (was_lesser) {
    last_error_.clear();  // it told of that boundary
  }
}

Task<> Upstream::end_link() {
  fail_all(gone_.value_or(Refusal(Reason::unavailable, "'" + name() + "' is not running")));
  if (!link_) co_return;
  co_await close_link();
  co_await tasks_.drain(Milliseconds(0));
  last_words_ = last_lines(link_->stderr_tail());
  link_.reset();
}

// stop() and run() may both want this: the second waits for the first.
Task<> Upstream::close_link() {
  while (closing_) co_await change();
  if (!link_) co_return;
  closing_ = true;
  co_await link_->close();
  closing_ = false;
  changed_.cancel();
}

Task<Status> Upstream::ready(std::function<bool()> given_up) {
  auto give_up_at = Clock::now() + entry_.limits.start_ms;
  while (true) {
    if (given_up()) co_return Refusal(Reason::cancelled, "the caller gave up");
    if (state_ == State::ready && !gone_) co_return done();
    const bool is_missing = containment_.state == Containment::State::none;
    bool soon =
        state_ == State::starting || state_ == State::idle || state_ == State::ready ||
        (state_ == State::waiting && !is_missing && retry_at_ - Clock::now() < worth_waiting);
    if (!soon || stopping_ || Clock::now() > give_up_at) {
      std::string why = last_error_.empty() ? "it has not started" : last_error_;
      co_return Refusal(is_missing ? Reason::uncontained : Reason::unavailable,
                        "server '" + name() + "' is not available: " + why);
    }
    asio::steady_timer timer(executor_, Milliseconds(50));
    co_await timer.async_wait(as_result);
  }
}

void Upstream::set_state(State state) {
  state_ = state;
  changed_.cancel();
}

Milliseconds Upstream::start_time_left() const {
  auto left = std::chrono::duration_cast<Milliseconds>(start_by_ - Clock::now());
  return std::max(left, Milliseconds(1));
}

}  // namespace toolgate
