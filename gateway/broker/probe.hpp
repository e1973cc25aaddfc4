#pragma once
// Starting or contacting servers once, to read what they offer: for `review`. Nothing of what they
// say reaches an agent.

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/broker/offer.hpp"
#include "gateway/config/configuration.hpp"
#include "gateway/core/result.hpp"
#include "gateway/core/task.hpp"

namespace toolgate {

struct Probed {
  ServerEntry entry;
  Result<Offer> offer;
  std::string last_words = {};  // Upstream::last_words(), of one that failed
};

// What a probe may do to files in a sandbox: nothing, or what the entry says (but not in staged
// scopes).
enum class ProbeFiles { read_only, as_configured };

// All at the same time; each has its own start_ms. Blocking: runs its own event loop.
std::vector<Probed> probe_servers(std::vector<ServerEntry> entries, ProbeFiles files);

}  // namespace toolgate
