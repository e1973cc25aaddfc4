#pragma once
// Scripted conversations, for the tests of the HTTP endpoint.
//
// Requests of a session (params in brackets):
//   initialize {protocolVersion}   as the real one; an unknown version is refused
//   echo {notifications?: k}       sends k notifications first, then answers its own params
//   big {bytes}                    answers that many characters
//   gate                           says "before", waits for the notification `open`, says "after",
//                                  answers
//   hang                           never answers; closing the conversation ends it unanswered
//   fault                          throws
// and notifications: `open`, and `say` (its params go to the general stream).
//
// Requests of the modern era:
//   gate, hang, fault              the same; ScriptedConversations::open_gates() opens
//   flood                          sends 20 MB, then waits like hang
//   subscriptions/listen           says "listening" and waits for wind_down()
//   any other {notifications?: k, status?: n}   answers the agent and the Mcp-Param lines, or an
//                                  error that goes with that HTTP status

#include <doctest/doctest.h>

#include <atomic>
#include <list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "gateway/core/agent.hpp"
#include "gateway/core/message.hpp"
#include "gateway/core/slot.hpp"
#include "inspectors/gate.hpp"

namespace toolgate::door_test {

inline Inspected note(const std::string& params) {
  return InspectionGate::own(notification_text("notifications/message", params));
}

class ScriptedConversation final : public Conversation {
 public:
  ScriptedConversation(AgentStream& general, asio::any_io_executor executor,
                       std::atomic<int>& open_conversations)
      : general_(general), executor_(std::move(executor)), open_conversations_(open_conversations) {
    ++open_conversations_;
  }
  ~ScriptedConversation() override {
    CHECK(closed_);
    --open_conversations_;
  }

  Task<std::optional<Inspected>> handle(Message message, AgentStream& related) override {
    const std::string& method = message.method();
    if (message.is_response()) co_return std::nullopt;
    if (message.is_notification()) {
      if (method == "open") open_gates();
      if (method == "say") general_.send(note(std::string(message.params()->raw())));
      co_return std::nullopt;
    }
    if (method == "fault") throw std::runtime_error("scripted fault");
    if (method == "initialize") co_return initialize(message);
    if (method == "echo") co_return echo(message, related);
    if (method == "big") {
      const auto bytes = static_cast<std::size_t>(*message.params()->find("bytes")->integer());
      co_return result(message, "{\"text\":\"" + std::string(bytes, 'x') + "\"}");
    }
    if (method == "gate") related.send(note(R"({"say":"before"})"));
    if (method == "gate" || method == "hang") {
      bool opened = co_await pass_gate(method == "gate");
      if (!opened) co_return std::nullopt;
      related.send(note(R"({"say":"after"})"));
      co_return result(message, R"({"passed":true})");
    }
    co_return InspectionGate::own(
        error_text(message.id().raw(), Refusal(Reason::unknown_method, "no such method")));
  }

  Inspected refuse(const BadMessage& bad) override {
    return InspectionGate::own(error_text(bad.id_raw, bad.refusal));
  }
  std::optional<Revision> revision() const override { return revision_; }
  Task<> close() override {
    closed_ = true;
    for (Gate& gate : gates_) gate.passed.set(false);
    co_return;
  }

 private:
  struct Gate {
    explicit Gate(asio::any_io_executor executor) : passed(std::move(executor)) {}
    Slot<bool> passed;
    bool opens = false;
  };

  static Inspected result(const Message& message, const std::string& json) {
    return InspectionGate::own(result_text(message.id().raw(), json));
  }
  Inspected initialize(const Message& message) {
    revision_ = legacy_revision_from(message.params()->find("protocolVersion")->text());
    if (revision_) return result(message, R"({"capabilities":{}})");
    return InspectionGate::own(
        error_text(message.id().raw(), Refusal(Reason::invalid_params, "no such revision")));
  }
  static Inspected echo(const Message& message, AgentStream& related) {
    std::int64_t count = 0;
    if (auto asked = message.params()->find("notifications")) count = *asked->integer();
    for (std::int64_t i = 1; i <= count; ++i)
      related.send(note("{\"n\":" + std::to_string(i) + "}"));
    return result(message, std::string(message.params()->raw()));
  }
  Task<bool> pass_gate(bool opens) {
    Gate& gate = gates_.emplace_back(executor_);
    gate.opens = opens;
    bool passed = co_await gate.passed.wait();
    gates_.remove_if([&](const Gate& other) { return &other == &gate; });
    co_return passed;
  }
  void open_gates() {
    for (Gate& gate : gates_) {
      if (gate.opens) gate.passed.set(true);
    }
  }

