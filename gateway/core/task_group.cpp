#include "gateway/core/task_group.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <cassert>
#include <exception>

#include "gateway/core/log.hpp"
#include "gateway/core/within.hpp"

namespace toolgate {
namespace {

// Like as_result, but the caller's cancellation does not reach the operation.
auto uncancelled() {
  return asio::bind_cancellation_slot(asio::cancellation_slot(),
                                      asio::as_tuple(asio::use_awaitable));
}

// co_spawn() would run the task's first steps inside spawn().
Task<> leave_spawn_first(Task<> task) {
  co_await asio::post(asio::use_awaitable);
  co_await std::move(task);
}

// What a task threw and nobody caught. A cancelled one unwinds with operation_aborted, which is no
// fault.
void log_fault(const std::string& group, const std::exception_ptr& fault) {
  if (is_cancellation(fault)) return;
  std::string what = "not a std::exception";
  try {
    std::rethrow_exception(fault);
  } catch (const std::exception& error) {
    what = error.what();
  } catch (...) {
  }
  log_line(LogLevel::error, "task.fault", {{"group", group}, {"what", what}});
}

}  // namespace

TaskGroup::TaskGroup(asio::any_io_executor executor, std::string name)
    : executor_(executor), name_(std::move(name)), changed_(std::move(executor)) {}

TaskGroup::~TaskGroup() { assert(running_.empty()); }

void TaskGroup::spawn(Task<> task) {
  const auto entry = running_.emplace(running_.end());
  auto ended = [this, entry](std::exception_ptr fault) {
    running_.erase(entry);
    if (running_.empty()) changed_.cancel();
    if (fault) log_fault(name_, fault);
  };
  asio::co_spawn(executor_, leave_spawn_first(std::move(task)),
                 asio::bind_cancellation_slot(entry->signal.slot(), std::move(ended)));
}

void TaskGroup::cancel() {
  for (auto entry = running_.begin(); entry != running_.end();) {
    const auto current = entry++;
    current->signal.emit(asio::cancellation_type::terminal);
  }
}

Task<> TaskGroup::drain(std::chrono::milliseconds grace) {
  // Not to be cancelled itself: it would leave tasks behind that refer to what is about to be
  // destroyed.
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  const auto deadline = asio::steady_timer::clock_type::now() + grace;
  while (!running_.empty() && asio::steady_timer::clock_type::now() < deadline) {
    changed_.expires_at(deadline);
    co_await changed_.async_wait(uncancelled());
  }
  while (!running_.empty()) {
    cancel();
    changed_.expires_at(asio::steady_timer::time_point::max());
    co_await changed_.async_wait(uncancelled());
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
}

}  // namespace toolgate
