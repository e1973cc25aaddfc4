#include "gateway/broker/agent_call.hpp"

namespace toolgate {

AgentCall::AgentCall(const Message& request, AgentStream& related) : related_(&related) {
  relate(related, request);
}

void AgentCall::relate(AgentStream& stream, const Message& request) {
  related_ = &stream;
  progress_token_.clear();
  auto params = request.params();
  auto meta = params ? params->find("_meta") : std::nullopt;
  auto token = meta ? meta->find("progressToken") : std::nullopt;
  if (token && (token->is_string() || token->is_number())) progress_token_ = token->raw();
}

void AgentCall::sent(std::shared_ptr<Upstream> upstream, BrokerId id) {
  upstream_ = std::move(upstream);
  id_ = id;
}

void AgentCall::cancel(std::string why) {
  cancelled_ = true;
  if (upstream_) upstream_->cancel(id_, Refusal(Reason::cancelled, std::move(why)));
}

}  // namespace toolgate
