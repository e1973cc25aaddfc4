#pragma once
// A request of the modern era (MCP 2026-07-28) while it is handled, where its connection and the
// door find it: it stands alone, so whoever asked for it is gone when the connection is.

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <optional>

#include "gateway/core/agent.hpp"
#include "gateway/core/result.hpp"
#include "gateway/core/slot.hpp"
#include "gateway/core/task.hpp"
#include "gateway/core/task_group.hpp"

namespace toolgate {

// The conversation is closed exactly once, by a task of `tasks` if the request is cancelled, else
// by whoever handled it.
class StatelessExchange {
 public:
  StatelessExchange(TaskGroup& tasks, asio::any_io_executor executor,
                    std::unique_ptr<StatelessConversation> conversation);
  StatelessExchange(const StatelessExchange&) = delete;
  ~StatelessExchange();  // asserts that the conversation was closed

  StatelessConversation& conversation() { return *conversation_; }
  // Nobody wants the answer any more. Idempotent; returns before anything of it is felt.
  void cancel();
  // To be awaited when handle() has returned, whatever came of it. Not cut short by cancellation.
  Task<> close();

 private:
  class EndOfClosing;
  Task<> close_beside(EndOfClosing end);

  TaskGroup& tasks_;
  asio::any_io_executor executor_;
  std::unique_ptr<StatelessConversation> conversation_;
  std::optional<Slot<Done>> beside_;  // set when the task of cancel() is over
  bool begun_ = false;                // close() of the conversation
  bool closed_ = false;
};

}  // namespace toolgate
