#include "connectors/stdio_link.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <utility>

#include "connectors/child_process.hpp"
#include "connectors/custody_desk.hpp"
#include "connectors/line_reader.hpp"
#include "connectors/outbound_lines.hpp"
#include "connectors/sandbox/machine.hpp"
#include "connectors/stderr_tail.hpp"
#include "connectors/uncancelled.hpp"
#include "gateway/core/log.hpp"
#include "gateway/core/task_group.hpp"

namespace toolgate {
namespace {

constexpr int lines_a_turn = 128;           // then other sessions run
constexpr Milliseconds last_words_ms{500};  // between the end of stdout and the report of the exit

class StdioLink : public ServerLink {
 public:
  StdioLink(asio::any_io_executor executor, StdioServer server)
      : server_(std::move(server)),
        process_(executor, server_.keeper_program, server_.name.text()),
        input_(executor),
        output_(executor),
        errors_(executor),
        tasks_(executor, "server " + server_.name.text()),
        outbound_(tasks_, input_, server_.limits.queued_bytes,
                  [this] { fail("closed its input (stdin)"); }),
        lines_(server_.limits.result_bytes),
        stderr_(server_.name, server_.limits.stderr_bytes) {}

  Task<Status> open(ServerEvents& events) override;
  Status send(std::string message, std::optional<BrokerId> request, Carriage carriage) override;
  void negotiated(Revision) override {}
  void abandon(BrokerId request) override;
  std::shared_ptr<OpenNotes> notes_of(BrokerId request) override;
  Task<> close() override { co_await uncancelled(stop()); }
  std::optional<int> process_id() const override;
  std::string stderr_tail() const override { return stderr_.text(); }
  std::optional<std::string> why_no_tree() const override;

 private:
  Refusal refusal(const std::string& what) const;
  Result<SandboxSockets> open_custody();
  void fail(std::string what);
  Task<> say_closed(std::string what);
  Task<> watch_process();
  Task<> read_output();
  Task<> deliver_lines();
  void deliver(Line line);
  Task<> read_errors();
  Task<> stop();

