#include "tests/gateway/broker_stage.hpp"

#include <boost/asio/post.hpp>
#include <set>

#include "gateway/broker/offer.hpp"
#include "gateway/core/clock.hpp"
#include "gateway/store/sqlite.hpp"

namespace toolgate::test {
namespace {

std::string member_or(const Value& object, std::string_view name, std::string otherwise) {
  auto member = object.find(name);
  return member ? std::string(member->raw()) : otherwise;
}

// The capabilities that go with what is offered, where the test says nothing else.
std::string capabilities_for(const Value& offers) {
  std::string all;
  for (std::string_view name : {"tools", "prompts", "resources"}) {
    bool has = offers.find(name) || (name == "resources" && offers.find("resourceTemplates"));
    if (has) all += (all.empty() ? "\"" : ",\"") + std::string(name) + "\":{}";
  }
  return member_or(offers, "capabilities", "{" + all + "}");
}

class FakeLink : public ServerLink {
 public:
  FakeLink(Stage& stage, std::string name, FakeServer& server, Isolation isolation)
      : stage_(stage), name_(std::move(name)), server_(server), isolation_(isolation) {}
  ~FakeLink() override {
    if (server_.events == events_) server_.events = nullptr;
  }

  Task<Status> open(ServerEvents& events) override {
    auto refused = server_.no_boundary.find(isolation_);
    if (refused != server_.no_boundary.end()) co_return refused->second;
    events_ = &events;
    server_.events = &events;
    co_return done();
  }
  Status send(std::string message, std::optional<BrokerId>, Carriage) override {
    if (!server_.takes_messages) {
      return Refusal(Reason::overloaded, "server '" + name_ + "' does not take more messages");
    }
    auto parsed = parse_message(Untrusted<std::string>(message), JsonLimits());
    const Message& sent = std::get<Message>(parsed);
    auto answer = server_.speaks ? server_.own_answer(sent) : std::nullopt;
    bool own = answer || sent.method() == "notifications/initialized";
    if (!own || server_.shows_all) stage_.line("} " + name_ + " " + message);
    server_.got.push_back(std::move(message));
    if (answer) {
      asio::post(stage_.loop, [events = events_, &server = server_, text = std::move(*answer)] {
        if (server.events == events) {
          events->received(Untrusted<std::string>(text), std::nullopt);
        }
      });
    }
    return done();
  }
  void negotiated(Revision) override {}
  void abandon(BrokerId) override {}
  Task<> close() override {
    if (server_.events == events_) server_.events = nullptr;
    co_return;
  }
  std::optional<int> process_id() const override { return std::nullopt; }
  std::string stderr_tail() const override { return ""; }

 private:
  Stage& stage_;
  std::string name_;
  FakeServer& server_;
  const Isolation isolation_;
  ServerEvents* events_ = nullptr;
};

}  // namespace

Document document_of(const std::string& json) {
  auto document = parse_document(Untrusted<std::string>(json), JsonLimits());
  if (!document) FAIL(document.refusal().detail, " in ", json);
  return *document;
}

std::vector<Definition> definitions_in(const std::string& offers) {
  std::vector<Definition> all;
  Document document = document_of(offers);
  if (auto text = document.root().find("instructions")) {
    all.push_back(Definition{ItemKind::instructions, "", std::string(text->raw())});
  }
  for (const ListMethod& method : list_methods) {
    auto items = document.root().find(method.member);
    if (!items) continue;
    for (const Value& item : items->elements()) {
      all.push_back(
          Definition{method.kind, item.find(method.key)->text(), std::string(item.raw())});
    }
  }
  return all;
}

std::string FakeServer::discovered(const Message& request, const Value& root) const {
  if (!is_modern()) {
    return error_text(request.id().raw(), Refusal(Reason::unknown_method, "no such method"));
  }
  std::string result = R"({"resultType":"complete","supportedVersions":[")" + revision +
                       R"("],"capabilities":)" + capabilities_for(root) +
                       R"(,"ttlMs":0,"cacheScope":"public")";
  if (auto text = root.find("instructions")) {
    result += R"(,"instructions":)" + std::string(text->raw());
  }
  return result_text(request.id().raw(), result + "}");
}

