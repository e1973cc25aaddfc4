#include "connectors/terminal.hpp"

#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace toolgate {

RawTerminal::RawTerminal(int number) : number_(number) {
  if (::tcgetattr(number_, &before_) != 0) return;
  termios raw = before_;
  ::cfmakeraw(&raw);
  changed_ = ::tcsetattr(number_, TCSADRAIN, &raw) == 0;
}

RawTerminal::~RawTerminal() {
  if (changed_) ::tcsetattr(number_, TCSADRAIN, &before_);
}

Result<std::unique_ptr<Terminal>> Terminal::open(asio::any_io_executor executor, int user_input,
                                                 int user_output) {
  auto input = BorrowedDescriptor::open(user_input, Direction::reading);
  if (!input) return input.refusal();
  auto output = BorrowedDescriptor::open(user_output, Direction::writing);
  if (!output) return output.refusal();
  int own = -1;
  int inner = -1;
  if (::openpty(&own, &inner, nullptr, nullptr, nullptr) != 0) {
    return Refusal(Reason::unavailable,
                   "no terminal can be made for the program: " + std::string(std::strerror(errno)));
  }
  ::fcntl(own, F_SETFD, FD_CLOEXEC);
  ::fcntl(inner, F_SETFD, FD_CLOEXEC);
  return std::make_unique<Terminal>(std::move(executor), Descriptor(own), Descriptor(inner),
                                    std::move(*input), std::move(*output));
}

Terminal::Terminal(asio::any_io_executor executor, Descriptor own, Descriptor inner,
                   BorrowedDescriptor user_input, BorrowedDescriptor user_output)
    : own_(executor),
      user_input_(std::move(user_input)),
      user_output_(std::move(user_output)),
      input_(executor, user_input_.number()),
      output_(executor, user_output_.number()),
      resized_(executor, SIGWINCH),
      inner_(std::move(inner)) {
  set_blocking(own.number(), false);
  own_.assign(own.release());
  copy_size();
}

// The two belong to the borrowed descriptors.
Terminal::~Terminal() {
  input_.release();
  output_.release();
}

Descriptor Terminal::inner() const {
  return Descriptor(::fcntl(inner_.number(), F_DUPFD_CLOEXEC, 0));
}

void Terminal::copy_size() {
  winsize size{};
  if (::ioctl(user_output_.number(), TIOCGWINSZ, &size) == 0) {
    ::ioctl(own_.native_handle(), TIOCSWINSZ, &size);
  }
}

Task<> Terminal::read_user() { co_await copy(input_, own_); }

// Ends with EIO: nobody holds the other end any more.
Task<> Terminal::write_user() { co_await copy(own_, output_); }

Task<> Terminal::copy(asio::posix::stream_descriptor& from, asio::posix::stream_descriptor& to) {
  char part[16384];
  for (;;) {
    auto [error, count] = co_await from.async_read_some(asio::buffer(part, sizeof part), as_result);
    if (error) co_return;
    auto [failed, written] = co_await asio::async_write(to, asio::buffer(part, count), as_result);
    if (failed) co_return;
  }
}

Task<> Terminal::follow_size() {
  for (;;) {
    auto [error, number] = co_await resized_.async_wait(as_result);
    if (error) co_return;
    copy_size();
  }
}

void Terminal::stop() {
  boost::system::error_code ignored;
  resized_.cancel(ignored);
  input_.cancel(ignored);
  output_.cancel(ignored);
}

}  // namespace toolgate
