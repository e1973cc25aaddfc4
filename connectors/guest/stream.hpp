#pragma once
// Bytes on their way from one descriptor to another, neither of which is waited for: what has been
// read and not yet been written is at most one buffer, so that a slow reader slows the writer down.
// What nobody reads any more is dropped, so that it holds nobody up.

#include <poll.h>

#include <cstddef>
#include <cstdint>

namespace toolgate {

class Stream {
 public:
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Both belong to it from now on, and do not block.
  void connect(int from, int to);

  // What to wait for: one entry, with a descriptor of -1 where there is nothing to do.
  pollfd wanted() const;
  // Does what is possible without waiting; `revents` as poll(2) returned them.
  void move(short revents);

  // Nothing more comes, and all that came was carried.
  bool is_done() const { return from_ < 0 && begin_ == end_; }
  // Bytes, those that were dropped included.
  std::uint64_t carried() const { return carried_; }

  void close_target();

 private:
  void read_some();
  void write_some();

  int from_ = -1;
  int to_ = -1;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t carried_ = 0;
  char buffer_[65536];
};

// O_NONBLOCK. Whether it worked.
bool do_not_wait(int number);

}  // namespace toolgate
