#pragma once
// What `review` says of an item beyond what the server offers right now: what gateways saw of it
// since the last approval (gateway/store/sightings.hpp). Who approves has to have seen it.

#include <string>
#include <vector>

#include "gateway/broker/difference.hpp"
#include "gateway/store/sightings.hpp"

namespace toolgate {

struct SeenOtherwise {
  Sighting sighting;
  std::vector<Change> changes;  // from what is offered now to what was seen, where that was kept
};

// Of this definition, those that show another one, and those of the whole server, oldest first.
// Empty: it is as it was approved, as far as any gateway knows.
std::vector<SeenOtherwise> seen_otherwise(const OpenSightings& open, const ServerIdentity& server,
                                          const Definition& definition, const std::string& pin);

// For people, without changes: "it was seen with another definition at ... (record ...)".
std::string seen_text(const std::vector<SeenOtherwise>& seen);
// A JSON array: {"why","time","pin","record","changes"}.
std::string seen_json(const std::vector<SeenOtherwise>& seen);

// The rows that a review of this server has shown.
std::vector<std::int64_t> shown_rows(const OpenSightings& open, const ServerIdentity& server);

}  // namespace toolgate
