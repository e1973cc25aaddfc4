// Which era of MCP a server speaks, and what the broker says to begin with in each.

#include <boost/asio/steady_timer.hpp>
#include <random>

#include "gateway/broker/upstream.hpp"
#include "gateway/core/envelope.hpp"
#include "gateway/core/log.hpp"
#include "gateway/core/mirror.hpp"

namespace toolgate {
namespace {

constexpr Milliseconds probe_ms{10'000};  // to be up, and to answer: a legacy server may never do
constexpr Milliseconds listen_ms{std::chrono::hours(24 * 365)};
constexpr Milliseconds first_listen_pause{1'000};
constexpr unsigned most_listen_doublings = 6;

std::string initialize_params() {
  return R"({"protocolVersion":")" + std::string(revision_text(latest_legacy_revision)) +
         R"(","capabilities":)" + fixed_capabilities().json() +
         R"(,"clientInfo":{"name":"toolgate","version":")" TOOLGATE_VERSION R"("}})";
}

std::int64_t error_code(const Reply& reply) {
  auto code = reply.message.body().find("code");
  return code ? code->integer().value_or(0) : 0;
}

// Errors that the modern era alone has: whoever answers so speaks it.
bool is_modern_error(std::int64_t code) { return code <= -32020 && code >= -32022; }

bool lists_our_revision(const Value& versions) {
  if (!versions.is_array()) return false;
  for (auto one = versions.first(); one; one = one->following(versions)) {
    if (one->equals(revision_text(latest_revision))) return true;
  }
  return false;
}

// An error about the revision that lists the very one that was asked for.
bool names_our_revision(const Reply& reply) {
  if (!reply.is_error() || error_code(reply) != json_rpc_code(Reason::unsupported_revision)) {
    return false;
  }
  auto data = reply.message.body().find("data");
  auto supported = data ? data->find("supported") : std::nullopt;
  return supported && lists_our_revision(*supported);
}

void add_instructions(const Value& result, Offer& offer) {
  auto instructions = result.find("instructions");
  if (!instructions || !instructions->is_string()) return;
  if (instructions->size() + 2 >= instructions->raw().size()) return;
  offer.items.push_back(Definition{ItemKind::instructions, "", std::string(instructions->raw())});
}

bool chance() {
  static thread_local std::minstd_rand random{std::random_device{}()};
  return std::bernoulli_distribution()(random);
}

std::string json_array(const std::set<std::string>& texts) {
  std::string json = "[";
  for (const std::string& text : texts) {
    if (json.size() > 1) json += ',';
    append_json_quote(json, text);
  }
  return json + "]";
}

}  // namespace

// The modern era first. Over stdio a program is asked once: it does not change its era.
Task<Status> Upstream::meet(Offer& offer, Transport transport) {
  bool probes = transport != Transport::sse && !(expects_legacy_ && transport == Transport::stdio);
  if (probes) {
    auto modern = co_await discover(offer);
    if (!modern) co_return modern.refusal();
    if (*modern) co_return done();
    if (gone_ && transport == Transport::stdio) {
      // It did not survive the question.
      expects_legacy_ = true;
      co_await end_link();
      co_return co_await connect(transport, offer);
    }
  }
  Status status = co_await handshake(offer);
  expects_legacy_ = static_cast<bool>(status);
  co_return status;
}

// Behind one address may stand several replicas that take turns, and what is asked in one reading
// always in the same order would always meet the same of them. Now and then one more question lets
// the turns move on; its answer counts like any other.
Task<Status> Upstream::glimpse() {
  auto reply = co_await ask("server/discover", own_params(""), start_time_left(),
                            carriage("server/discover", ""));
  if (!reply) co_return reply.refusal();
  Offer seen;
  Status status = discovered(*reply, seen);
  if (!status) co_return status.refusal();
  std::vector<Definition> former;
  for (const Definition& item : offer_->items) {
    if (is_unlisted(item.kind)) former.push_back(item);
  }
  if (seen.items == former) co_return done();
  for (Definition& item : offer_->items) {
    if (!is_unlisted(item.kind)) seen.items.push_back(std::move(item));
  }
  offer_->items = std::move(seen.items);
  events_.offered(*this);
  co_return done();
}

// A modern server says what it is as often as it is asked, and its lists may have changed with it.
Task<Status> Upstream::read_anew() {
  if (!is_modern()) co_return co_await list_all(*offer_);
  bool once_more = entry_.transport != Transport::stdio && chance();
  if (once_more) {
    Status glimpsed = co_await glimpse();
    if (!glimpsed) co_return glimpsed.refusal();
  }
  auto reply = co_await ask("server/discover", own_params(""), start_time_left(),
                            carriage("server/discover", ""));
  if (!reply) co_return reply.refusal();
  Offer fresh;
  Status status = discovered(*reply, fresh);
  if (status) status = co_await list_all(fresh);
  if (status) offer_ = std::move(fresh);
  co_return status;
}

// Whether the server speaks the modern era; a refusal when it does, but not with us.
Task<Result<bool>> Upstream::discover(Offer& offer) {
  revision_ = latest_revision;  // for carriage()
  Milliseconds limit = std::min(probe_ms, start_time_left() / 2);
  auto reply =
      co_await ask("server/discover", own_params(""), limit, carriage("server/discover", ""));
  if (reply && names_our_revision(*reply)) {
    // It did not want this request, but says that it would want one just like it.
    reply = co_await ask("server/discover", own_params(""), limit, carriage("server/discover", ""));
  }
  if (!reply) {
    revision_.reset();
    if (stopping_ || (gone_ && entry_.transport != Transport::stdio)) co_return reply.refusal();
    // A server of the legacy era may make anything of the question; `initialize` tells whether it
    // is there at all.
    co_return false;
  }
  if (reply->is_error() && !is_modern_error(error_code(*reply))) {
    revision_.reset();
    co_return false;
  }
  if (!reply->is_error() && !reply->message.body().find("supportedVersions")) {
    revision_.reset();
    co_return false;
  }
  Status status = discovered(*reply, offer);
  if (!status) revision_.reset();
  if (!status) co_return status.refusal();
  co_return true;
}

Status Upstream::discovered(const Reply& reply, Offer& offer) {
  Value result = reply.message.body();
  auto versions = result.find("supportedVersions");
  if (reply.is_error() || !versions || !lists_our_revision(*versions)) {
    return Refusal(Reason::bad_answer, "'" + name() +
                                           "' speaks a revision of MCP that this broker "
                                           "does not know");
  }
  auto capabilities = result.find("capabilities");
  if (!capabilities || !capabilities->is_object()) {
    return Refusal(Reason::bad_answer,
                   "'" + name() + "' answered server/discover without capabilities");
  }
  offer.revision = latest_revision;
  offer.capabilities = capabilities->raw();
  offer.items.push_back(capabilities_definition(offer.capabilities));
  auto meta = result.find("_meta");
  auto info = meta ? meta->find(meta_server) : std::nullopt;
  if (info && info->is_object()) offer.server_info = info->raw();
  add_instructions(result, offer);
  return done();
}

Task<Status> Upstream::handshake(Offer& offer) {
  auto reply = co_await ask("initialize", initialize_params());
  if (!reply) co_return reply.refusal();
  Status status = agreed(*reply, offer);
  if (!status) co_return status.refusal();
  revision_ = offer.revision;
  link_->negotiated(offer.revision);
  notify("notifications/initialized", "{}");
  co_return done();
}

Status Upstream::agreed(const Reply& reply, Offer& offer) {
  if (reply.is_error()) {
    return Refusal(Reason::bad_answer, "'" + name() + "' refused initialize");
  }
  Value result = reply.message.body();
  auto version = result.find("protocolVersion");
  auto revision =
      version && version->is_string() ? legacy_revision_from(version->text()) : std::nullopt;
  if (!revision) {
    return Refusal(Reason::bad_answer, "'" + name() +
                                           "' speaks a revision of MCP that this broker "
                                           "does not know");
  }
  offer.revision = *revision;
  auto capabilities = result.find("capabilities");
  if (!capabilities || !capabilities->is_object()) {
    return Refusal(Reason::bad_answer, "'" + name() + "' answered initialize without capabilities");
  }
  offer.capabilities = capabilities->raw();
  offer.items.push_back(capabilities_definition(offer.capabilities));
  auto info = result.find("serverInfo");
  if (info && info->is_object()) offer.server_info = info->raw();
  add_instructions(result, offer);
  return done();
}

std::string Upstream::own_params(std::string members) const {
  if (!is_modern()) return "{" + members + "}";
  std::string params = R"({"_meta":{)" + envelope_members(fixed_capabilities()) + "}";
  if (!members.empty()) params += "," + members;
  return params + "}";
}

Carriage Upstream::carriage(std::string_view method, std::string_view name) const {
  Carriage carriage;
  if (!is_modern()) return carriage;
  carriage.stateless = true;
  carriage.headers.push_back({"MCP-Protocol-Version", std::string(revision_text(*revision_))});
  carriage.headers.push_back({"Mcp-Method", std::string(method)});
  if (!name.empty()) carriage.headers.push_back({"Mcp-Name", encode_header_value(name)});
  return carriage;
}

// A client over HTTP must not use a tool whose header annotations break the rules.
Status Upstream::may_be_offered(const ListMethod& method, const Value& item) const {
  if (!is_modern() || entry_.transport == Transport::stdio || method.kind != ItemKind::tool) {
    return done();
  }
  if (item.raw().find("x-mcp-header") == std::string_view::npos) return done();
  auto schema = item.find("inputSchema");
  if (!schema) return done();
  auto mirrored = mirrored_arguments(*schema);
  if (mirrored) return done();
  log_line(LogLevel::warning, "server.tool_refused",
           {{"server", name()}, {"why", mirrored.refusal().detail}});
  return mirrored.refusal();
}

void Upstream::watch(std::set<std::string> resources, std::set<std::string> tasks) {
  if (resources == watched_resources_ && tasks == watched_tasks_) return;
  watched_resources_ = std::move(resources);
  watched_tasks_ = std::move(tasks);
  if (state_ == State::ready) listen_anew();
}

bool Upstream::listens_for_changes() const {
  return !watched_resources_.empty() || !watched_tasks_.empty() ||
         offer_->capabilities.find("\"listChanged\"") != std::string::npos;
}

// A subscription with what is wanted now. The former one ends when the new one is acknowledged, so
// that nothing is missed in between.
void Upstream::listen_anew() {
  if (!is_modern() || !offer_ || !link_ || gone_) return;
  const std::set<BrokerId> open = listens_;
  bool wanted = listens_for_changes();
  for (BrokerId id : open) {
    // The newest one lasts until its successor is there; a server that never says so has two at
    // most.
    bool last = wanted && id == *open.rbegin();
    if (!last) cancel(id, Refusal(Reason::cancelled, "the subscription was replaced"));
  }
  if (!wanted) return;
  BrokerId id = next_id();
  listens_.insert(id);
  tasks_.spawn(listen(id));
}

Task<> Upstream::listen(BrokerId id) {
  std::string filter =
      R"("toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":true)";
  if (!watched_resources_.empty()) {
    filter += R"(,"resourceSubscriptions":)" + json_array(watched_resources_);
  }
  ClientCapabilities capabilities = fixed_capabilities();
  if (!watched_tasks_.empty()) {
    filter += R"(,"taskIds":)" + json_array(watched_tasks_);
    capabilities.tasks = true;
  }
  std::string params =
      R"({"_meta":{)" + envelope_members(capabilities) + R"(},"notifications":{)" + filter + "}}";
  Carriage how = carriage("subscriptions/listen", "");
  how.long_lived = true;
  auto started = std::chrono::steady_clock::now();
  auto reply = co_await exchange(id, "subscriptions/listen", std::move(params), listen_ms, nullptr,
                                 std::move(how));
  listens_.erase(id);
  bool replaced = !listens_.empty();
  if (gone_ || stopping_ || !link_ || replaced) co_return;
  if (reply && reply->is_error()) {
    log_line(LogLevel::info, "server.does_not_listen",
             {{"server", name()}, {"code", std::to_string(error_code(*reply))}});
    co_return;  // the timer that reads the lists anew remains
  }
  // What changed while nobody listened is found by reading the lists.
  bool lasted = std::chrono::steady_clock::now() - started > first_listen_pause * 10;
  listen_failures_ = lasted ? 0 : std::min(listen_failures_ + 1, most_listen_doublings);
  asio::steady_timer pause(executor_, first_listen_pause * (1U << listen_failures_) / 2);
  co_await pause.async_wait(as_result);
  if (gone_ || stopping_ || !link_ || !listens_.empty()) co_return;
  listen_anew();
  refresh();
}

}  // namespace toolgate
