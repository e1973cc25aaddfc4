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
  changed_ = ::tcsetattr(number_, TCSAFLUSH, &raw) == 0;
}

RawTerminal::~RawTerminal() {
  if (changed_) ::tcsetattr(number_, TCSAFLUSH, &before_);
}

Result<std::unique_ptr<Terminal>> Terminal::open(asio::any_io_executor executor, int user) {
  int own = -1;
  int inner = -1;
  if (::openpty(&own, &inner, nullptr, nullptr, nullptr) != 0) {
    return Refusal(Reason::unavailable,
                   "no terminal can be made for the program: " + std::string(std::strerror(errno)));
  }
  ::fcntl(own, F_SETFD, FD_CLOEXEC);
  ::fcntl(inner, F_SETFD, FD_CLOEXEC);
  auto terminal =
      std::make_unique<Terminal>(std::move(executor), Descriptor(own), Descriptor(inner), user);
  return terminal;
}

Terminal::Terminal(asio::any_io_executor executor, Descriptor own, Descriptor inner, int user)
    : own_(executor),
      input_(executor),
      resized_(executor, SIGWINCH),
      inner_(std::move(inner)),
      user_(user) {
  set_blocking(own.number(), false);
  own_.assign(own.release());
  copy_size();
}

Descriptor Terminal::inner() const {
  return Descriptor(::fcntl(inner_.number(), F_DUPFD_CLOEXEC, 0));
}

void Terminal::copy_size() {
  winsize size{};
  if (::ioctl(user_, TIOCGWINSZ, &size) == 0) ::ioctl(own_.native_handle(), TIOCSWINSZ, &size);
}

Task<> Terminal::read_user(int from) {
  input_.assign(from);
  char part[4096];
  for (;;) {
    auto [error, count] =
        co_await input_.async_read_some(asio::buffer(part, sizeof part), as_result);
    if (error) co_return;
    auto [failed, written] = co_await asio::async_write(own_, asio::buffer(part, count), as_result);
    if (failed) co_return;
  }
}

Task<> Terminal::write_user(int to) {
  char part[16384];
  for (;;) {
    auto [error, count] = co_await own_.async_read_some(asio::buffer(part, sizeof part), as_result);
    if (error) co_return;  // EIO: nobody holds the other end any more
    for (std::size_t done = 0; done < count;) {
      const ssize_t written = ::write(to, part + done, count - done);
      if (written < 0 && errno != EINTR && errno != EAGAIN) co_return;
      if (written > 0) done += static_cast<std::size_t>(written);
    }
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
  input_.close(ignored);
}

}  // namespace toolgate