std::optional<std::string> FakeServer::own_answer(const Message& request) const {
  if (!request.is_request()) return std::nullopt;
  Document document = document_of(offers);
  Value root = document.root();
  if (request.method() == "server/discover") return discovered(request, root);
  if (is_modern() && request.method() == "subscriptions/listen") return std::nullopt;
  if (request.method() == "initialize") {
    std::string result = R"({"protocolVersion":")" + revision + R"(","capabilities":)" +
                         capabilities_for(root) + R"(,"serverInfo":{"name":"fake","version":"1"})";
    if (auto text = root.find("instructions")) {
      result += R"(,"instructions":)" + std::string(text->raw());
    }
    return result_text(request.id().raw(), result + "}");
  }
  for (const ListMethod& method : list_methods) {
    if (request.method() != method.method) continue;
    std::string items = member_or(root, method.member, "[]");
    return result_text(request.id().raw(),
                       std::string(is_modern() ? R"({"resultType":"complete",)" : "{") + '"' +
                           std::string(method.member) + "\":" + items + "}");
  }
  return std::nullopt;
}

FakeAgent::FakeAgent(Stage& stage, std::string number, AgentName name)
    : stage_(stage),
      number_(number == "1" ? "" : std::move(number)),
      calls_(stage.loop.get_executor(), "agent"),
      conversation_(stage.broker().open(std::move(name), *this, "test")) {}

FakeAgent::~FakeAgent() { leave(); }

void FakeAgent::send(std::string text) {
  post(std::move(text));
  stage_.settle();
}

void FakeAgent::post(std::string text) {
  auto parsed = parse_message(Untrusted<std::string>(std::move(text)), stage_.limits.json);
  if (auto* bad = std::get_if<BadMessage>(&parsed)) {
    hear(conversation_->refuse(*bad).text());
  } else {
    calls_.spawn(converse(std::move(*std::get_if<Message>(&parsed))));
  }
}

void FakeAgent::leave() {
  if (closed_) return;
  calls_.spawn(close());
  stage_.until([this] { return calls_.size() == 0; });
}

bool FakeAgent::send(Inspected message) {
  hear(message.text());
  return true;
}

void FakeAgent::hear(const std::string& text) {
  heard_.push_back(text);
  stage_.line("<" + number_ + " " + text);
}

Task<> FakeAgent::converse(Message message) {
  auto answer = co_await conversation_->handle(std::move(message), *this);
  if (answer) hear(answer->text());
}

Task<> FakeAgent::close() {
  co_await conversation_->close();
  closed_ = true;
}

Stage::Stage()
    : log_store_(home_.open()),
      reader_(home_.open(Store::Mode::existing)),
      approved_(std::make_shared<Approved>()),
      sightings_(*reader_),
      gate_(all_inspectors()),
      seal_(StateSeal::generate()),
      review_seal_(ReviewSeal::generate()) {
  start_cryptography();
}

Stage::~Stage() {
  heal_records();
  agents_.clear();
  if (!broker_) return;
  bool stopped = false;
  TaskGroup ending(loop.get_executor(), "end");
  struct Stop {
    static Task<> run(Broker& broker, bool& done) {
      co_await broker.stop();
      done = true;
    }
  };
  ending.spawn(Stop::run(*broker_, stopped));
  until([&] { return stopped && ending.size() == 0; });
}

void Stage::configure(const std::string& json) {
  auto none = [](const std::string&) { return std::optional<std::string>(); };
  auto parsed = parse_configuration(json, home_.path() / "toolgate.json", none);
  if (!parsed) FAIL(parsed.refusal().detail);
  for (ServerEntry& entry : parsed->servers) {
    auto few = in_flight.find(entry.name.text());
    if (few != in_flight.end()) entry.limits.in_flight = few->second;
    auto files = scopes.find(entry.name.text());
    if (files != scopes.end()) entry.files = files->second;
  }
  configuration_ = *parsed;
  if (!broker_) return;
  broker_->reload(std::move(*parsed));
  settle();
}

