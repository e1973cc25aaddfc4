#pragma once
// What administrators have approved, read from the store with every signature checked. An immutable
// snapshot: replaced as a whole when the store changes.

#include <cstdint>
#include <filesystem>
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
#include "signing/keyring.hpp"
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
  std::int64_t version = 0;        // Store::data_version() before all of this was read
  std::optional<Keyring> keyring;  // of the home; nothing where it cannot be believed
  std::string refused;             // not empty: why nothing in this home counts as approved
};

// A row without a valid signature of a trusted key, whose text is not what was signed, or whose
// class its key may not approve, is no approval: it is left out and logged. An approval ends with
// the key that signed it. Where the class of a change needs two keys, the newest approval counts
// with another key's over the same content alone, and as long as both do.
//
// Where the store is not what was decided in this home, or nobody is trusted in it, nothing is
// approved, and `refused` says why. The refusals are faults of the disk.
Result<std::shared_ptr<const Approved>> load_approved(const std::filesystem::path& home,
                                                      Store& store, const ApprovalRules& rules);

// Nothing when this server may run: something of it is approved now, for exactly what its entry
// lets it reach. Else why not, with the remedy.
std::optional<std::string> why_held(const Approved& approved, const ServerEntry& entry,
                                    std::int64_t now_ns);

}  // namespace toolgate
