#pragma once
// One local server's process: started and ended through its keeper, from the event loop.
//
// The environment is exactly what the caller gives; nothing is inherited. All descriptors are
// close-on-exec. One thread: used from the io_context's thread alone.

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <optional>
#include <string>

#include "connectors/keeper.hpp"
#include "gateway/core/limits.hpp"
#include "gateway/core/result.hpp"
#include "gateway/core/task.hpp"
#include "gateway/core/task_group.hpp"

namespace toolgate {

// How a process ended.
struct ProcessEnd {
  enum class How { exited, signalled, lost } how = How::lost;
  int value = 0;    // the exit status, or the signal's number
  std::string why;  // what it ran out of, where that is known
  // "exited with status 3", "was ended by signal 9 (SIGKILL)", "lost its keeper".
  std::string text() const;
};

class ChildProcess {
 public:
  // `keeper_program` is this program or one whose main() asks is_keeper(). `label` is for process
  // lists.
  ChildProcess(asio::any_io_executor executor, std::string keeper_program, std::string label);
  ChildProcess(const ChildProcess&) = delete;
  ~ChildProcess();  // asserts that finish() was awaited if start() was

  // Ends when the program was executed, or could not be: then the refusal says why (`unavailable`;
  // `uncontained` where the host lacks what its sandbox is made of).
  // Call once, and finish() afterwards whatever came of it.
  Task<Status> start(KeeperOrders orders, SandboxSockets sockets = {});
  // The same on descriptors of the caller's; input(), output() and errors() stay empty.
  Task<Status> start_on(KeeperOrders orders, ServerPipes theirs, SandboxSockets sockets);

  // The gateway's ends of the server's pipes, non-blocking, for the caller to take after start().
  Descriptor& input() { return input_; }
  Descriptor& output() { return output_; }
  Descriptor& errors() { return errors_; }

  int process_id() const { return process_id_; }  // of the server; -1 before start()
  // In a sandbox, once it was started: why its limits hold for each process alone, or empty where
  // they hold for all together.
  const std::string& why_no_tree() const { return why_no_tree_; }
  // How it ended; by then nothing that descends from it runs any more.
  const std::optional<ProcessEnd>& end() const { return end_; }
  // Waits for that, at most so long.
  Task<bool> ended_within(Milliseconds limit);

  void terminate();  // SIGTERM to its process group
  void kill();       // SIGKILL to all that descends from it

  // Kills whatever still runs, and waits for the keeper. Idempotent.
  Task<> finish();

 private:
  struct Report : KeeperReport {
    std::string text;
  };
  Refusal why_not(const KeeperOrders& orders, const std::optional<Report>& report);
  Task<std::optional<Report>> next_report();
  Task<> watch();
  Task<> stop_keeper();
  Task<Status> keeper_ended();
  void give_order(KeeperOrder order);
  void set_end(ProcessEnd end);

  asio::any_io_executor executor_;
  std::string keeper_program_;
  std::string label_;
  asio::posix::stream_descriptor control_;
  asio::posix::stream_descriptor keeper_;   // the pidfd
  std::list<asio::steady_timer*> waiting_;  // of ended_within(): cancelled when end_ is set
  TaskGroup tasks_;
  Descriptor input_;
  Descriptor output_;
  Descriptor errors_;
  pid_t keeper_id_ = -1;
  int process_id_ = -1;
  std::string why_no_tree_;
  std::optional<ProcessEnd> end_;
};

}  // namespace toolgate
