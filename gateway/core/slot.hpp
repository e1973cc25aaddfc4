#pragma once
// A place for one value that one coroutine waits for: the answer to a request, the end of a start.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <cassert>
#include <functional>
#include <optional>
#include <utility>

#include "gateway/core/task.hpp"

namespace toolgate {

// At most one waiter. The first set() wins, later ones are ignored. Not cancelled by anything but
// set(): whoever owns a slot must see to it that it is set before it goes (with a refusal, for
// example).
template <class T>
class Slot {
 public:
  explicit Slot(asio::any_io_executor executor) : executor_(std::move(executor)) {}
  Slot(const Slot&) = delete;

  bool is_set() const { return set_; }

  void set(T value) {
    if (set_) return;
    set_ = true;
    value_.emplace(std::move(value));
    if (waiter_) asio::post(executor_, std::move(waiter_));
  }

  // The slot must outlive the wait. A task that was cancelled before it came here throws
  // operation_aborted, as at every co_await.
  Task<T> wait() {
    if (!value_) {
      assert(!waiter_ && !set_);
      co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(
          [this](auto handler) {
            waiter_ = [handler = std::move(handler)]() mutable { std::move(handler)(); };
          },
          asio::use_awaitable);
    }
    T value = std::move(*value_);
    value_.reset();
    co_return value;
  }

 private:
  asio::any_io_executor executor_;
  bool set_ = false;
  std::optional<T> value_;
  // Not asio::any_completion_handler: in Boost 1.81 its constructor takes a lvalue of its own type
  // for a foreign handler and recurses without end.
  std::move_only_function<void()> waiter_;
};

}  // namespace toolgate