  StdioServer server_;
  ChildProcess process_;
  asio::posix::stream_descriptor input_;
  asio::posix::stream_descriptor output_;
  asio::posix::stream_descriptor errors_;
  TaskGroup tasks_;
  OutboundLines outbound_;
  LineReader lines_;
  StderrTail stderr_;
  std::optional<CustodyDesk> custody_;  // where a scope is staged
  OncePerSecond too_long_;
  ServerEvents* events_ = nullptr;
  bool failing_ = false;  // its end was seen
  bool closed_ = false;   // and was said
  bool closing_ = false;
};

Refusal StdioLink::refusal(const std::string& what) const {
  return Refusal(Reason::unavailable, "server '" + server_.name.text() + "' " + what);
}

Task<Status> StdioLink::open(ServerEvents& events) {
  if (server_.sandbox && server_.proof != nullptr) {
    Status proven = co_await server_.proof->require(server_.sandbox->form());
    if (!proven) co_return proven;
  }
  KeeperOrders orders;
  orders.argv = server_.argv;
  orders.env = server_.env;
  orders.cwd = server_.cwd;
  orders.sandbox = server_.sandbox;
  orders.frozen = server_.frozen;
  auto sockets = open_custody();
  if (!sockets) co_return sockets.refusal();
  auto started = co_await process_.start(std::move(orders), std::move(*sockets));
  if (!started && started.refusal().reason == Reason::bad_signature) {
    co_return Refusal(Reason::bad_signature,
                      "'" + server_.name.text() + "' does not start: " + started.refusal().detail +
                          "; run `toolgate freeze " + server_.name.text() + "` again, then review");
  }
  if (!started) {
    co_return Refusal(
        started.refusal().reason,
        "server '" + server_.name.text() + "' was not started: " + started.refusal().detail);
  }
  if (server_.sandbox && server_.sandbox->tier == SandboxTier::vm && !has_kvm()) {
    log_line(LogLevel::warning, "server.emulated",
             {{"server", server_.name.text()},
              {"why", "/dev/kvm cannot be opened: its virtual machine is many times slower"}});
  }
  input_.assign(process_.input().release());
  output_.assign(process_.output().release());
  errors_.assign(process_.errors().release());
  events_ = &events;
  tasks_.spawn(read_output());
  tasks_.spawn(read_errors());
  tasks_.spawn(watch_process());
  if (custody_) {
    tasks_.spawn(custody_->run());
    tasks_.spawn(custody_->report());
  }
  co_return done();
}

Result<SandboxSockets> StdioLink::open_custody() {
  SandboxSockets sockets;
  if (!server_.sandbox || !server_.sandbox->stages()) return sockets;
  if (server_.custodian == nullptr) {
    return refusal("has staged file scopes, and nobody is there to keep what changes in them");
  }
  custody_.emplace(input_.get_executor(), server_.name, *server_.custodian);
  auto theirs = custody_->open();
  if (!theirs) return theirs.refusal();
  sockets.custody = std::move(*theirs);
  return sockets;
}

void StdioLink::abandon(BrokerId request) {
  if (custody_) custody_->end_call(request);
}

std::shared_ptr<OpenNotes> StdioLink::notes_of(BrokerId request) {
  return custody_ ? custody_->notes_of(request) : nullptr;
}

Status StdioLink::send(std::string message, std::optional<BrokerId> request, Carriage carriage) {
  if (failing_ || closing_ || events_ == nullptr) return refusal("is not running");
  if (custody_ && request && !carriage.long_lived) custody_->begin_call(*request);
  auto pushed = outbound_.push(std::move(message));
  if (pushed) return pushed;
  if (custody_ && request) custody_->end_call(*request);
  if (pushed.refusal().reason == Reason::overloaded) {
    return Refusal(Reason::overloaded,
                   "server '" + server_.name.text() + "' does not read its input: " +
                       std::to_string(outbound_.queued_bytes()) + " bytes are waiting");
  }
  return refusal("closed its input (stdin)");
}

// May be called from inside send(): the owner hears of it from the event loop.
void StdioLink::fail(std::string what) {
  if (failing_ || closing_) return;
  failing_ = true;
  tasks_.spawn(say_closed(std::move(what)));
}

// A process that exits closes its pipes first, but its exit says more than they do.
Task<> StdioLink::say_closed(std::string what) {
  bool ended = co_await process_.ended_within(last_words_ms);
  if (closing_) co_return;
  if (ended) what = process_.end()->text();
  closed_ = true;
  events_->closed(refusal(what));
}

// For a server that exits while somebody else holds its stdout open.
Task<> StdioLink::watch_process() {
  bool ended = false;
  while (!ended) ended = co_await process_.ended_within(std::chrono::hours(24));
  if (closing_) co_return;
  asio::steady_timer timer(output_.get_executor(), last_words_ms);
  co_await timer.async_wait(as_result);
  fail(process_.end()->text());
}

Task<> StdioLink::read_output() {
  for (;;) {
    std::span<char> space = lines_.space();
    auto [error, bytes] =
        co_await output_.async_read_some(asio::buffer(space.data(), space.size()), as_result);
    if (error) break;
    lines_.filled(bytes);
    co_await deliver_lines();
  }
  auto rest = lines_.rest();
  if (rest) deliver(std::move(*rest));
  fail("closed its output (stdout)");
}

Task<> StdioLink::deliver_lines() {
  for (int count = 1;; ++count) {
    auto line = lines_.next();
    if (!line) co_return;
    deliver(std::move(*line));
    if (count % lines_a_turn == 0) co_await asio::post(asio::use_awaitable);
  }
}

void StdioLink::deliver(Line line) {
  if (closing_ || closed_) return;
  if (line.kind == Line::Kind::complete) {
    events_->received(Untrusted<std::string>(std::move(line.text)), std::nullopt);
    return;
  }
  std::uint64_t count = too_long_.count();
  if (count == 0) return;
  log_line(LogLevel::warning, "server.line_too_long",
           {{"server", server_.name.text()},
            {"limit_bytes", std::to_string(server_.limits.result_bytes)},
            {"dropped", std::to_string(count)}});
}

Task<> StdioLink::read_errors() {
  for (;;) {
    std::span<char> space = stderr_.space();
    auto [error, bytes] =
        co_await errors_.async_read_some(asio::buffer(space.data(), space.size()), as_result);
    if (error) co_return;
    stderr_.filled(bytes);
  }
}

Task<> StdioLink::stop() {
  closing_ = true;
  input_.close();
  bool ended = process_.process_id() < 0;
  if (!ended) ended = co_await process_.ended_within(server_.limits.stop_ms);
  if (!ended) {
    process_.terminate();
    ended = co_await process_.ended_within(server_.limits.stop_ms);
  }
  co_await process_.finish();  // SIGKILL to what is left
  if (custody_) custody_->stop();
  // The pipes end with the processes. Should somebody else hold them open, nobody waits for that.
  co_await tasks_.drain(Milliseconds(100));
  output_.close();
  errors_.close();
}

std::optional<int> StdioLink::process_id() const {
  if (process_.process_id() < 0 || process_.end()) return std::nullopt;
  return process_.process_id();
}

std::optional<std::string> StdioLink::why_no_tree() const {
  if (!server_.sandbox || !process_id()) return std::nullopt;
  return process_.why_no_tree();
}

}  // namespace

std::unique_ptr<ServerLink> make_stdio_link(asio::any_io_executor executor, StdioServer server) {
  return std::make_unique<StdioLink>(std::move(executor), std::move(server));
}

}  // namespace toolgate
