#pragma once
// Child processes of the benchmark: started, measured from /proc, and ended without fail. A child
// also dies with the benchmark itself (PR_SET_PDEATHSIG).

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace toolgate::bench {

// An owned file descriptor; -1 for none.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor() { close(); }
  int number() const { return number_; }
  void close();

 private:
  int number_;
};

struct Listener {
  Descriptor socket;  // nonblocking
  std::uint16_t port = 0;
};
Listener listen_on_loopback();

class Process {
 public:
  struct Options {
    std::vector<std::string> environment;  // NAME=VALUE, added
  };
  // Runs argv[0], a path. Throws std::system_error.
  explicit Process(std::vector<std::string> argv, Options options);
  explicit Process(std::vector<std::string> argv) : Process(std::move(argv), Options{}) {}
  Process(const Process&) = delete;
  ~Process();  // end()

  int input() const { return input_.number(); }    // its stdin; blocking
  int output() const { return output_.number(); }  // its stdout; blocking
  pid_t id() const { return id_; }

  // Waits for a line of its stderr that contains `text`, and returns it; or for the first line of
  // its stdout. Throws with what the process said when it ends, or `limit` passes, without one.
  std::string await_error_line(std::string_view text, std::chrono::seconds limit);
  std::string await_output_line(std::chrono::seconds limit);
  std::string said();  // the last that it wrote to stderr

  // Waits for its own end and returns its exit status.
  int wait(std::chrono::seconds limit);
  // Closes stdin, then SIGTERM, then after five seconds SIGKILL.
  void end();

  // User and system time of all its threads so far.
  std::chrono::microseconds cpu() const;
  std::uint64_t resident_bytes() const;

 private:
  void listen();

  pid_t id_ = -1;
  Descriptor input_;
  Descriptor output_;
  Descriptor errors_;
  // A thread takes what it writes to stderr, so that it never waits for somebody to read that.
  std::mutex lock_;
  std::condition_variable heard_;
  std::string said_;
  bool is_silent_ = false;  // stderr has ended
  std::thread listener_;
};

}  // namespace toolgate::bench
