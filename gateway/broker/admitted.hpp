#pragma once
// The proof that a call may be forwarded: its definition is verified against a signed approval, the
// paths in its arguments are within the file scopes, a rule permits it, and its intent is durable
// in the log. A call without all four does not compile.

#include <string>
#include <utility>

#include "gateway/broker/policy.hpp"
#include "gateway/core/names.hpp"
#include "gateway/core/server_link.hpp"
#include "gateway/scopes/argument_scopes.hpp"
#include "gateway/store/audit.hpp"
#include "signing/pins.hpp"

namespace toolgate {

// What an agent asks for, resolved to one item of one server. `params` is what the server gets.
struct ToolCall {
  AgentName agent;
  std::string session;
  std::string method;
  ServerName server;
  std::string item;    // as the server calls it
  std::string params;  // JSON text
  Carriage carriage;
};

class Admitted {
 public:
  const ToolCall& call() const { return call_; }
  const Verified<Definition>& definition() const { return definition_; }
  const Permit& permit() const { return permit_; }
  const Receipt& receipt() const { return receipt_; }

 private:
  friend class CallPath;
  Admitted(ToolCall call, Verified<Definition> definition, Confined, Permit permit, Receipt receipt)
      : call_(std::move(call)),
        definition_(std::move(definition)),
        permit_(std::move(permit)),
        receipt_(std::move(receipt)) {}
  ToolCall call_;
  Verified<Definition> definition_;
  Permit permit_;
  Receipt receipt_;
};

}  // namespace toolgate
