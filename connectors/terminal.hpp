#pragma once
// A terminal of its own for a program in a sandbox (pty(7)): what the user types goes in, what the
// program prints comes out, and the two share nothing else. Handing the user's own terminal in
// would let the program type on it.

#include <termios.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <memory>

#include "connectors/descriptor.hpp"
#include "gateway/core/result.hpp"
#include "gateway/core/task.hpp"

namespace toolgate {

// Puts the user's terminal into raw mode and back, whatever ends the program in between but
// SIGKILL.
class RawTerminal {
 public:
  explicit RawTerminal(int number);
  RawTerminal(const RawTerminal&) = delete;
  ~RawTerminal();

 private:
  int number_;
  termios before_{};
  bool changed_ = false;
};

class Terminal {
 public:
  // With the size of the user's.
  static Result<std::unique_ptr<Terminal>> open(asio::any_io_executor executor, int user_input,
                                                int user_output);
  Terminal(asio::any_io_executor executor, Descriptor own, Descriptor inner,
           BorrowedDescriptor user_input, BorrowedDescriptor user_output);

  Terminal(const Terminal&) = delete;
  ~Terminal();

  // The program's end, for its three standard descriptors. Ours is closed by release_inner(), so
  // that the end of the program is the end of its output.
  Descriptor inner() const;
  void release_inner() { inner_.close(); }

  Task<> read_user();    // until the program's end is closed
  Task<> write_user();   // the same
  Task<> follow_size();  // SIGWINCH
  void stop();

 private:
  void copy_size();
  static Task<> copy(asio::posix::stream_descriptor& from, asio::posix::stream_descriptor& to);

  asio::posix::stream_descriptor own_;
  BorrowedDescriptor user_input_;
  BorrowedDescriptor user_output_;
  asio::posix::stream_descriptor input_;
  asio::posix::stream_descriptor output_;
  asio::signal_set resized_;
  Descriptor inner_;
};

}  // namespace toolgate
