// tasks/list over several servers: each agent sees the tasks that its own calls made.

#include "gateway/broker/broker.hpp"
#include "gateway/broker/call_path.hpp"

namespace toolgate {
namespace {

constexpr std::size_t most_pages = 20;  // of one server

}  // namespace

Task<std::optional<Inspected>> CallPath::list_tasks(Session& session, const Message& message,
                                                    AgentStream& related) {
  SessionCall call(session, message, related);
  std::string all;
  for (const auto& [name, upstream] : std::map(broker_.upstreams())) {
    const Offer* offer = upstream->offer();
    bool has_tasks = upstream->state() == Upstream::State::ready && offer &&
                     offer->capabilities.find("\"tasks\"") != std::string::npos;
    std::string params = "{}";
    for (std::size_t page = 0; has_tasks && page < most_pages; ++page) {
      BrokerId id = upstream->next_id();
      call.sent(upstream, id);
      auto reply = co_await upstream->request(id, "tasks/list", params,
                                              upstream->entry().limits.call_ms, &call);
      if (call.cancelled()) co_return std::nullopt;
      if (!reply || reply->is_error()) break;
      Value result = reply->message.body();
      auto own = broker_.tasks().to_agent(result, name, session.agent());
      if (!own) break;
      JsonLimits limits;
      limits.bytes = own->size();
      auto document = parse_document(Untrusted<std::string>(std::move(*own)), limits);
      auto tasks = document ? document->root().find("tasks") : std::nullopt;
      if (!tasks) break;
      Inspection inspection = broker_.gate().inspect(Channel::task, *tasks);
      if (inspection.cleared) {
        const std::string& json = inspection.cleared->json();
        std::string inside = json.substr(1, json.size() - 2);
        if (!inside.empty()) all += (all.empty() ? "" : ",") + inside;
      }
      auto cursor = result.find("nextCursor");
      if (!cursor || !cursor->is_string()) break;
      params = R"({"cursor":)" + std::string(cursor->raw()) + "}";
    }
  }
  co_return InspectionGate::own(result_text(message.id().raw(), R"({"tasks":[)" + all + "]}"));
}

}  // namespace toolgate
