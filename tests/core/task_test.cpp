#include <doctest/doctest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <exception>
#include <stdexcept>

#include "gateway/core/slot.hpp"
#include "gateway/core/task_group.hpp"
#include "gateway/core/within.hpp"

namespace toolgate {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

// Runs one task to its end and hands on what it threw.
void run(asio::io_context& loop, Task<> task) {
  std::exception_ptr fault;
  bool ended = false;
  asio::co_spawn(loop, std::move(task), [&](std::exception_ptr thrown) {
    fault = thrown;
    ended = true;
  });
  loop.restart();
  loop.run();
  REQUIRE(ended);
  if (fault) std::rethrow_exception(fault);
}

Task<> count_up(int& counter) {
  ++counter;
  co_return;
}

// Waits for what never comes; counts both how it was cancelled and that it was unwound.
struct Unwound {
  explicit Unwound(int& count) : counter(count) {}
  ~Unwound() { ++counter; }
  int& counter;
};

Task<> wait_for_ever(int& unwound) {
  Unwound guard(unwound);
  asio::steady_timer timer(co_await asio::this_coro::executor, hours(1));
  co_await timer.async_wait(asio::use_awaitable);
}

Task<> throw_fault() {
  co_await asio::post(asio::use_awaitable);
  throw std::runtime_error("a fault for the log");
}

// Takes its cancellation as a signal to finish in good order.
Task<> finish_in_order(asio::io_context& loop, int& steps) {
  co_await asio::this_coro::throw_if_cancelled(false);
  asio::steady_timer timer(loop, hours(1));
  co_await timer.async_wait(as_result);
  ++steps;
  co_await asio::this_coro::reset_cancellation_state();
  co_await asio::post(asio::use_awaitable);
  ++steps;
}

Task<> drain_now(TaskGroup& group) { co_await group.drain(milliseconds(0)); }
Task<> drain_patiently(TaskGroup& group) { co_await group.drain(hours(1)); }

TEST_CASE("a group runs what it is given, from the loop") {
  asio::io_context loop;
  TaskGroup group(loop.get_executor(), "test");
  int counter = 0;
  group.spawn(count_up(counter));
  group.spawn(count_up(counter));
  CHECK(counter == 0);
  CHECK(group.size() == 2);
  loop.run();
  CHECK(counter == 2);
  CHECK(group.size() == 0);
}

Task<> spawn_inside(TaskGroup& group, int& counter, bool& inline_run) {
  co_await asio::post(asio::use_awaitable);
  group.spawn(count_up(counter));
  inline_run = counter != 0;
}

TEST_CASE("a task that is spawned from the loop does not start inside spawn()") {
  asio::io_context loop;
  TaskGroup group(loop.get_executor(), "test");
  int counter = 0;
  bool inline_run = true;
  run(loop, spawn_inside(group, counter, inline_run));
  CHECK_FALSE(inline_run);
  CHECK(counter == 1);
}

TEST_CASE("drain waits for tasks that end in time, and does not cancel them") {
  asio::io_context loop;
  TaskGroup group(loop.get_executor(), "test");
  int counter = 0;
  group.spawn(count_up(counter));
  run(loop, drain_patiently(group));
  CHECK(counter == 1);
  CHECK(group.size() == 0);
}

TEST_CASE("drain of an empty group returns at once") {
  asio::io_context loop;
  TaskGroup group(loop.get_executor(), "test");
  run(loop, drain_patiently(group));
}

TEST_CASE("drain cancels after its grace and waits for the unwinding") {
  asio::io_context loop;
  TaskGroup group(loop.get_executor(), "test");
  int unwound = 0;
  int steps = 0;
  group.spawn(wait_for_ever(unwound));
  group.spawn(wait_for_ever(unwound));
  group.spawn(finish_in_order(loop, steps));
  loop.poll();
  run(loop, drain_now(group));
  CHECK(unwound == 2);
  CHECK(steps == 2);
  CHECK(group.size() == 0);
}

TEST_CASE("a task that never started is cancelled too") {
  asio::io_context loop;
  TaskGroup group(loop.get_executor(), "test");
  int unwound = 0;
  group.spawn(wait_for_ever(unwound));
  group.cancel();
  loop.run();
  CHECK(group.size() == 0);
}

TEST_CASE("cancel does not wait") {
  asio::io_context loop;
  TaskGroup group(loop.get_executor(), "test");
  int unwound = 0;
  group.spawn(wait_for_ever(unwound));
  loop.poll();
  group.cancel();
  CHECK(group.size() == 1);
  loop.restart();
  loop.run();
  CHECK(unwound == 1);
}

TEST_CASE("a fault ends its task and no other") {
  asio::io_context loop;
  TaskGroup group(loop.get_executor(), "test");
  int counter = 0;
  group.spawn(throw_fault());
  group.spawn(count_up(counter));
  loop.run();
  CHECK(counter == 1);
  CHECK(group.size() == 0);
}

Task<> spawn_again(TaskGroup& group, int& left) {
  co_await asio::post(asio::use_awaitable);
  if (--left > 0) group.spawn(spawn_again(group, left));
}

TEST_CASE("drain waits for tasks that its tasks start") {
  asio::io_context loop;
  TaskGroup group(loop.get_executor(), "test");
  int left = 100;
  group.spawn(spawn_again(group, left));
  run(loop, drain_patiently(group));
  CHECK(left == 0);
}

Task<> drain_inside(TaskGroup& inner, bool& ended) {
  co_await inner.drain(hours(1));
  ended = true;
}

TEST_CASE("drain is not cancelled: it goes on to the end of its tasks") {
  asio::io_context loop;
  TaskGroup inner(loop.get_executor(), "inner");
  TaskGroup outer(loop.get_executor(), "outer");
  int unwound = 0;
  bool ended = false;
  inner.spawn(wait_for_ever(unwound));
  outer.spawn(drain_inside(inner, ended));
  loop.poll();
  outer.cancel();
  loop.poll();
  CHECK(outer.size() == 1);
  inner.cancel();
  loop.restart();
  loop.run();
  CHECK(ended);
  CHECK(outer.size() == 0);
}

Task<Result<int>> answer(int value) { co_return value; }

Task<Result<int>> refuse() { co_return Refusal(Reason::denied, "no"); }

Task<Result<int>> answer_never(int& unwound) {
  co_await wait_for_ever(unwound);
  co_return 0;
}

Task<Result<int>> answer_with_fault() {
  co_await throw_fault();
  co_return 0;
}

// Holds on past its deadline, then fails for a reason of its own.
Task<Result<int>> fault_in_unwinding() {
  co_await asio::this_coro::throw_if_cancelled(false);
  asio::steady_timer timer(co_await asio::this_coro::executor, hours(1));
  co_await timer.async_wait(as_result);
  throw std::runtime_error("a fault while unwinding");
}

Task<> keep(Task<Result<int>> task, Result<int>& into) { into = co_await std::move(task); }

TEST_CASE("within hands on what comes in time") {
  asio::io_context loop;
  Result<int> result;
  run(loop, keep(within(hours(1), answer(5), "the answer"), result));
  REQUIRE(result);
  CHECK(*result == 5);
  run(loop, keep(within(hours(1), refuse(), "the answer"), result));
  REQUIRE_FALSE(result);
  CHECK(result.refusal().reason == Reason::denied);
}

TEST_CASE("within refuses after its deadline, when the task has unwound") {
  asio::io_context loop;
  Result<int> result;
  int unwound = 0;
  run(loop, keep(within(milliseconds(1), answer_never(unwound), "the answer"), result));
  REQUIRE_FALSE(result);
  CHECK(result.refusal().reason == Reason::timed_out);
  CHECK(result.refusal().detail == "the answer took longer than 1 ms");
  CHECK(unwound == 1);
}

TEST_CASE("within throws a task's fault at once, and one in unwinding, too") {
  asio::io_context loop;
  Result<int> result;
  CHECK_THROWS_AS(run(loop, keep(within(hours(1), answer_with_fault(), "the answer"), result)),
                  std::runtime_error);
  CHECK_THROWS_AS(
      run(loop, keep(within(milliseconds(1), fault_in_unwinding(), "the answer"), result)),
      std::runtime_error);
}

TEST_CASE("within passes its own cancellation on") {
  asio::io_context loop;
  TaskGroup group(loop.get_executor(), "test");
  Result<int> result;
  int unwound = 0;
  group.spawn(keep(within(hours(1), answer_never(unwound), "the answer"), result));
  loop.poll();
  group.cancel();
  loop.restart();
  loop.run();
  CHECK(unwound == 1);
  CHECK_FALSE(result);
  CHECK(group.size() == 0);
}

Task<> keep_value(Task<int> task, int& into) { into = co_await std::move(task); }

TEST_CASE("a slot gives its value to one waiter, before or after it is set") {
  asio::io_context loop;
  TaskGroup group(loop.get_executor(), "test");
  Slot<int> early(loop.get_executor());
  Slot<int> late(loop.get_executor());
  int first = 0;
  int second = 0;
  early.set(1);
  early.set(3);
  group.spawn(keep_value(early.wait(), first));
  group.spawn(keep_value(late.wait(), second));
  loop.poll();
  CHECK(first == 1);
  CHECK(second == 0);
  late.set(2);
  CHECK(second == 0);
  loop.restart();
  loop.run();
  CHECK(second == 2);
}

}  // namespace
}  // namespace toolgate
