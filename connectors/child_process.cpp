#include "connectors/child_process.hpp"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "connectors/uncancelled.hpp"
#include "gateway/core/within.hpp"

namespace toolgate {
namespace {

// A keeper gives up on what no signal can end after ten seconds; one that takes longer is stuck
// itself.
constexpr Milliseconds keeper_ms{15'000};

ProcessEnd end_from(int status, const std::string& why) {
  if (WIFEXITED(status)) return ProcessEnd{ProcessEnd::How::exited, WEXITSTATUS(status), why};
  if (WIFSIGNALED(status)) return ProcessEnd{ProcessEnd::How::signalled, WTERMSIG(status), why};
  return ProcessEnd{};
}

// What a program of our own wrote to its stderr before it gave up: one line of it.
std::string first_line(int number) {
  char part[400];
  const ssize_t count = ::read(number, part, sizeof part);
  if (count <= 0) return "";
  std::string line(part, static_cast<std::size_t>(count));
  return line.substr(0, line.find('\n'));
}

}  // namespace

std::string ProcessEnd::text() const {
  if (how == How::lost) return "lost its keeper process";
  std::string text = how == How::exited ? "exited with status " : "was ended by signal ";
  text += std::to_string(value);
  const char* name = how == How::signalled ? ::sigabbrev_np(value) : nullptr;
  if (name != nullptr) text += " (SIG" + std::string(name) + ")";
  return why.empty() ? text : text + ": " + why;
}

ChildProcess::ChildProcess(asio::any_io_executor executor, std::string keeper_program,
                           std::string label)
    : executor_(executor),
      keeper_program_(std::move(keeper_program)),
      label_(std::move(label)),
      control_(executor),
      keeper_(executor),
      tasks_(executor, "process " + label_) {}

ChildProcess::~ChildProcess() { assert(keeper_id_ < 0); }

Refusal ChildProcess::why_not(const KeeperOrders& orders, const std::optional<Report>& report) {
  if (!report) {
    return Refusal(Reason::unavailable, "its keeper process ended before it was started");
  }
  if (report->kind == KeeperReport::Kind::missing) {
    return Refusal(Reason::uncontained, "its sandbox cannot be had on this host: " + report->text +
                                            "; `toolgate doctor` examines this host");
  }
  if (report->kind == KeeperReport::Kind::tampered) {
    return Refusal(Reason::bad_signature, report->text);
  }
  if (report->kind == KeeperReport::Kind::refused && !orders.sandbox) {
    return Refusal(Reason::unavailable, report->text);
  }
  if (report->kind == KeeperReport::Kind::refused) {
    std::string why = report->text;
    if (why.empty()) {
      why = "bubblewrap could not make it (" + first_line(errors_.number()) + ")";
    }
    // Not for good: what changed while it was made, or a directory that is not there yet, may be
    // as it should be at the next try.
    return Refusal(Reason::unavailable,
                   "its sandbox was refused: " + why + "; `toolgate doctor` examines this host");
  }
  std::string error = std::strerror(report->value);
  if (report->kind == KeeperReport::Kind::no_directory) {
    return Refusal(Reason::unavailable, "its working directory '" + orders.cwd +
                                            "' cannot be entered (" + error + "): check \"cwd\"");
  }
  return Refusal(Reason::unavailable,
                 "'" + orders.argv.front() + "' cannot be executed" +
                     (orders.sandbox ? " in its sandbox (" : " (") + error +
                     "): check \"command\" and the PATH in its environment" +
                     (orders.sandbox ? "; a program outside of /usr must be in a file scope with "
                                       "\"exec\": true"
                                     : ""));
}

Task<Status> ChildProcess::start(KeeperOrders orders, SandboxSockets sockets) {
  ignore_broken_pipes();
  Pipe input = make_pipe();
  Pipe output = make_pipe();
  Pipe errors = make_pipe();
  ServerPipes theirs{std::move(input.reading), std::move(output.writing),
                     std::move(errors.writing)};
  input_ = std::move(input.writing);
  output_ = std::move(output.reading);
  errors_ = std::move(errors.reading);
  for (const Descriptor* ours : {&input_, &output_, &errors_}) set_blocking(ours->number(), false);
  co_return co_await start_on(std::move(orders), std::move(theirs), std::move(sockets));
}

Task<Status> ChildProcess::start_on(KeeperOrders orders, ServerPipes theirs,
                                    SandboxSockets sockets) {
  auto keeper =
      start_keeper(keeper_program_, label_, orders, std::move(theirs), std::move(sockets));
  if (!keeper) co_return keeper.refusal();
  keeper_id_ = keeper->process_id;
  keeper_.assign(keeper->process.release());
  control_.assign(keeper->control.release());

  auto report = co_await next_report();
  if (!report || report->kind != KeeperReport::Kind::started) co_return why_not(orders, report);
  process_id_ = report->value;
  why_no_tree_ = report->text;
  tasks_.spawn(watch());
  co_return done();
}

Task<std::optional<ChildProcess::Report>> ChildProcess::next_report() {
  while (control_.is_open()) {
    char datagram[1024];
    const ssize_t count = ::recv(control_.native_handle(), datagram, sizeof datagram, MSG_DONTWAIT);
    if (count >= static_cast<ssize_t>(sizeof(KeeperReport))) {
      Report report;
      std::memcpy(static_cast<KeeperReport*>(&report), datagram, sizeof(KeeperReport));
      report.text.assign(datagram + sizeof(KeeperReport), datagram + count);
      co_return report;
    }
    if (count >= 0 || (errno != EAGAIN && errno != EINTR)) break;
    auto [error] =
        co_await control_.async_wait(asio::posix::stream_descriptor::wait_read, as_result);
    if (error) break;
  }
  co_return std::nullopt;
}

Task<> ChildProcess::watch() {
  auto report = co_await next_report();
  set_end(report && report->kind == KeeperReport::Kind::ended
              ? end_from(report->value, report->text)
              : ProcessEnd{});
}

void ChildProcess::set_end(ProcessEnd end) {
  if (end_) return;
  end_ = std::move(end);
  for (asio::steady_timer* timer : waiting_) timer->cancel();
}

Task<bool> ChildProcess::ended_within(Milliseconds limit) {
  if (end_) co_return true;
  struct Waiting {
    Waiting(std::list<asio::steady_timer*>& all, asio::steady_timer& timer)
        : list(all), entry(all.insert(all.end(), &timer)) {}
    ~Waiting() { list.erase(entry); }
    std::list<asio::steady_timer*>& list;
    std::list<asio::steady_timer*>::iterator entry;
  };
  asio::steady_timer timer(executor_, limit);
  Waiting waiting(waiting_, timer);
  co_await timer.async_wait(as_result);
  co_return end_.has_value();
}

void ChildProcess::give_order(KeeperOrder order) {
  if (!control_.is_open()) return;
  // Refused only when the keeper is gone (then so is the server) or has a hundred orders waiting.
  ::send(control_.native_handle(), &order, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void ChildProcess::terminate() { give_order(KeeperOrder::terminate); }
void ChildProcess::kill() { give_order(KeeperOrder::kill); }

Task<> ChildProcess::finish() { co_await uncancelled(stop_keeper()); }

Task<> ChildProcess::stop_keeper() {
  if (keeper_id_ < 0) co_return;
  if (process_id_ >= 0) {
    kill();
    co_await ended_within(keeper_ms);
  }
  control_.close();  // whatever still runs ends now
  auto ended = co_await within(keeper_ms, keeper_ended(), "the end of the keeper");
  if (!ended) {
    ::kill(keeper_id_, SIGKILL);
    ended = co_await keeper_ended();
  }
  if (keeper_id_ < 0) co_return;  // somebody else waited at the same time
  ::waitpid(std::exchange(keeper_id_, -1), nullptr, 0);
  keeper_.close();
  co_await tasks_.drain(Milliseconds(0));
}

Task<Status> ChildProcess::keeper_ended() {
  auto [error] = co_await keeper_.async_wait(asio::posix::stream_descriptor::wait_read, as_result);
  if (error) co_return Refusal(Reason::cancelled, "the wait for the keeper was cancelled");
  co_return done();
}

}  // namespace toolgate
