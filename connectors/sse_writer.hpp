#pragma once
// Server-sent events (HTML Living Standard, section 9.2) and the chunks that carry them, as text;
// and the queue between whoever has something to send on a stream and the connection that writes
// it.

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/event_log.hpp"
#include "gateway/core/result.hpp"
#include "gateway/core/slot.hpp"
#include "gateway/core/task.hpp"

namespace toolgate {

// One "message" event; without an id where that is empty. A line break in `data` (JSON has them
// only between tokens) starts another data line.
std::string sse_event(std::string_view id, std::string_view data);
// An event without data that tells the id to come back with, and when (SEP-1699).
std::string sse_priming(std::string_view id, std::chrono::milliseconds retry);
// A line that clients ignore and proxies do not.
inline constexpr std::string_view sse_comment = ":\n\n";

// One chunk of a chunked body, appended to `out`; and the end of such a body.
void append_chunk(std::string& out, std::string_view data);
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

// What one connection has still to write of one stream. Bounded: when `limit_bytes` are waiting,
// the feed breaks, and its connection ends; what was lost here is found in the event log. One
// reader, one thread.
class SseFeed {
 public:
  SseFeed(asio::any_io_executor executor, std::size_t limit_bytes);
  SseFeed(const SseFeed&) = delete;

  void push(StreamEvent event);
  // A comment, unless something is waiting anyway.
  void push_comment();
  // Nothing more will come: the stream ends when all is written.
  void finish();
  // The stream belongs to another connection now, or its client is gone.
  void break_off();

  bool is_finished() const { return finished_; }
  bool is_broken() const { return broken_; }
  bool is_empty() const { return events_.empty() && !comment_; }

  // All that waits, as one text. Frees the queue.
  std::string take();
  // Until something waits, or the feed is finished or broken.
  Task<> wait();

 private:
  void wake();

  asio::any_io_executor executor_;
  std::size_t limit_;
  std::size_t bytes_ = 0;
  bool comment_ = false;
  bool finished_ = false;
  bool broken_ = false;
  std::vector<StreamEvent> events_;
  std::optional<Slot<Done>> waiting_;
};

}  // namespace toolgate
