#include "gateway/broker/request_state.hpp"

#include "signing/canonical.hpp"
#include "signing/digest.hpp"

namespace toolgate {
namespace {

constexpr std::int64_t version = 1;

std::string salient(const std::optional<Value>& arguments) {
  if (!arguments) return "";
  auto canonical = canonical_json(*arguments);
  return canonical ? *canonical : std::string(arguments->raw());
}

Refusal not_ours() {
  return Refusal(Reason::invalid_params,
                 "this requestState is not one of this gateway's for this request");
}

Result<RequestState> parse(const std::string& text) {
  auto document = parse_document(Untrusted<std::string>(text), JsonLimits());
  if (!document) return not_ours();
  Value root = document->root();
  auto expires = root.find("expires");
  auto number = root.find("v");
  auto own = root.find("own");
  if (!expires || !expires->integer() || !number || number->integer() != version || !own) {
    return not_ours();
  }
  RequestState state;
  state.expires_ns = *expires->integer();
  if (auto parked = root.find("parked")) state.parked = parked->text();
  if (auto server = root.find("server")) state.server = server->text();
  if (auto given = root.find("state")) state.server_state = given->text();
  for (auto one = own->first(); one; one = one->following(*own)) {
    state.own_answers.emplace(one->name(), std::string(one->raw()));
  }
  return state;
}

}  // namespace

std::string request_binding(const AgentName& agent, const Message& request) {
  std::string bound = agent.text() + '\n' + request.method();
  auto params = request.params();
  for (std::string_view member : {"name", "uri"}) {
    auto value = params ? params->find(member) : std::nullopt;
    bound += '\n';
    if (value && value->is_string()) bound += json_quote(value->text());
  }
  bound += '\n' + salient(params ? params->find("arguments") : std::nullopt);
  return digest("request state", bound).text();
}

Result<std::string> seal_request_state(const StateSeal& seal, const RequestState& state,
                                       const std::string& binding) {
  std::string text = R"({"v":)" + std::to_string(version) + R"(,"expires":)" +
                     std::to_string(state.expires_ns) + R"(,"own":)" +
                     input_responses_json(state.own_answers);
  if (!state.parked.empty()) text += R"(,"parked":)" + json_quote(state.parked);
  if (!state.server.empty()) text += R"(,"server":)" + json_quote(state.server);
  if (state.server_state) text += R"(,"state":)" + json_quote(*state.server_state);
  return seal.seal(text + "}", binding);
}

Result<RequestState> open_request_state(const StateSeal& seal, const std::string& sealed,
                                        const std::string& binding, std::int64_t now_ns) {
  auto text = seal.open(sealed, binding);
  if (!text) return text.refusal();
  auto state = parse(*text);
  if (state && state->expires_ns <= now_ns) {
    return Refusal(Reason::invalid_params,
                   "this requestState has expired: make the request again, without it");
  }
  return state;
}

}  // namespace toolgate
