#include "connectors/outbound_lines.hpp"

#include <sys/uio.h>

#include <algorithm>
#include <cerrno>

#include "connectors/line_reader.hpp"

namespace toolgate {
namespace {

constexpr std::size_t messages_at_once = 64;
constexpr int writes_a_turn = 16;  // then others run, even if the other side takes all that comes

}  // namespace

OutboundLines::OutboundLines(TaskGroup& writers, asio::posix::stream_descriptor& out,
                             std::size_t queued_bytes, std::function<void()> broken)
    : writers_(writers),
      out_(out),
      limit_bytes_(queued_bytes),
      on_broken_(std::move(broken)),
      changed_(out.get_executor()) {}

Status OutboundLines::push(std::string message) {
  if (broken_ || !out_.is_open()) {
    return Refusal(Reason::unavailable, "the other side does not read any more");
  }
  const std::size_t bytes = message.size() + 1;
  if (bytes > limit_bytes_ - std::min(limit_bytes_, queued_bytes_)) {
    return Refusal(Reason::overloaded, "the other side does not take its messages: " +
                                           std::to_string(limit_bytes_) + " bytes are waiting");
  }
  make_one_line(message);
  queue_.push_back(std::move(message));
  queued_bytes_ += bytes;
  if (!writing_) write_now();
  if (broken_) return Refusal(Reason::unavailable, "the other side does not read any more");
  return done();
}

void OutboundLines::write_now() {
  Progress progress = write_once();
  if (progress == Progress::failed) return fail();
  if (progress == Progress::all) return;
  writing_ = true;
  writers_.spawn(write_rest());
}

OutboundLines::Progress OutboundLines::write_once() {
  static constexpr char newline = '\n';
  iovec parts[2 * messages_at_once];
  int count = 0;
  std::size_t skip = written_;
  for (std::size_t i = 0; i < queue_.size() && i < messages_at_once; ++i) {
    std::string& text = queue_[i];
    if (skip < text.size()) {
      parts[count++] = iovec{text.data() + skip, text.size() - skip};
    }
    parts[count++] = iovec{const_cast<char*>(&newline), 1};
    skip = 0;
  }
  ssize_t bytes = 0;
  do {
    bytes = ::writev(out_.native_handle(), parts, count);
  } while (bytes < 0 && errno == EINTR);
  if (bytes < 0) return errno == EAGAIN ? Progress::none : Progress::failed;
  taken(static_cast<std::size_t>(bytes));
  return queue_.empty() ? Progress::all : Progress::some;
}

void OutboundLines::taken(std::size_t bytes) {
  queued_bytes_ -= bytes;
  written_ += bytes;
  while (!queue_.empty() && written_ >= queue_.front().size() + 1) {
    written_ -= queue_.front().size() + 1;
    queue_.pop_front();
  }
}

Task<> OutboundLines::write_rest() {
  Progress progress = Progress::none;
  while (progress != Progress::all && progress != Progress::failed) {
    auto [error] = co_await out_.async_wait(asio::posix::stream_descriptor::wait_write, as_result);
    progress = error ? Progress::failed : Progress::some;
    for (int i = 0; i < writes_a_turn && progress == Progress::some; ++i) progress = write_once();
  }
  writing_ = false;
  if (progress == Progress::failed) fail();
  changed_.cancel();
}

void OutboundLines::fail() {
  if (broken_) return;
  broken_ = true;
  queue_.clear();
  queued_bytes_ = 0;
  written_ = 0;
  if (on_broken_) on_broken_();
}

Task<> OutboundLines::flushed_within(Milliseconds limit) {
  if (!writing_) co_return;
  changed_.expires_after(limit);
  co_await changed_.async_wait(as_result);
}

}  // namespace toolgate
