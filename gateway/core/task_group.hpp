#pragma once
// The owner of running tasks. Only a group spawns; nothing is detached, so no exception is lost and
// nothing outlives what it refers to.
//
// One thread: a group lives on one io_context and is used from its thread alone.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <list>
#include <string>

#include "gateway/core/task.hpp"

namespace toolgate {

class TaskGroup {
 public:
  // `name` stands in the log line for a fault that ended a task.
  TaskGroup(asio::any_io_executor executor, std::string name);
  TaskGroup(const TaskGroup&) = delete;
  ~TaskGroup();  // asserts that it is empty: call drain() first

  // Starts a task. What it borrows must outlive the group's drain(). A spawned task starts from the
  // event loop, never inside spawn().
  void spawn(Task<> task);
  std::size_t size() const { return running_.size(); }

  // Cancels every task (terminal) without waiting: for a shutdown that is awaited later.
  void cancel();
  // Waits until all have ended; after `grace` cancels those that have not, and waits for their
  // unwinding. Cannot be cancelled itself. One drain at a time, and not from a task of the group.
  Task<> drain(std::chrono::milliseconds grace);

 private:
  struct Running {
    asio::cancellation_signal signal;
  };
  asio::any_io_executor executor_;
  std::string name_;
  std::list<Running> running_;
  asio::steady_timer changed_;
};

}  // namespace toolgate
