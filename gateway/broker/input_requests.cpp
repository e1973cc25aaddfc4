#include "gateway/broker/input_requests.hpp"

namespace toolgate {
namespace {

constexpr std::size_t most_requests = 64;  // in one result

Refusal bad(std::string text) { return Refusal(Reason::bad_answer, std::move(text)); }

bool is_known(const Value& method) {
  return method.equals("elicitation/create") || method.equals("sampling/createMessage") ||
         method.equals("roots/list");
}

}  // namespace

Result<ResultType> result_type(const Value& result) {
  auto type = result.find("resultType");
  if (!type || type->equals("complete")) return ResultType::complete;
  if (type->equals("input_required")) return ResultType::input_required;
  if (type->equals("task")) return ResultType::task;
  return bad("its result is of a type that is not known here");
}

Result<InputRequests> parse_input_requests(const Value& result) {
  InputRequests found;
  if (auto state = result.find("requestState")) {
    if (!state->is_string()) return bad("its requestState is no string");
    found.state = state->text();
  }
  auto requests = result.find("inputRequests");
  if (requests && !requests->is_object()) return bad("its inputRequests are no object");
  if (requests && requests->size() > most_requests) {
    return bad("it asks for more than " + std::to_string(most_requests) + " things at once");
  }
  if (requests) {
    for (auto one = requests->first(); one; one = one->following(*requests)) {
      auto method = one->find("method");
      auto params = one->find("params");
      if (!method || !is_known(*method) || (params && !params->is_object())) {
        return bad("it asks for something that no client is asked for");
      }
      found.requests.push_back(InputRequest{one->name(), method->text(), params});
    }
  }
  if (found.requests.empty() && !found.state) {
    return bad("it needs input and says neither what nor how to go on");
  }
  return found;
}

Result<InputResponses> parse_input_responses(const Value& params) {
  InputResponses found;
  auto responses = params.find("inputResponses");
  if (!responses) return found;
  Refusal wrong(Reason::invalid_params, "'inputResponses' must be an object of objects");
  if (!responses->is_object()) return wrong;
  for (auto one = responses->first(); one; one = one->following(*responses)) {
    if (!one->is_object()) return wrong;
    if (one->find("roots")) {
      return Refusal(Reason::invalid_params, "roots are the gateway's to answer, not a client's");
    }
    found.emplace(one->name(), std::string(one->raw()));
  }
  return found;
}

std::string input_responses_json(const InputResponses& responses) {
  std::string json = "{";
  for (const auto& [key, answer] : responses) {
    if (json.size() > 1) json += ',';
    json += json_quote(key) + ":" + answer;
  }
  return json + "}";
}

}  // namespace toolgate
