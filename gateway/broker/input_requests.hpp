#pragma once
// Multi round-trip requests (MCP 2026-07-28, "Multi Round-Trip Requests"): a server of the modern
// era that needs something from the client ends the request with questions, and is asked again with
// the answers. Reading and writing of what travels for that; no I/O.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/core/document.hpp"
#include "gateway/core/result.hpp"

namespace toolgate {

// Only these may end with questions.
inline bool may_need_input(std::string_view method) {
  return method == "tools/call" || method == "prompts/get" || method == "resources/read";
}

// What kind of result a modern server's result says it is; absent means complete.
enum class ResultType { complete, input_required, task };
// Refuses with `bad_answer` a type that the broker does not know.
Result<ResultType> result_type(const Value& result);

// One of the questions of an input_required result. `params` is empty where there are none.
struct InputRequest {
  std::string key;
  std::string method;
  std::optional<Value> params;
};
struct InputRequests {
  std::vector<InputRequest> requests;
  std::optional<std::string> state;  // the server's requestState; must be given back as it came
};
// Refuses with `bad_answer` what has neither questions nor a state, or asks for something that is
// none of elicitation/create, sampling/createMessage and roots/list. The values live as long as the
// result's document.
Result<InputRequests> parse_input_requests(const Value& result);

// Answers to questions, by key: each a JSON object, exactly as it came.
using InputResponses = std::map<std::string, std::string>;
// Of a retry's params, or of tasks/update: none when there is no inputResponses. Refuses with
// `invalid_params` what is no object of objects, and answers that only the broker gives: roots.
Result<InputResponses> parse_input_responses(const Value& params);
// {"key": answer, …}
std::string input_responses_json(const InputResponses& responses);

}  // namespace toolgate
