#include "connectors/guest/stream.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace toolgate {

void Stream::connect(int from, int to) {
  from_ = from;
  to_ = to;
}

pollfd Stream::wanted() const {
  if (begin_ < end_) return {to_, POLLOUT, 0};
  return {from_, POLLIN, 0};
}

void Stream::move(short revents) {
  if (revents == 0) return;
  if (begin_ == end_ && from_ >= 0) read_some();
  if (begin_ < end_) write_some();
}

void Stream::close_target() {
  if (to_ >= 0) close(to_);
  to_ = -1;
}

void Stream::read_some() {
  const ssize_t count = read(from_, buffer_, sizeof buffer_);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  begin_ = 0;
  end_ = count > 0 ? static_cast<std::size_t>(count) : 0;
  if (count > 0) return;
  close(from_);
  from_ = -1;
}

void Stream::write_some() {
  ssize_t count = static_cast<ssize_t>(end_ - begin_);
  if (to_ >= 0) {
    count = write(to_, buffer_ + begin_, end_ - begin_);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count < 0) {
      close_target();
      count = static_cast<ssize_t>(end_ - begin_);
    }
  }
  begin_ += static_cast<std::size_t>(count);
  carried_ += static_cast<std::size_t>(count);
}

bool do_not_wait(int number) {
  const int flags = fcntl(number, F_GETFL);
  return flags >= 0 && fcntl(number, F_SETFL, flags | O_NONBLOCK) == 0;
}

}  // namespace toolgate
