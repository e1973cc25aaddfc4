#include "gateway/broker/doorkeeper.hpp"

#include "gateway/core/log.hpp"
#include "signing/keys.hpp"

namespace toolgate {
namespace {

constexpr std::size_t most_known = 10'000;
constexpr std::chrono::seconds record_every{1};  // refused attempts in between are counted

}  // namespace

Result<AgentName> StoreDoorkeeper::agent_for(std::string_view bearer_token) {
  std::string hash = token_hash(bearer_token);
  auto known = known_.find(hash);
  if (known != known_.end()) return known->second;
  auto agent = store_.agent_by_token_hash(hash);
  if (!agent) return agent.refusal();
  if (!*agent) return Refusal(Reason::unauthenticated, "this bearer token belongs to no agent");
  if (known_.size() >= most_known) known_.clear();
  known_.emplace(std::move(hash), **agent);
  return **agent;
}

bool StoreDoorkeeper::accepts_local_user() {
  if (!accepts_local_) {
    auto agents = store_.agents();
    // A store that cannot be read says nothing about agents: nobody gets in without a token.
    accepts_local_ = agents && agents->empty() && broker_.configuration().agents.empty();
  }
  return *accepts_local_;
}

void StoreDoorkeeper::refused(std::string_view transport, const Refusal& why) {
  auto now = std::chrono::steady_clock::now();
  if (now < next_record_) {
    ++unrecorded_;
    return;
  }
  next_record_ = now + record_every;
  std::string count = std::to_string(std::exchange(unrecorded_, 0) + 1);
  log_line(LogLevel::warning, "door.refused",
           {{"transport", std::string(transport)}, {"why", why.detail}, {"attempts", count}});
  Record record;
  record.kind = "refusal";
  record.decision = "deny";
  record.method = transport;
  record.reason = std::string(reason_name(why.reason)) + ": " + why.detail + " (" + count +
                  " since the last record)";
  broker_.record(std::move(record));
}

void StoreDoorkeeper::forget() {
  known_.clear();
  accepts_local_.reset();
}

}  // namespace toolgate
