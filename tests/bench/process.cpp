#include "tests/bench/process.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>

namespace toolgate::bench {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::system_category(), what);
}

struct Pipe {
  Pipe() {
    std::array<int, 2> ends;
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("pipe");
    read = Descriptor(ends[0]);
    write = Descriptor(ends[1]);
  }
  Descriptor read;
  Descriptor write;
};

// Between fork and exec: system calls alone.
[[noreturn]] void become(char* const* argv, char* const* environment,
                         const std::array<int, 3>& ends, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  for (int number = 0; number < 3; ++number) ::dup2(ends[static_cast<std::size_t>(number)], number);
  ::signal(SIGPIPE, SIG_DFL);
  ::execve(argv[0], argv, environment);
  ::_exit(127);
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (std::string& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

// A pidfd becomes readable when its process ends (pidfd_open(2)).
bool ends_within(pid_t id, std::chrono::milliseconds limit) {
  Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, id, 0)));
  pollfd watched{process.number(), POLLIN, 0};
  return ::poll(&watched, 1, static_cast<int>(limit.count())) == 1;
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(number_, other.number_);
  return *this;
}

void Descriptor::close() {
  if (number_ >= 0) ::close(std::exchange(number_, -1));
}

Listener listen_on_loopback() {
  Listener made;
  made.socket = Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  const int socket = made.socket.number();
  if (::bind(socket, any, size) != 0 || ::listen(socket, 4096) != 0 ||
      ::getsockname(socket, any, &size) != 0) {
    fail("listening on loopback");
  }
  made.port = ntohs(address.sin_port);
  return made;
}

Process::Process(std::vector<std::string> argv, Options options) {
  Pipe in;
  Pipe out;
  Pipe errors;
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
  for (std::string& entry : options.environment) environment.push_back(std::move(entry));
  auto arguments = pointers(argv);
  auto variables = pointers(environment);
  const pid_t self = ::getpid();
  id_ = ::fork();
  if (id_ < 0) fail("fork");
  if (id_ == 0) {
    become(arguments.data(), variables.data(),
           {in.read.number(), out.write.number(), errors.write.number()}, self);
  }
  input_ = std::move(in.write);
  output_ = std::move(out.read);
  errors_ = std::move(errors.read);
  listener_ = std::thread(&Process::listen, this);
}

Process::~Process() {
  end();
  if (listener_.joinable()) listener_.join();
}

void Process::listen() {
  constexpr std::size_t kept = std::size_t{16} << 10;
  std::array<char, 4096> part;
  for (;;) {
    const ssize_t count = ::read(errors_.number(), part.data(), part.size());
    if (count < 0 && errno == EINTR) continue;
    const std::lock_guard held(lock_);
    is_silent_ = count <= 0;
    if (!is_silent_) said_.append(part.data(), static_cast<std::size_t>(count));
    if (said_.size() > 2 * kept) said_.erase(0, said_.size() - kept);
    heard_.notify_all();
    if (is_silent_) return;
  }
}

std::string Process::said() {
  const std::lock_guard held(lock_);
  return said_;
}

std::string Process::await_error_line(std::string_view text, std::chrono::seconds limit) {
  std::unique_lock held(lock_);
  const auto deadline = Clock::now() + limit;
  for (;;) {
    const std::size_t at = said_.find(text);
    const std::size_t end = at == std::string::npos ? at : said_.find('\n', at);
    if (end != std::string::npos) return said_.substr(at, end - at);
    if (is_silent_ || heard_.wait_until(held, deadline) == std::cv_status::timeout) {
      throw std::runtime_error("a child did not say '" + std::string(text) + "' but: " + said_);
    }
  }
}

std::string Process::await_output_line(std::chrono::seconds limit) {
  std::string line;
  char c = 0;
  for (;;) {
    pollfd watched{output_.number(), POLLIN, 0};
    const auto limit_ms = std::chrono::milliseconds(limit).count();
    if (::poll(&watched, 1, static_cast<int>(limit_ms)) != 1 ||
        ::read(output_.number(), &c, 1) != 1) {
      throw std::runtime_error("a child wrote nothing, but said: " + said());
    }
    if (c == '\n') return line;
    line += c;
  }
}

int Process::wait(std::chrono::seconds limit) {
  if (!ends_within(id_, limit)) throw std::runtime_error("a child did not end in time: " + said());
  int status = 0;
  ::waitpid(std::exchange(id_, -1), &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void Process::end() {
  if (id_ < 0) return;
  input_.close();
  output_.close();
  ::kill(id_, SIGTERM);
  if (!ends_within(id_, std::chrono::seconds(5))) ::kill(id_, SIGKILL);
  ::waitpid(std::exchange(id_, -1), nullptr, 0);
}

std::chrono::microseconds Process::cpu() const {
  std::ifstream file("/proc/" + std::to_string(id_) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  const std::size_t behind_name = text.rfind(')');
  if (behind_name == std::string::npos) return {};
  std::istringstream fields(text.substr(behind_name + 1));
  std::string skipped;
  for (int number = 3; number < 14; ++number) fields >> skipped;  // proc(5): utime is field 14
  std::uint64_t user = 0;
  std::uint64_t system = 0;
  fields >> user >> system;
  const auto hertz = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  return std::chrono::microseconds((user + system) * 1'000'000 / hertz);
}

std::uint64_t Process::resident_bytes() const {
  std::ifstream file("/proc/" + std::to_string(id_) + "/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  file >> total >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace toolgate::bench
