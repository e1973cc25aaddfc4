#pragma once
// Deadlines. Every wait on the outside world stands inside within().

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <exception>
#include <string>

#include "gateway/core/result.hpp"
#include "gateway/core/task.hpp"

namespace toolgate {

// Is this exception (not null) the operation_aborted that unwinds a cancelled task?
bool is_cancellation(const std::exception_ptr& fault);

// Runs `task`; when `limit` passes first, cancels it, waits for it to unwind and refuses with
// timed_out; when the caller is cancelled meanwhile, refuses with cancelled. A fault of the task is
// thrown from here, and so is operation_aborted if the task let its cancellation by the caller
// through. `what` names the wait for the refusal's text. A task that cannot be cancelled
// (Slot::wait() cannot) delays the answer until it ends.
template <class T>
Task<Result<T>> within(std::chrono::milliseconds limit, Task<Result<T>> task, std::string what) {
  auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, limit);
  auto group = asio::experimental::make_parallel_group(
      asio::co_spawn(executor, std::move(task), asio::deferred), timer.async_wait(asio::deferred));
  auto [order, fault, result, timer_error] =
      co_await std::move(group).async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
  if (order[0] == 0) {
    if (fault) std::rethrow_exception(fault);
    co_return std::move(result);
  }
  if (fault && !is_cancellation(fault)) std::rethrow_exception(fault);
  if (timer_error) co_return Refusal(Reason::cancelled, what + " was cancelled");
  co_return Refusal(Reason::timed_out,
                    what + " took longer than " + std::to_string(limit.count()) + " ms");
}

}  // namespace toolgate