  AgentStream& general_;
  asio::any_io_executor executor_;
  std::atomic<int>& open_conversations_;
  std::optional<Revision> revision_;
  std::list<Gate> gates_;
  bool closed_ = false;
};

// What happened to the requests of the modern era. For the door's thread alone.
class ScriptedStateless;
struct StatelessScript {
  std::list<ScriptedStateless*> open;
  int handled = 0;
  int cancelled = 0;  // closed before the end of handle()
  int wound_down = 0;
};

// One request of the modern era.
class ScriptedStateless final : public StatelessConversation {
 public:
  ScriptedStateless(AgentName agent, std::vector<HeaderField> arguments,
                    asio::any_io_executor executor, StatelessScript& script)
      : agent_(std::move(agent)),
        arguments_(std::move(arguments)),
        waiting_(std::move(executor)),
        script_(script) {
    script_.open.push_back(this);
  }
  ~ScriptedStateless() override {
    CHECK(closed_ == 1);
    CHECK(!handling_);
    script_.open.remove(this);
  }

  Task<std::optional<Inspected>> handle(Message message, AgentStream& related) override {
    ++script_.handled;
    const std::string& method = message.method();
    if (method == "fault") throw std::runtime_error("scripted fault");
    if (method == "gate") related.send(note(R"({"say":"before"})"));
    if (method == "flood") flood(related);
    subscription_ = method == "subscriptions/listen";
    if (subscription_) related.send(note(R"({"say":"listening"})"));
    if (method == "gate" || method == "hang" || method == "flood" || subscription_) {
      handling_ = true;
      const bool passed = co_await waiting_.wait();
      handling_ = false;
      if (!passed) co_return std::nullopt;
      if (method == "gate") related.send(note(R"({"say":"after"})"));
      co_return result(message, R"({"passed":true})");
    }
    co_return answer(message, related);
  }
  Inspected refuse(const BadMessage& bad) override {
    return InspectionGate::own(error_text(bad.id_raw, bad.refusal));
  }
  std::optional<Revision> revision() const override { return latest_revision; }
  unsigned http_status() const override { return status_; }
  void wind_down() override {
    ++script_.wound_down;
    if (subscription_) waiting_.set(true);
  }
  Task<> close() override {
    ++closed_;
    if (handling_) ++script_.cancelled;
    waiting_.set(false);
    co_return;
  }
  void open_gate() { waiting_.set(true); }

 private:
  static Inspected result(const Message& message, const std::string& json) {
    return InspectionGate::own(result_text(message.id().raw(), json));
  }
  static void flood(AgentStream& related) {
    const std::string text = "{\"t\":\"" + std::string(50'000, 'z') + "\"}";
    for (int i = 0; i < 400; ++i) related.send(note(text));
  }
  Inspected answer(const Message& message, AgentStream& related) {
    const auto params = message.params();
    if (auto status = params->find("status")) {
      status_ = static_cast<unsigned>(*status->integer());
      return InspectionGate::own(
          error_text(message.id().raw(), Refusal(Reason::unknown_method, "no such method")));
    }
    std::int64_t count = 0;
    if (auto asked = params->find("notifications")) count = *asked->integer();
    for (std::int64_t i = 1; i <= count; ++i) {
      related.send(note("{\"n\":" + std::to_string(i) + "}"));
    }
    std::string said = "{\"agent\":\"" + agent_.text() + "\",\"lines\":[";
    for (const HeaderField& line : arguments_) {
      if (!said.ends_with('[')) said += ',';
      said += json_quote(line.name + ": " + line.value);
    }
    return result(message, said + "]}");
  }

  AgentName agent_;
  std::vector<HeaderField> arguments_;
  Slot<bool> waiting_;
  StatelessScript& script_;
  unsigned status_ = 200;
  int closed_ = 0;
  bool handling_ = false;
  bool subscription_ = false;
};

class ScriptedConversations final : public Conversations {
 public:
  explicit ScriptedConversations(asio::any_io_executor executor) : executor_(std::move(executor)) {}
  std::unique_ptr<Conversation> open(AgentName, AgentStream& general,
                                     std::string transport) override {
    CHECK(transport == "http");
    return std::make_unique<ScriptedConversation>(general, executor_, open_now);
  }
  std::unique_ptr<StatelessConversation> open_stateless(
      AgentName agent, std::vector<HeaderField> arguments) override {
    return std::make_unique<ScriptedStateless>(std::move(agent), std::move(arguments), executor_,
                                               stateless);
  }
  void open_gates() {
    for (ScriptedStateless* request : stateless.open) request->open_gate();
  }
  std::atomic<int> open_now = 0;
  StatelessScript stateless;

 private:
  asio::any_io_executor executor_;
};

}  // namespace toolgate::door_test