void Stage::approve(const std::string& name, const std::vector<std::string>& keys,
                    std::int64_t expires_ns) {
  const ServerEntry* entry = configuration_.find(ServerName(name));
  REQUIRE(entry != nullptr);
  const std::int64_t review_ns = now_utc_ns();
  std::vector<Shown> shown;  // by the review before
  std::vector<Shown> chosen;
  Document offers = document_of(server(name).offers);
  std::vector<Definition> offered = definitions_in(server(name).offers);
  offered.push_back(capabilities_definition(capabilities_for(offers.root())));
  for (Definition& definition : offered) {
    auto pinned = pin(entry->identity(), definition);
    if (!pinned) FAIL(pinned.refusal().detail);
    Shown one;
    one.server = name;
    one.identity = entry->identity();
    one.definition = definition;
    one.pin = pinned->pin;
    one.time_ns = review_ns;
    shown.push_back(one);
    const bool is_chosen = keys.empty() || definition.kind == ItemKind::capabilities ||
                           std::ranges::find(keys, definition.key) != keys.end();
    if (!is_chosen) continue;
    chosen.push_back(std::move(one));
    Approval approval{.server = name,
                      .identity = entry->identity(),
                      .kind = definition.kind,
                      .key = definition.key,
                      .pin = pinned->pin,
                      .scopes = entry->scope_digest(),
                      .findings = "[]",
                      .who = "test",
                      .time_ns = now_utc_ns(),
                      .expires_ns = expires_ns};
    approved_->book.add(approval);
    std::erase_if(approved_->items, [&](const ApprovedItem& item) {
      return item.approval.server == name && item.approval.kind == definition.kind &&
             item.approval.key == definition.key;
    });
    approved_->items.push_back(ApprovedItem{approval, std::move(definition)});
  }
  settle_shown(std::move(shown), chosen);
  approved_->servers.push_back(
      StoredServer{name, entry->identity(), capabilities_for(offers.root()), "{}", "2025-11-25"});
  publish();
}

void Stage::revoke(const std::string& name, const std::vector<std::string>& keys) {
  std::erase_if(approved_->items, [&](const ApprovedItem& item) {
    return item.approval.server == name &&
           (keys.empty() || std::ranges::find(keys, item.approval.key) != keys.end());
  });
  approved_->book = PinBook();
  for (const ApprovedItem& item : approved_->items) approved_->book.add(item.approval);
  publish();
}

// The administrator was shown this, and all that was seen of the server, and approves some of it.
void Stage::settle_shown(std::vector<Shown> shown, const std::vector<Shown>& chosen) {
  if (shown.empty()) return;
  const std::string server = shown.front().server;
  const ServerIdentity identity = shown.front().identity;
  const std::int64_t review_ns = shown.front().time_ns;
  auto open = open_sightings(*reader_);
  if (!open) FAIL(open.refusal().detail);
  std::vector<std::int64_t> rows;
  for (const Sighting* one : open->all_of(identity)) rows.push_back(one->row);
  REQUIRE(reader_->put_shown(server, std::move(shown), review_seal_));
  REQUIRE(mark_shown(*reader_, rows, review_ns));
  auto transaction = Transaction::begin(reader_->database());
  REQUIRE(transaction);
  REQUIRE(check_sightings(reader_->database(), chosen));
  REQUIRE(settle_sightings(reader_->database(), chosen, true));
  REQUIRE(transaction->commit());
}

void Stage::read_sightings() {
  auto open = open_sightings(*reader_);
  auto version = reader_->data_version();
  if (!open || !version) FAIL("the sightings cannot be read");
  approved_->sightings = std::move(*open);
  approved_->version = *version;
}

// A snapshot each time, as the broker gets it from the store.
void Stage::publish() {
  if (!broker_) return;
  read_sightings();
  broker_->reload(std::make_shared<const Approved>(*approved_));
  settle();
}

void Stage::start() {
  auto executor = loop.get_executor();
  audit_ = std::make_unique<AuditLog>(executor, *log_store_, configuration_.audit);
  auto make = [this](asio::any_io_executor, const ServerEntry& entry,
                     Transport) -> Result<std::unique_ptr<ServerLink>> {
    const std::string& name = entry.name.text();
    return std::unique_ptr<ServerLink>(
        std::make_unique<FakeLink>(*this, name, server(name), entry.isolation));
  };
  read_sightings();
  broker_ = std::make_unique<Broker>(executor, configuration_,
                                     std::make_shared<const Approved>(*approved_), *audit_,
                                     sightings_, gate_, seal_, limits, make);
  broker_->start();
  settle();
}

