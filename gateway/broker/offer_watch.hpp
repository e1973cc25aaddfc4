#pragma once
// What servers offer, watched for whatever nobody has approved: the broker's side of
// gateway/store/sightings.hpp. It knows what any gateway on the home saw, writes down what this one
// sees, and keeps what could not be written yet: that holds in this process all the same.

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gateway/broker/approved.hpp"
#include "gateway/config/configuration.hpp"
#include "gateway/core/limits.hpp"
#include "gateway/store/sightings.hpp"

namespace toolgate {

class OfferWatch {
 public:
  // The book outlives the watch.
  explicit OfferWatch(SightingBook& book, const Limits& limits) : book_(book), limits_(limits) {}

  // These approvals and sightings are in force from now on. What was seen before, could not be
  // written, and has not been approved since stays.
  void follow(const Approved& approved);

  struct Looked {
    bool holds_more = false;  // than before
    bool look_again = false;  // something is missing that may come yet: within missing_ms
  };
  // A server offers this now; `seen` is what of it nobody has approved.
  Looked look(const ServerEntry& entry, std::vector<Seen> seen, std::int64_t now_ns);

  // Both hold.
  const OpenSightings& open() const { return open_; }
  const OpenSightings& unwritten() const { return unwritten_; }

 private:
  using Place = std::pair<ItemKind, std::string>;
  bool wait_for_missing(const ServerIdentity& server, std::vector<Seen>& seen, std::int64_t now_ns);
  void hold_waiting(std::int64_t now_ns);

  SightingBook& book_;
  const Limits& limits_;
  OpenSightings open_;
  OpenSightings unwritten_;
  std::int64_t version_ = 0;                             // of the store, when open_ was read
  std::map<ServerIdentity, std::vector<Seen>> waiting_;  // what is in unwritten_
  std::map<ServerIdentity, std::map<Place, std::int64_t>> missing_since_;
};

}  // namespace toolgate
