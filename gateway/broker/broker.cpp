#include "gateway/broker/broker.hpp"

#include <algorithm>

#include "gateway/core/clock.hpp"
#include "gateway/core/log.hpp"
#include "signing/digest.hpp"

namespace toolgate {
namespace {

// Would a running server have to be started anew?
bool same_process(const ServerEntry& a, const ServerEntry& b) {
  return a.transport == b.transport && a.argv == b.argv && a.env == b.env && a.cwd == b.cwd &&
         a.artefact == b.artefact && a.url == b.url && a.headers == b.headers &&
         a.certificate_key == b.certificate_key && a.isolation == b.isolation &&
         a.isolation_written_out == b.isolation_written_out &&
         a.scope_digest() == b.scope_digest() && a.sandbox == b.sandbox &&
         a.limits.result_bytes == b.limits.result_bytes;
}

std::string digest_of(const Configuration& configuration) {
  std::string all;
  for (const ServerEntry& entry : configuration.servers) {
    all += entry.name.text() + '\n' + entry.identity().text() + entry.scope_digest().text();
    for (const auto& [tool, policy] : entry.tools) {
      all += '\n' + tool + (policy.decision == ToolPolicy::Decision::deny ? " deny" : " allow") +
             (policy.hidden ? " hidden" : "");
      for (const DeclaredArgument& declared : policy.scopes) {
        all += declared.kind == DeclaredArgument::Kind::path ? " path " : " text ";
        all += pointer_text(declared.pointer);
      }
    }
  }
  for (const auto& [agent, entry] : configuration.agents) {
    all += '\n' + agent;
    for (const std::string& server : entry.servers) all += "\n s " + server;
    for (const std::string& tool : entry.tools) all += "\n t " + tool;
  }
  return digest("policy", all).text();
}

}  // namespace

bool has_method(const std::set<std::string>& capabilities, std::string_view method) {
  if (method.starts_with("skills/")) return capabilities.contains(std::string(skills_extension));
  if (method != "resources/directory/read") return true;
  return capabilities.contains(std::string(skill_directories));
}

Broker::Broker(asio::any_io_executor executor, Configuration configuration,
               std::shared_ptr<const Approved> approved, AuditLog& audit, SightingBook& sightings,
               const InspectionGate& gate, const StateSeal& seal, const Limits& limits,
               LinkFactory make)
    : executor_(executor),
      configuration_(std::make_unique<Configuration>(std::move(configuration))),
      policy_digest_(digest_of(*configuration_)),
      approved_(std::move(approved)),
      audit_(audit),
      watch_(sightings, limits),
      gate_(gate),
      seal_(seal),
      limits_(limits),
      make_(std::move(make)),
      calls_(*this),
      tasks_(seal),
      parked_(executor),
      calls_in_progress_(executor, "calls in progress"),
      running_(executor, "servers"),
      retiring_(executor, "servers that leave"),
      records_(executor, "records") {
  watch_.follow(*approved_);
  rebuild();
}

Broker::~Broker() = default;

void Broker::start() {
  started_ = true;
  follow_approvals();
}

void Broker::follow_approvals() {
  if (start_and_stop()) rebuild();
}

void Broker::forget_approvals() {
  approvals_known_ = false;
  approved_ = std::make_shared<const Approved>();
  rebuild();
}

// Nothing of a server runs or is contacted that nobody approved for just what it may reach now:
// `review` alone does that.
bool Broker::start_and_stop() {
  if (!started_ || stopping_ || !approvals_known_) return false;
  const std::int64_t now = now_utc_ns();
  bool changed = false;
  for (const ServerEntry& entry : configuration_->servers) {
    if (entry.disabled) continue;
    auto found = upstreams_.find(entry.name);
    const bool runs = found != upstreams_.end();
    auto why = why_held(*approved_, entry, now);
    if (!why) {
      if (!runs) start_server(entry);
      changed = changed || !runs;
      continue;
    }
    if (runs) {
      let_go(std::move(found->second));
      upstreams_.erase(found);
      argument_scopes_.erase(entry.name);
      changed = true;
    }
    // A server that nobody has approved anything of yet is no news.
    const bool is_known =
        approved_->book.knows(entry.identity()) || approved_->book.is_waiting(entry.identity()) ||
        approved_->book.knows_name(entry.name.text()) || !approved_->refused.empty();
    if (runs || is_known || offer_of(entry)) {
      hold(entry, std::move(*why));
    } else {
      held_.erase(entry.name);
    }
  }
  return changed;
}

void Broker::hold(const ServerEntry& entry, std::string why) {
  std::string& known = held_[entry.name];
  if (known == why) return;
  known = std::move(why);
  log_line(LogLevel::warning, "server.held",
           {{"server", entry.name.text()},
            {"why", known},
            {"remedy", "toolgate review " + entry.name.text()}});
  Record held;
  held.kind = "server.held";
  held.server = entry.name.text();
  held.decision = "deny";
  held.reason = known;
  held.policy = policy_digest_;
  record(std::move(held));
}

// What it offered is remembered, so that a call to it is told that it is held, and why.
void Broker::let_go(std::shared_ptr<Upstream> upstream) {
  if (const Offer* offer = upstream->offer()) {
    const ServerEntry& entry = upstream->entry();
    last_offers_.insert_or_assign(entry.name, LastOffer{entry.identity(), *offer});
  }
  retiring_.spawn(retire(std::move(upstream)));
}

// While a server is down, what it said last counts, not what it said at the last review: an item
// that was held does not come back with a crash.
const Offer* Broker::offer_of(const ServerEntry& entry) const {
  if (auto server = upstream(entry.name)) return server->offer();
  auto last = last_offers_.find(entry.name);
  if (last == last_offers_.end() || last->second.identity != entry.identity()) return nullptr;
  return &last->second.offer;
}

void Broker::start_server(const ServerEntry& entry) {
  held_.erase(entry.name);
  last_offers_.erase(entry.name);
  // Shared: calls in flight and run() may outlast the entry in the configuration.
  auto upstream =
      std::make_shared<Upstream>(executor_, entry, static_cast<UpstreamEvents&>(*this), make_);
  upstreams_[entry.name] = upstream;
  argument_scopes_[entry.name] = std::make_unique<ArgumentScopes>(entry);
  running_.spawn(keep_up(upstream));
}

Task<> Broker::keep_up(std::shared_ptr<Upstream> upstream) { co_await upstream->run(); }

Task<> Broker::stop() {
  stopping_ = true;
  co_await parked_.end();
  for (const auto& [name, upstream] : upstreams_) retiring_.spawn(retire(upstream));
  co_await retiring_.drain(Milliseconds(20'000));
  co_await running_.drain(Milliseconds(1'000));
  co_await calls_in_progress_.drain(Milliseconds(1'000));
  co_await records_.drain(Milliseconds(5'000));
}

Task<> Broker::retire(std::shared_ptr<Upstream> upstream) { co_await upstream->stop(); }

void Broker::reload(Configuration configuration) {
  auto fresh = std::make_unique<Configuration>(std::move(configuration));
  std::map<ServerName, std::shared_ptr<Upstream>> kept;
  for (const ServerEntry& entry : fresh->servers) {
    auto found = upstreams_.find(entry.name);
    if (entry.disabled || found == upstreams_.end()) continue;
    if (!same_process(found->second->entry(), entry)) continue;
    found->second->replace_entry(entry);
    kept.emplace(entry.name, found->second);
    upstreams_.erase(found);
  }
  for (const auto& [name, upstream] : upstreams_) let_go(upstream);
  upstreams_ = std::move(kept);
  std::erase_if(argument_scopes_, [&](const auto& one) { return !upstreams_.contains(one.first); });
  configuration_ = std::move(fresh);
  policy_digest_ = digest_of(*configuration_);
  auto is_gone = [&](const auto& one) {
    const ServerEntry* entry = configuration_->find(one.first);
    return !entry || entry->disabled;
  };
  std::erase_if(held_, is_gone);
  std::erase_if(last_offers_, is_gone);
  start_and_stop();
  rebuild();
  Record loaded;
  loaded.kind = "configuration";
  loaded.decision = "allow";
  loaded.policy = policy_digest_;
  record(std::move(loaded));
}

void Broker::reload(std::shared_ptr<const Approved> approved) {
  approved_ = std::move(approved);
  approvals_known_ = true;
  watch_.follow(*approved_);
  start_and_stop();
  rebuild();
  // An offer that was read before an approval is no sighting after it.
  for (const auto& [name, server] : upstreams_) server->refresh();
}

void Broker::rebuild() {
  Catalogue catalogue;
  std::int64_t now = now_utc_ns();
  for (const ServerEntry& entry : configuration_->servers) {
    if (entry.disabled) continue;
    catalogue.add(entry, offer_of(entry), *approved_, gate_, now);
    if (auto server = upstream(entry.name)) {
      catalogue.hold_back(entry, server->containment());
      if (!server->unlisted().empty()) catalogue.hold_unlisted(entry, server->unlisted());
    }
    catalogue.hold_seen(entry, watch_.open());
    catalogue.hold_seen(entry, watch_.unwritten());
  }
  catalogue_ = std::move(catalogue);
  capabilities_ = offered_capabilities();
  for (const ListMethod& method : list_methods) {
    for (const CatalogueItem& item : catalogue_.items(method.kind)) {
      bool counts = is_listed_once(method.kind) && item.standing == Standing::approved;
      if (!counts || !catalogue_.is_ambiguous(item)) continue;
      log_line(LogLevel::warning, "catalogue.collision",
               {{"name", item.exposed},
                {"server", item.server.text()},
                {"remedy", item.kind == ItemKind::skill ? "leave one of the servers out"
                                                        : "give the servers different prefixes"}});
    }
    std::string fingerprint = catalogue_.fingerprint(method.kind);
    std::string& known = fingerprints_[method.kind];
    if (known == fingerprint) continue;
    bool first = known.empty();
    known = std::move(fingerprint);
    if (first) continue;
    for (Listener* listener : std::vector(listeners_)) listener->list_changed(method.kind);
  }
}

std::unique_ptr<Conversation> Broker::open(AgentName agent, AgentStream& general,
                                           std::string transport) {
  auto session = std::make_unique<Session>(*this, std::move(agent), general, std::move(transport));
  sessions_.push_back(session.get());
  listeners_.push_back(session.get());
  return session;
}

std::unique_ptr<StatelessConversation> Broker::open_stateless(AgentName agent,
                                                              std::vector<HeaderField> arguments) {
  return std::make_unique<StatelessPost>(*this, std::move(agent), std::move(arguments));
}

void Broker::forget(Session& session) {
  std::erase(sessions_, &session);
  std::erase(listeners_, static_cast<Listener*>(&session));
}

std::shared_ptr<Upstream> Broker::upstream(const ServerName& name) const {
  auto found = upstreams_.find(name);
  return found == upstreams_.end() ? nullptr : found->second;
}

ArgumentScopes* Broker::argument_scopes(const ServerName& name) const {
  auto found = argument_scopes_.find(name);
  return found == argument_scopes_.end() ? nullptr : found->second.get();
}

std::set<std::string> Broker::offered_capabilities() const {
  std::set<std::string> all;
  for (const ServerEntry& entry : configuration_->servers) {
    if (entry.disabled || catalogue_.counts(entry.name).approved == 0) continue;
    std::string json;
    auto server = upstream(entry.name);
    if (server && server->offer()) {
      json = server->offer()->capabilities;
    } else {
      for (const StoredServer& stored : approved_->servers) {
        if (stored.identity == entry.identity()) json = stored.capabilities;
      }
    }
    auto document = parse_document(Untrusted<std::string>(std::move(json)), limits_.json);
    if (!document) continue;
    for (const Member& member : document->root().members()) all.insert(member.name);
    auto extensions = document->root().find("extensions");
    if (!extensions) continue;
    for (const Member& member : extensions->members()) {
      // Half an extension is worse than none.
      bool whole = member.name != skills_extension || declares(document->root(), skills_extension);
      if (whole) all.insert(member.name);
    }
    if (declares_directories(document->root())) all.emplace(skill_directories);
  }
  return all;
}

std::string Broker::capabilities_json(Revision revision) const {
  auto offered = [&](std::string_view name) { return capabilities_.contains(std::string(name)); };
  std::string json = R"({"tools":{"listChanged":true})";
  if (offered("prompts")) json += R"(,"prompts":{"listChanged":true})";
  if (offered("resources")) json += R"(,"resources":{"subscribe":true,"listChanged":true})";
  if (offered("logging")) json += R"(,"logging":{})";
  if (offered("completions") && revision >= Revision::r2025_03_26) json += R"(,"completions":{})";
  if (offered("tasks") && revision == Revision::r2025_11_25) {
    json += R"(,"tasks":{"list":{},"cancel":{},"requests":{"tools":{"call":{}}}})";
  }
  std::string extensions;
  for (std::string_view extension : {tasks_extension, apps_extension, skills_extension}) {
    bool fits = extension != tasks_extension || toolgate::is_modern(revision);
    if (!fits || !offered(extension)) continue;
    bool reads = extension == skills_extension && offered(skill_directories);
    extensions += (extensions.empty() ? "\"" : ",\"") + std::string(extension) +
                  (reads ? R"(":{"directoryRead":true})" : R"(":{})");
  }
  if (!extensions.empty()) json += R"(,"extensions":{)" + extensions + "}";
  return json + "}";
}

std::optional<std::string> Broker::instructions(const AgentName& agent) const {
  std::vector<const CatalogueItem*> parts;
  for (const CatalogueItem& item : catalogue_.items(ItemKind::instructions)) {
    if (item.is_listed(now_utc_ns()) && policy().sees(agent, item)) parts.push_back(&item);
  }
  if (parts.empty()) return std::nullopt;
  if (parts.size() == 1 && configuration_->servers.size() == 1) return parts[0]->listed->json();
  // JSON strings are put together by their insides: the pieces stay exactly what was inspected.
  std::string joined = "\"";
  for (const CatalogueItem* part : parts) {
    const std::string& json = part->listed->json();
    if (joined.size() > 1) joined += "\\n\\n";
    joined += "# " + part->server.text() + "\\n" + json.substr(1, json.size() - 2);
  }
  return joined + "\"";
}

void Broker::record(Record record) { records_.spawn(write(std::move(record))); }

Task<> Broker::write(Record record) {
  auto receipt = co_await audit_.write(std::move(record));
  if (!receipt) log_line(LogLevel::error, "audit.failed", {{"why", receipt.refusal().detail}});
}

void Broker::offered(Upstream& server) {
  rebuild();
  look_at(server);
  const ItemCounts& counts = catalogue_.counts(server.entry().name);
  if (counts.held + counts.fresh > 0) {
    log_line(LogLevel::warning, "server.waits_for_review",
             {{"server", server.name()},
              {"changed", std::to_string(counts.held)},
              {"new", std::to_string(counts.fresh)},
              {"remedy", "toolgate review " + server.name()}});
  }
}

// What nobody has approved of its offer is held from now on, in every process on the home.
void Broker::look_at(Upstream& server) {
  if (!approvals_known_ || upstream(server.entry().name).get() != &server) return;
  const ServerName& name = server.entry().name;
  auto looked = watch_.look(server.entry(), catalogue_.seen(name), now_utc_ns());
  if (looked.look_again) server.refresh_within(limits_.missing_ms);
  if (looked.holds_more) rebuild();
}

void Broker::unlisted(Upstream& server, const Refusal& why) {
  rebuild();
  Record held;
  held.kind = "server.held";
  held.server = server.name();
  held.decision = "deny";
  held.reason = "its lists could not be read " +
                std::to_string(server.entry().limits.list_failures) +
                " times in a row, and until they can be all of it is held: " + why.detail;
  held.policy = policy_digest_;
  record(std::move(held));
}

void Broker::record_question(const AgentCall& call, const Upstream& server,
                             const std::string& method) {
  Record question;
  question.kind = "server.question";
  question.agent = call.agent().text();
  question.session = call.session_id();
  question.server = server.name();
  question.method = method;
  question.decision = "allow";
  record(std::move(question));
}

Task<Status> Broker::record_subscription(const AgentName& agent, const std::string& session,
                                         const std::string& method,
                                         const SubscriptionFilter& granted) {
  Record subscription;
  subscription.kind = "subscription";
  subscription.agent = agent.text();
  subscription.session = session;
  subscription.method = method;
  subscription.decision = "allow";
  subscription.policy = policy_digest_;
  subscription.arguments = AuditLog::detail(configuration_->audit.arguments, granted.json());
  auto receipt = co_await audit_.write(std::move(subscription));
  if (!receipt) co_return receipt.refusal();
  co_return done();
}

void Broker::started(Upstream& server) {
  told_levels_.erase(server.entry().name);
  // What its sandbox was given now is what its arguments may name.
  if (upstream(server.entry().name).get() == &server) {
    argument_scopes_[server.entry().name] = std::make_unique<ArgumentScopes>(server.entry());
  }
  Record record_of_start;
  record_of_start.kind = "server.start";
  record_of_start.server = server.name();
  record_of_start.decision = "allow";
  if (!server.containment().is_as_asked()) {
    record_of_start.reason = std::string(reason_name(Reason::uncontained)) + ": " +
                             lesser_text(server.containment(), server.entry());
  }
  record(std::move(record_of_start));
  levels_changed();
  resubscribe(server);
}

void Broker::stopped(Upstream& server, const Refusal& why) {
  rebuild();
  Record exited;
  exited.kind = "server.exit";
  exited.server = server.name();
  exited.decision = "error";
  exited.reason = why.detail;
  if (why.reason == Reason::uncontained) {
    exited.reason = std::string(reason_name(why.reason)) + ": " + why.detail;
  }
  if (!stopping_) record(std::move(exited));
}

}  // namespace toolgate
