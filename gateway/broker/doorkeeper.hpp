#pragma once
// Who may call: bearer tokens from the store, and the gateway's own user as long as no agent was
// added.

#include <chrono>
#include <map>
#include <string>

#include "gateway/broker/broker.hpp"
#include "gateway/core/agent.hpp"
#include "gateway/store/store.hpp"

namespace toolgate {

class StoreDoorkeeper : public Doorkeeper {
 public:
  // The references outlive the doorkeeper.
  StoreDoorkeeper(Store& store, Broker& broker) : store_(store), broker_(broker) {}

  Result<AgentName> agent_for(std::string_view bearer_token) override;
  bool accepts_local_user() override;
  void refused(std::string_view transport, const Refusal& why) override;

  // The store changed: agents may have been added or removed.
  void forget();

 private:
  Store& store_;
  Broker& broker_;
  std::map<std::string, AgentName> known_;  // by token hash
  std::optional<bool> accepts_local_;
  std::chrono::steady_clock::time_point next_record_;
  std::size_t unrecorded_ = 0;
};

}  // namespace toolgate
