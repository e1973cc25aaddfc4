#pragma once
// What administrators have approved, read from the store with every signature checked. An immutable
// snapshot: replaced as a whole when the store changes.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "gateway/config/configuration.hpp"
#include "gateway/core/result.hpp"
#include "gateway/store/sightings.hpp"
#include "gateway/store/store.hpp"
#include "signing/keys.hpp"
#include "signing/pins.hpp"

namespace toolgate {

// An approved definition as it is kept in the store. Its digest was compared with the signed pin.
struct ApprovedItem {
  Approval approval;
  Definition definition;
};

struct Approved {
  // Puts it where all of this finds it.
  void add(Approval approval, Pinned pinned);
  // The pin of what is offered. A long list is mostly byte for byte what was approved, and the pin
  // of that is known.
  Result<Pinned> pin_of(const ServerIdentity& server, const Definition& definition) const;

  PinBook book;
  std::vector<ApprovedItem> items;    // in the order in which they were approved
  std::vector<StoredServer> servers;  // what each said in its handshake at the last review
  OpenSightings sightings;            // what any gateway saw since, and nobody has decided on
  std::map<std::tuple<ServerIdentity, ItemKind, std::string>, Pinned> pinned;
  std::int64_t version = 0;  // Store::data_version() before all of this was read
};

// A row without a valid signature of a trusted key, or whose text is not what was signed, is no
// approval: it is left out and logged.
Result<std::shared_ptr<const Approved>> load_approved(Store& store,
                                                      const std::vector<PublicKey>& trusted);

// Nothing when this server may run: something of it is approved now, for exactly what its entry
// lets it reach. Else why not, with the remedy.
std::optional<std::string> why_held(const PinBook& book, const ServerEntry& entry,
                                    std::int64_t now_ns);

}  // namespace toolgate
