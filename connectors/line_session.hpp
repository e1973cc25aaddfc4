#pragma once
// One agent over newline-delimited JSON: stdin and stdout (stdio_door.hpp) or a unix socket
// (unix_door.hpp).
//
// - Messages are handed to the conversation in the order in which they came, and run at the same
// time;
//   after `initialize` nothing is read until it is answered, because the answer decides whether
//   batches are accepted. The answers of a batch go back as one array.
// - When session.in_flight requests are unanswered the next request waits, and nothing is read
// behind it:
//   back-pressure through the pipe.
// - A message that is too long is refused (-32600) and the session lives on. An agent that does not
// read its
//   answers ends the session when session.queued_bytes wait.
// - At the end of the input calls in flight get drain_ms to finish, then they are cancelled.

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/line_reader.hpp"
#include "connectors/outbound_lines.hpp"
#include "gateway/core/agent.hpp"
#include "gateway/core/limits.hpp"
#include "gateway/core/task_group.hpp"

namespace toolgate {

class LineSession : public AgentStream {
 public:
  // `input` and `output` are non-blocking or regular files, and outlive the session, as does all
  // else. `lines` may hold bytes that were read already.
  LineSession(asio::posix::stream_descriptor& input, asio::posix::stream_descriptor& output,
              LineReader& lines, const Limits& limits);
  LineSession(const LineSession&) = delete;

  // From the first message to the end of the connection, all unwinding included. Call once. When it
  // is cancelled the session ends at once.
  Task<> run(Conversations& conversations, AgentName agent, std::string transport);

  bool send(Inspected message) override;

 private:
  // An array of messages, and the answers to it that are there.
  struct Batch {
    std::size_t running = 0;
    bool complete = false;  // all of its messages were handed over
    std::string answers;
  };

  bool push(std::string text);
  Task<> read_all();
  Task<> take_lines();
  Task<> take(Line line);
  Task<> hand_over(Parsed parsed, Batch* batch);
  Task<> handle(Message message, Batch* batch);
  void answer(Inspected message, Batch* batch);
  void answered(Batch* batch);
  Task<> room_for_a_request();
  Task<> finish();
  Task<> wait_idle(Milliseconds limit);
  Task<> wait_decided(Milliseconds limit);
  void stop();

  asio::posix::stream_descriptor& input_;
  LineReader& lines_;
  const Limits& limits_;
  TaskGroup tasks_;
  TaskGroup writers_;
  OutboundLines outbound_;
  asio::steady_timer
      changed_;  // cancelled when a message is done with, and when the session must stop
  std::unique_ptr<Conversation> conversation_;
  std::list<Batch> batches_;
  std::size_t running_ = 0;   // messages that the conversation handles
  std::size_t requests_ = 0;  // the requests among them
  bool deciding_ = false;     // an initialize is among them
  bool overflowed_ = false;   // the agent did not take its answers
  bool stopping_ = false;
};

}  // namespace toolgate
