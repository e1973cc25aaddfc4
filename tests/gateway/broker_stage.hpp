#pragma once
// A broker between scripted servers and scripted agents, without processes and sockets. What it
// says to either, and what it writes into its log, is collected line by line in the order in which
// it happened; a log record stands before whatever was said after it was durable.

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/broker/broker.hpp"
#include "gateway/core/task_group.hpp"
#include "tests/gateway/store_home.hpp"

namespace toolgate::test {

class Stage;

// What a server does by itself: the handshake and its lists. All else is up to the test.
struct FakeServer {
  // JSON: {"capabilities"?, "instructions"?, "tools"?, "prompts"?, "resources"?,
  // "resourceTemplates"?}
  std::string offers = "{}";
  std::string revision = "2025-11-25";  // "2026-07-28": it speaks the modern era
  bool speaks = true;                   // answers the handshake and lists
  bool shows_all = false;               // these are in the lines, too
  bool takes_messages = true;
  std::map<Isolation, Refusal> no_boundary;  // where it cannot be started in, and why
  ServerEvents* events = nullptr;            // of the link that is open
  std::vector<std::string> got;              // everything that was sent to it

  std::optional<std::string> own_answer(const Message& request) const;

 private:
  bool is_modern() const { return revision == "2026-07-28"; }
  std::string discovered(const Message& request, const Value& root) const;
};

// One agent's connection. Lines of agent "1" are ">" and "<", of agent "2" ">2" and "<2".
class FakeAgent : private AgentStream {
 public:
  FakeAgent(Stage& stage, std::string number, AgentName name);
  ~FakeAgent() override;
  void send(std::string text);
  // The same, without waiting for what follows.
  void post(std::string text);
  void leave();  // blocks
  const std::vector<std::string>& heard() const { return heard_; }

 private:
  bool send(Inspected message) override;
  Task<> converse(Message message);
  Task<> close();
  void hear(const std::string& text);

  Stage& stage_;
  std::string number_;
  TaskGroup calls_;
  std::vector<std::string> heard_;
  bool closed_ = false;
  std::unique_ptr<Conversation> conversation_;
};

class Stage {
 public:
  Stage();
  ~Stage();
  Stage(const Stage&) = delete;

  // Before start(): the configuration's text. After it: a reload.
  void configure(const std::string& json);
  FakeServer& server(const std::string& name) { return servers_[name]; }
  // Everything that the server offers now, or what has one of these keys.
  void approve(const std::string& name, const std::vector<std::string>& keys = {},
               std::int64_t expires_ns = 0);
  // All approvals of the server, or those of these keys.
  void revoke(const std::string& name, const std::vector<std::string>& keys = {});
  // Starts broker and servers, and waits until nothing more happens.
  void start();
  FakeAgent& agent(const std::string& number, const std::string& name);
  // The same, with a handshake that is in no line.
  FakeAgent& greeted_agent(const std::string& number, const std::string& name,
                           const std::string& capabilities = "{}");
  void leave(const std::string& number);
  void say(const std::string& server, std::string text,
           std::optional<BrokerId> stream_of = std::nullopt);

  // Runs until nothing is ready; real time does not pass.
  void settle();
  // Runs until this is so; fails the test after ten seconds.
  void until(const std::function<bool()>& so);

  std::vector<std::string> take_lines();
  bool has_lines() const { return !lines_.empty(); }
  void line(std::string text);

  // A trigger in the store: from the n-th record of now on, every write fails.
  void fail_records_from(int n);
  void heal_records();
  // The log's records so far, as JSON.
  std::vector<std::string> records();

  asio::io_context loop{1};
  Limits limits;
  // Of servers: what the configuration's file cannot say in this build.
  std::map<std::string, std::size_t> in_flight;
  std::map<std::string, std::vector<FileScope>> scopes;
  Broker& broker() { return *broker_; }
  const Configuration& configuration() const { return configuration_; }

 private:
  friend class FakeAgent;
  void note_records();
  void publish();
  void settle_shown(std::vector<Shown> shown, const std::vector<Shown>& chosen);
  void read_sightings();
  void close_all();

  TemporaryHome home_;
  std::unique_ptr<Store> log_store_;
  std::unique_ptr<Store> reader_;
  std::int64_t seen_ = 0;
  Configuration configuration_;
  std::shared_ptr<Approved> approved_;
  std::map<std::string, FakeServer> servers_;
  std::unique_ptr<AuditLog> audit_;
  SightingBook sightings_;
  InspectionGate gate_;
  StateSeal seal_;
  ReviewSeal review_seal_;
  std::unique_ptr<Broker> broker_;
  std::map<std::string, std::unique_ptr<FakeAgent>> agents_;
  std::vector<std::string> lines_;
  bool quiet_ = false;
};

// One record as a line: "! KIND DECISION SERVER/TOOL (METHOD) REASON [FINDINGS]".
std::string record_line(const std::string& json);

// The definitions in what a server offers.
std::vector<Definition> definitions_in(const std::string& offers);

Document document_of(const std::string& json);

}  // namespace toolgate::test
