#pragma once
// What a review found out about each thing that a server offers: whether somebody approved it, what
// changed since, of what class the change is, and what is suspicious about it.

#include <optional>
#include <string>
#include <vector>

#include "gateway/broker/approved.hpp"
#include "gateway/broker/difference.hpp"
#include "gateway/broker/name_findings.hpp"
#include "gateway/broker/offer.hpp"
#include "gateway/cli/seen_otherwise.hpp"
#include "gateway/config/configuration.hpp"
#include "gateway/core/finding.hpp"
#include "inspectors/gate.hpp"

namespace toolgate {

struct Reviewed {
  Definition definition;
  std::string exposed;
  std::string state;  // "approved", "new", "changed", "missing", "refused"
  std::string why;
  std::vector<Change> changes;
  // Of what waits for a decision: the riskiest of its changes, or `fresh`.
  std::optional<ChangeClass> change_class;
  std::vector<SeenOtherwise> seen;  // by gateways, since the last approval
  std::vector<Finding> findings;
  bool withheld = false;  // an inspector lets no agent see it
  // New, and the changes are those since an approval of the same thing of this server, when it had
  // another command, package or address.
  bool was_elsewhere = false;
  std::optional<Digest> pin;

  bool waits() const { return state == "new" || state == "changed"; }
};

// The name of its class, "" for what waits for nothing.
std::string class_text(const Reviewed& item);

// Everything that the server offers, in its order, then what was approved and is offered no more.
// `names`: of everything that is known of any server.
std::vector<Reviewed> review_offer(const ServerEntry& entry, const Offer& offer,
                                   const Approved& approved, const OpenSightings& open,
                                   const InspectionGate& gate, const std::vector<NamedItem>& names);

}  // namespace toolgate
