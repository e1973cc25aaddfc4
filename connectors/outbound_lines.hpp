#pragma once
// Newline framing, the other way: one ordered queue of messages towards one descriptor.
//
// A message is written at once if nothing waits before it: a turn of the event loop costs more than
// the write. What the other side does not take stays queued, bounded in bytes, and is written, as
// many messages as fit in one system call, when it takes more. One thread. Nothing here throws;
// after a failed write the queue is broken for good.

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <deque>
#include <functional>
#include <string>

#include "gateway/core/limits.hpp"
#include "gateway/core/result.hpp"
#include "gateway/core/task.hpp"
#include "gateway/core/task_group.hpp"

namespace toolgate {

class OutboundLines {
 public:
  // `out` is non-blocking, or a regular file; `writers` runs what waits for it. Both outlive this
  // object, and `writers` is drained before it goes. `broken` is called once, when a write fails;
  // it may be called from inside push() and must not destroy anything.
  OutboundLines(TaskGroup& writers, asio::posix::stream_descriptor& out, std::size_t queued_bytes,
                std::function<void()> broken);
  OutboundLines(const OutboundLines&) = delete;

  // Takes one message (JSON text; newlines in it become spaces) and ends it with a newline. Refuses
  // with `overloaded` when the queue would hold more than its bytes, with `unavailable` when it is
  // broken.
  Status push(std::string message);

  bool broken() const { return broken_; }
  std::size_t queued_bytes() const { return queued_bytes_; }
  // Waits until all is written or nothing more can be, at most so long.
  Task<> flushed_within(Milliseconds limit);

 private:
  enum class Progress { all, some, none, failed };
  Progress write_once();
  void write_now();
  void taken(std::size_t bytes);
  Task<> write_rest();
  void fail();

  TaskGroup& writers_;
  asio::posix::stream_descriptor& out_;
  const std::size_t limit_bytes_;
  std::function<void()> on_broken_;
  std::deque<std::string> queue_;
  std::size_t written_ = 0;       // bytes of the first message (and its newline) that are written
  std::size_t queued_bytes_ = 0;  // in queue_, less written_
  bool writing_ = false;          // write_rest() runs
  bool broken_ = false;
  asio::steady_timer changed_;  // cancelled when write_rest() ends
};

}  // namespace toolgate
