#pragma once
// What a request of an agent's ends with, before it is known to which message it is the answer: a
// call that stopped for a question is answered under the id of the request that brought the reply.

#include <optional>
#include <string>

#include "gateway/core/message.hpp"
#include "gateway/core/revision.hpp"
#include "inspectors/gate.hpp"

namespace toolgate {

class Answer {
 public:
  // A server's result or error, as far as it passed inspection. `added`: members of the broker's
  // own for the result, as JSON without braces.
  static Answer result(Cleared result, std::string added = "");
  static Answer error(Cleared error, std::int64_t code);
  // The broker's own result (JSON), and its refusals. `data`: see error_text().
  static Answer own(std::string result);
  static Answer refusal(Refusal why, std::string record = "", std::string data = "");

  // The message, in the form of the agent's era.
  Inspected message(const RequestId& id, Revision revision) &&;
  // What the revision 2026-07-28 wants beside it over HTTP: 200, 400 or 404.
  unsigned http_status() const;

 private:
  Answer() = default;
  std::optional<Cleared> cleared_;
  bool is_error_ = false;
  std::int64_t code_ = 0;  // of an error
  std::string own_;        // a result, or what is added to one
  std::optional<Refusal> refusal_;
  std::string record_;
  std::string data_;
};

// Codes whose HTTP status is not 200: of the protocol's own checks, and of unknown methods.
unsigned http_status_for(std::int64_t code);

}  // namespace toolgate
