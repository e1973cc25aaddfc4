#include "gateway/broker/offer_watch.hpp"

#include <algorithm>

#include "gateway/core/clock.hpp"
#include "gateway/core/log.hpp"

namespace toolgate {

void OfferWatch::follow(const Approved& approved) {
  open_ = approved.sightings;
  version_ = approved.version;
  for (auto& [identity, waiting] : waiting_) {
    std::erase_if(waiting, [&, server = identity](const Seen& one) {
      auto pin = approved.book.approved_pin(server, one.kind, one.key);
      return (pin && pin->text() == one.pin) || open_.has(server, one);
    });
  }
  std::erase_if(waiting_, [](const auto& one) { return one.second.empty(); });
  hold_waiting(now_utc_ns());
}

OfferWatch::Looked OfferWatch::look(const ServerEntry& entry, std::vector<Seen> seen,
                                    std::int64_t now_ns) {
  const ServerIdentity identity = entry.identity();
  Looked looked;
  looked.look_again = wait_for_missing(identity, seen, now_ns);
  auto earlier = waiting_.find(identity);
  if (earlier != waiting_.end()) {
    seen.insert(seen.begin(), earlier->second.begin(), earlier->second.end());
    waiting_.erase(earlier);
  }
  std::erase_if(seen, [&](const Seen& one) {
    return open_.has(identity, one) || open_.is_full(identity, one);
  });
  if (seen.empty()) return looked;
  const std::size_t before = open_.size() + unwritten_.size();
  auto noted = book_.note(entry.name.text(), identity, seen, version_);
  if (noted && *noted) {
    open_ = std::move((*noted)->open);
    version_ = (*noted)->version;
  } else {
    // Either the approvals changed meanwhile, and are about to be read, or the store is out of
    // order.
    if (!noted) {
      log_line(LogLevel::error, "sightings.not_written",
               {{"server", entry.name.text()}, {"why", noted.refusal().detail}});
    }
    waiting_.insert_or_assign(identity, std::move(seen));
  }
  hold_waiting(now_ns);
  looked.holds_more = open_.size() + unwritten_.size() != before;
  return looked;
}

// Leaves out what has not been missing for long. Is there such?
bool OfferWatch::wait_for_missing(const ServerIdentity& server, std::vector<Seen>& seen,
                                  std::int64_t now_ns) {
  const std::int64_t grace_ns = limits_.missing_ms.count() * 1'000'000;
  std::map<Place, std::int64_t> since;
  const auto& known = missing_since_[server];
  bool waits = false;
  std::erase_if(seen, [&](const Seen& one) {
    if (one.why != SightingWhy::missing) return false;
    const Place place(one.kind, one.key);
    auto first = known.find(place);
    const std::int64_t begin = first == known.end() ? now_ns : first->second;
    since.emplace(place, begin);
    const bool is_fresh = now_ns - begin < grace_ns;
    waits = waits || is_fresh;
    return is_fresh;
  });
  missing_since_[server] = std::move(since);
  return waits;
}

void OfferWatch::hold_waiting(std::int64_t now_ns) {
  unwritten_ = OpenSightings();
  for (const auto& [identity, waiting] : waiting_) {
    for (const Seen& one : waiting) {
      Sighting sighting;
      sighting.identity = identity;
      sighting.kind = one.kind;
      sighting.key = one.key;
      sighting.why = one.why;
      sighting.pin = one.pin;
      sighting.time_ns = now_ns;
      unwritten_.add(std::move(sighting));
    }
  }
}

}  // namespace toolgate
