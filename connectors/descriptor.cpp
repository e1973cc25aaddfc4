#include "connectors/descriptor.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <system_error>

namespace toolgate {

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    close();
    number_ = std::exchange(other.number_, -1);
  }
  return *this;
}

void Descriptor::close() {
  if (number_ >= 0) ::close(number_);  // Linux frees the number whatever close() says
  number_ = -1;
}

Pipe make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    throw std::system_error(errno, std::system_category(), "pipe2");
  return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

void set_blocking(int number, bool blocking) {
  int flags = ::fcntl(number, F_GETFL);
  if (flags < 0) return;
  int wanted = blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
  if (wanted != flags) ::fcntl(number, F_SETFL, wanted);
}

void ignore_broken_pipes() {
  static const bool once = [] {
    struct sigaction now{};
    if (::sigaction(SIGPIPE, nullptr, &now) == 0 && now.sa_handler == SIG_DFL) {
      now.sa_handler = SIG_IGN;
      ::sigaction(SIGPIPE, &now, nullptr);
    }
    return true;
  }();
  static_cast<void>(once);
}

std::uint64_t inherited_descriptor_limit() {
  static const rlim_t inherited = [] {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
  }();
  return inherited;
}

void raise_descriptor_limit() {
  constexpr rlim_t enough = 65'536;
  const rlim_t inherited = inherited_descriptor_limit();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || inherited >= enough) return;
  limit.rlim_cur = std::min(limit.rlim_max, enough);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

Result<BorrowedDescriptor> BorrowedDescriptor::open(int number, Direction direction) {
  struct stat about{};
  if (::fstat(number, &about) != 0) {
    return Refusal(Reason::usage, "descriptor " + std::to_string(number) +
                                      " is closed: start the program with stdin and stdout open");
  }
  const bool regular = S_ISREG(about.st_mode);
  if (S_ISFIFO(about.st_mode) || S_ISCHR(about.st_mode)) {
    int mode = direction == Direction::reading ? O_RDONLY : O_WRONLY;
    std::string path = "/proc/self/fd/" + std::to_string(number);
    Descriptor own(::open(path.c_str(), mode | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
    if (own) return BorrowedDescriptor(std::move(own), false);
  }
  Descriptor own(::fcntl(number, F_DUPFD_CLOEXEC, 3));
  if (!own) throw std::system_error(errno, std::system_category(), "F_DUPFD_CLOEXEC");
  bool restore = false;
  if (!regular && (::fcntl(number, F_GETFL) & O_NONBLOCK) == 0) {
    set_blocking(own.number(), false);
    restore = true;
  }
  return BorrowedDescriptor(std::move(own), restore);
}

BorrowedDescriptor::BorrowedDescriptor(BorrowedDescriptor&& other) noexcept
    : own_(std::move(other.own_)), restore_(std::exchange(other.restore_, false)) {}

BorrowedDescriptor::~BorrowedDescriptor() {
  if (own_ && restore_) set_blocking(own_.number(), true);
}

}  // namespace toolgate
