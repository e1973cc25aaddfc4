#include "gateway/broker/subscription.hpp"

#include "gateway/broker/broker.hpp"
#include "gateway/broker/listing.hpp"
#include "gateway/core/envelope.hpp"
#include "gateway/core/rewrite.hpp"

namespace toolgate {
namespace {

Refusal wrong(std::string_view member, std::string_view what) {
  return Refusal(Reason::invalid_params,
                 "'" + std::string(member) + "' must be " + std::string(what));
}

Result<bool> flag(const Value& filter, std::string_view name) {
  auto member = filter.find(name);
  if (!member) return false;
  if (!member->is_boolean()) return wrong(name, "true or false");
  return member->boolean();
}

Result<std::set<std::string>> texts(const Value& filter, std::string_view name, std::size_t most) {
  std::set<std::string> found;
  auto member = filter.find(name);
  if (!member) return found;
  if (!member->is_array()) return wrong(name, "an array of strings");
  for (auto one = member->first(); one; one = one->following(*member)) {
    if (!one->is_string()) return wrong(name, "an array of strings");
    found.insert(one->text());
  }
  if (found.size() > most) return Refusal(Reason::overloaded, "too many subscriptions");
  return found;
}

void append_flag(std::string& json, std::string_view name, bool set) {
  if (!set) return;
  if (json.size() > 1) json += ',';
  json.append("\"").append(name).append("\":true");
}

void append_texts(std::string& json, std::string_view name, const std::set<std::string>& texts) {
  if (texts.empty()) return;
  if (json.size() > 1) json += ',';
  json.append("\"").append(name).append("\":");
  std::string list = "[";
  for (const std::string& text : texts) list += (list.size() > 1 ? "," : "") + json_quote(text);
  json += list + "]";
}

}  // namespace

std::string SubscriptionFilter::json() const {
  std::set<std::string> uris;
  for (const auto& [server, uri] : watched) uris.insert(uri);
  std::string json = "{";
  append_flag(json, "toolsListChanged", tools);
  append_flag(json, "promptsListChanged", prompts);
  append_flag(json, "resourcesListChanged", resources);
  append_texts(json, "resourceSubscriptions", uris);
  append_texts(json, "taskIds", tasks);
  return json + "}";
}

Task<Result<SubscriptionFilter>> grant_subscription(const Broker& broker, const AgentName& agent,
                                                    const Message& request,
                                                    std::function<bool()> given_up) {
  auto wish = request.params()->find("notifications");
  if (!wish || !wish->is_object()) co_return wrong("notifications", "an object");
  const std::set<std::string>& offered = broker.capabilities();
  SubscriptionFilter granted;
  auto tools = flag(*wish, "toolsListChanged");
  if (!tools) co_return tools.refusal();
  granted.tools = *tools;
  auto prompts = flag(*wish, "promptsListChanged");
  if (!prompts) co_return prompts.refusal();
  granted.prompts = *prompts && offered.contains("prompts");
  auto resources = flag(*wish, "resourcesListChanged");
  if (!resources) co_return resources.refusal();
  granted.resources = *resources && offered.contains("resources");
  std::size_t watched = broker.watched_by(agent);
  std::size_t most = broker.limits().session.subscriptions;
  most = most > watched ? most - watched : 0;
  auto uris = texts(*wish, "resourceSubscriptions", most);
  if (!uris) co_return uris.refusal();
  auto give_up_at = std::chrono::steady_clock::now() + broker.limits().first_list_ms;
  for (const std::string& uri : *uris) {
    auto target = broker.calls().resolve_uri(agent, uri, Channel::resource);
    if (!target || !broker.calls().may_watch(*target, uri)) continue;
    Status up = co_await target->upstream->ready(
        [&] { return given_up() || std::chrono::steady_clock::now() > give_up_at; });
    if (up && broker.tells_updates(*target->upstream)) {
      granted.watched.emplace(target->upstream->entry().name, uri);
    }
  }
  auto tasks = texts(*wish, "taskIds", most);
  if (!tasks) co_return tasks.refusal();
  for (const std::string& id : *tasks) {
    const TaskEntry* task = broker.tasks().find(id);
    if (task && task->agent == agent) granted.tasks.insert(id);
  }
  co_return granted;
}

Subscription::Subscription(Broker& broker, AgentName agent, RequestId id, AgentStream& stream)
    : broker_(broker),
      agent_(std::move(agent)),
      id_(std::move(id)),
      stream_(stream),
      changed_(broker.executor()) {
  changed_.expires_at(asio::steady_timer::time_point::max());
}

Subscription::~Subscription() { broker_.unlisten(*this); }

Task<bool> Subscription::run(SubscriptionFilter granted) {
  if (over_) co_return !cancelled_;
  filter_ = std::move(granted);
  // Nothing goes out before the acknowledgement.
  stream_.send(InspectionGate::own(
      notification_text("notifications/subscriptions/acknowledged",
                        "{" + meta() + R"(,"notifications":)" + filter_.json() + "}")));
  broker_.listen(*this);
  while (!over_) {
    changed_.expires_at(asio::steady_timer::time_point::max());
    co_await changed_.async_wait(as_result);
  }
  broker_.unlisten(*this);
  co_return !cancelled_;
}

void Subscription::end() {
  over_ = true;
  changed_.cancel();
}

void Subscription::cancel() {
  cancelled_ = true;
  end();
}

std::string Subscription::meta() const {
  return R"("_meta":{")" + std::string(meta_subscription) + R"(":)" + id_.raw() + "}";
}

std::string Subscription::result() const { return R"({"resultType":"complete",)" + meta() + "}"; }

void Subscription::list_changed(ItemKind kind) {
  bool resources =
      kind == ItemKind::resource || kind == ItemKind::resource_template || kind == ItemKind::skill;
  bool wanted = (kind == ItemKind::tool && filter_.tools) ||
                (kind == ItemKind::prompt && filter_.prompts) || (resources && filter_.resources);
  if (!wanted || over_) return;
  stream_.send(
      InspectionGate::own(notification_text(list_changed_method(kind), "{" + meta() + "}")));
}

void Subscription::resource_updated(const Cleared& params) {
  send("notifications/resources/updated", params);
}

void Subscription::task_changed(const std::string& method, const std::string& visible_id,
                                const Cleared& params) {
  bool wanted = method == "notifications/tasks" && filter_.tasks.contains(visible_id);
  if (wanted) send(method, params);
}

void Subscription::send(const std::string& method, const Cleared& params) {
  if (over_) return;
  auto document = parse_document(Untrusted<std::string>(params.json()), broker_.limits().json);
  if (!document) return;
  Rewrite rewrite(document->text());
  rewrite.reshape(
      document->root(), [](const Value& member) { return member.is_named("_meta"); }, meta());
  stream_.send(InspectionGate::own(notification_text(method, std::move(rewrite).apply())));
}

}  // namespace toolgate
