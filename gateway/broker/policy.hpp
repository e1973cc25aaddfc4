#pragma once
// What the configuration allows an agent: which servers and tools it sees, which calls are denied.
// A Permit is the proof that a rule allowed the call; only Policy makes one.

#include <string>

#include "gateway/broker/catalogue.hpp"
#include "gateway/config/configuration.hpp"
#include "gateway/core/names.hpp"
#include "gateway/core/result.hpp"

namespace toolgate {

class Permit {
 public:
  const std::string& rule() const { return rule_; }

 private:
  friend class Policy;
  explicit Permit(std::string rule) : rule_(std::move(rule)) {}
  std::string rule_;
};

class Policy {
 public:
  // `configuration` must outlive the policy.
  explicit Policy(const Configuration& configuration) : configuration_(configuration) {}

  // Does this agent see the item in a list?
  bool sees(const AgentName& agent, const CatalogueItem& item) const;
  Result<Permit> decide(const AgentName& agent, const CatalogueItem& item) const;

 private:
  const Configuration& configuration_;
};

}  // namespace toolgate
