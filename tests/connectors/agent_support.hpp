#pragma once
// A scripted conversation, for the tests of what carries lines to the broker.
//   initialize {protocolVersion}   agrees to it
//   echo                           answers its own params
//   big {bytes}                    answers that many characters
//   hold                           answers when the notification `release` comes, or the session is
//   closed fault                          throws
// What came is remembered in order, by method; a response counts as "response".

#include <doctest/doctest.h>

#include <list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gateway/core/agent.hpp"
#include "gateway/core/slot.hpp"
#include "inspectors/gate.hpp"

namespace toolgate::process_test {

struct Seen {
  std::vector<std::string> methods;
  std::vector<std::string> agents;
  std::vector<std::string> transports;
  std::size_t most_at_once = 0;
  int closed = 0;
};

class ScriptedConversation : public Conversation {
 public:
  ScriptedConversation(asio::any_io_executor executor, Seen& seen)
      : executor_(executor), seen_(seen) {}
  ~ScriptedConversation() override { CHECK(closed_); }

  Task<std::optional<Inspected>> handle(Message message, AgentStream&) override {
    seen_.methods.push_back(message.is_response() ? "response" : message.method());
    if (message.method() == "release") release();
    if (!message.is_request()) co_return std::nullopt;
    if (message.method() == "fault") throw std::runtime_error("scripted fault");
    if (message.method() == "initialize") {
      revision_ = legacy_revision_from(message.params()->find("protocolVersion")->text());
    }
    ++at_once_;
    seen_.most_at_once = std::max(seen_.most_at_once, at_once_);
    if (message.method() == "hold") co_await hold();
    --at_once_;
    co_return answer(message);
  }
  Inspected refuse(const BadMessage& bad) override {
    return InspectionGate::own(error_text(bad.id_raw, bad.refusal));
  }
  std::optional<Revision> revision() const override { return revision_; }
  Task<> close() override {
    closed_ = true;
    ++seen_.closed;
    release();
    co_return;
  }

 private:
  Inspected answer(const Message& message) {
    std::string result = R"({"method":)" + json_quote(message.method()) + "}";
    if (message.method() == "echo") result = std::string(message.params()->raw());
    if (message.method() == "big") {
      auto bytes = static_cast<std::size_t>(*message.params()->find("bytes")->integer());
      result = R"({"text":")" + std::string(bytes, 'x') + R"("})";
    }
    return InspectionGate::own(result_text(message.id().raw(), result));
  }
  Task<> hold() {
    auto& slot = held_.emplace_back(executor_);
    co_await slot.wait();
  }
  void release() {
    for (auto& slot : held_) slot.set(Done{});
  }

  asio::any_io_executor executor_;
  Seen& seen_;
  std::optional<Revision> revision_;
  std::list<Slot<Done>> held_;
  std::size_t at_once_ = 0;
  bool closed_ = false;
};

class ScriptedConversations : public Conversations {
 public:
  explicit ScriptedConversations(asio::any_io_executor executor) : executor_(std::move(executor)) {}
  std::unique_ptr<Conversation> open(AgentName agent, AgentStream&,
                                     std::string transport) override {
    seen.agents.push_back(agent.text());
    seen.transports.push_back(std::move(transport));
    return std::make_unique<ScriptedConversation>(executor_, seen);
  }
  std::unique_ptr<StatelessConversation> open_stateless(AgentName,
                                                        std::vector<HeaderField>) override {
    return nullptr;  // pipes have no requests without a session
  }
  Seen seen;

 private:
  asio::any_io_executor executor_;
};

inline std::string request(int id, const std::string& method, const std::string& params = "{}") {
  return request_text(std::to_string(id), method, params) + "\n";
}
inline std::string answer(int id, const std::string& result) {
  return result_text(std::to_string(id), result) + "\n";
}

}  // namespace toolgate::process_test