FakeAgent& Stage::agent(const std::string& number, const std::string& name) {
  agents_[number] = std::make_unique<FakeAgent>(*this, number, AgentName(name));
  return *agents_[number];
}

FakeAgent& Stage::greeted_agent(const std::string& number, const std::string& name,
                                const std::string& capabilities) {
  quiet_ = true;
  FakeAgent& one = agent(number, name);
  one.send(R"({"jsonrpc":"2.0","id":"hello","method":"initialize","params":{)"
           R"("protocolVersion":"2025-11-25","capabilities":)" +
           capabilities + R"(,"clientInfo":{"name":"a","version":"1"}}})");
  one.send(R"({"jsonrpc":"2.0","method":"notifications/initialized"})");
  quiet_ = false;
  return one;
}

void Stage::leave(const std::string& number) {
  agents_.at(number)->leave();
  settle();
  agents_.erase(number);
}

void Stage::say(const std::string& name, std::string text, std::optional<BrokerId> stream_of) {
  REQUIRE(server(name).events != nullptr);
  server(name).events->received(Untrusted<std::string>(std::move(text)), stream_of);
  settle();
}

void Stage::settle() {
  loop.restart();
  loop.poll();
  note_records();
}

void Stage::until(const std::function<bool()>& so) {
  auto give_up_at = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  settle();
  while (!so()) {
    loop.restart();
    loop.run_one_for(std::chrono::milliseconds(100));
    if (std::chrono::steady_clock::now() > give_up_at) FAIL("waited for ten seconds");
  }
  settle();
}

void Stage::line(std::string text) {
  note_records();
  if (!quiet_) lines_.push_back(std::move(text));
}

std::vector<std::string> Stage::take_lines() { return std::exchange(lines_, {}); }

void Stage::note_records() {
  AuditQuery query;
  query.after_sequence = seen_;
  query.limit = 10'000;
  auto rows = audit_rows(*reader_, query);
  if (!rows) FAIL(rows.refusal().detail);
  for (const AuditRow& row : *rows) {
    seen_ = row.sequence;
    if (!quiet_) lines_.push_back(record_line(row.json));
  }
}

std::vector<std::string> Stage::records() {
  AuditQuery query;
  query.limit = 1'000'000;
  auto all = query_audit(*reader_, query);
  if (!all) FAIL(all.refusal().detail);
  return *all;
}

void Stage::fail_records_from(int n) {
  auto count = reader_->database().number("SELECT count(*) FROM records");
  if (!count) FAIL(count.refusal().detail);
  std::string trigger =
      "CREATE TRIGGER full_disk BEFORE INSERT ON records WHEN (SELECT count(*) FROM records) >= " +
      std::to_string(*count + n - 1) + " BEGIN SELECT RAISE(ABORT, 'disk full'); END;";
  auto made = reader_->database().run(trigger.c_str());
  if (!made) FAIL(made.refusal().detail);
}

void Stage::heal_records() {
  auto healed = reader_->database().run("DROP TRIGGER IF EXISTS full_disk;");
  if (!healed) FAIL(healed.refusal().detail);
}

std::string record_line(const std::string& json) {
  Document document = document_of(json);
  auto text = [&](std::string_view name) {
    auto member = document.root().find(name);
    return member && member->is_string() ? member->text() : std::string();
  };
  std::string line = "! " + text("kind") + " " + text("decision");
  std::string place = text("server");
  if (!text("tool").empty()) place += "/" + text("tool");
  if (!place.empty()) line += " " + place;
  if (!text("method").empty()) line += " (" + text("method") + ")";
  if (!text("reason").empty()) line += " " + text("reason");
  std::set<std::string> findings;
  if (auto list = document.root().find("findings")) {
    for (const Value& finding : list->elements()) findings.insert(finding.find("id")->text());
  }
  for (const std::string& id : findings) line += " [" + id + "]";
  return line;
}

}  // namespace toolgate::test
