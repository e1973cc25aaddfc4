#pragma once
// Sightings: what a server was seen to offer that nobody has approved. Whichever gateway process on
// the home sees it writes it down, with its record, in one transaction; from then on the item is
// held in every process and over restarts, also when the server goes back to the approved text. It
// ends with an approval by somebody who was shown the sighting:
//   a gateway    note() a definition that is not the approved one        -> held everywhere
//   `review`     prints open_sightings(), then mark_shown()
//   `approve`    check_sightings(), in the transaction that stores the approval: refuses when
//                something was seen since that review, and removes what was shown
// So an approval of the old text that was given in ignorance of the change lifts nothing, however
// the two interleave: both take the store's one write lock, and whoever comes second sees the
// other.
//
// A server that offers new names or texts without end fills nothing: past the limits below it is
// held as a whole, by one more row. Rows are no signatures: who can write the store can remove
// them. What is offered now is held against the signed pin all the same.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "gateway/core/result.hpp"
#include "gateway/store/store.hpp"
#include "signing/pins.hpp"

namespace toolgate {

enum class SightingWhy {
  changed,     // approved, and seen with another definition
  fresh,       // "new": neither approved nor shown by the last review
  duplicate,   // several things of one kind have this name
  missing,     // approved, and not offered for a while
  unreadable,  // its definition has no pin, or breaks the rules of its kind
  flood,       // of a whole server: more sightings than are kept
};
std::string_view sighting_why_name(SightingWhy why);

inline constexpr std::size_t most_sightings = 512;         // of one server
inline constexpr std::size_t most_sightings_of_item = 16;  // its later definitions are as held
inline constexpr std::size_t most_sighted_bytes = std::size_t{64} << 10;  // of a definition, kept

// What a server shows now, to be noted.
struct Seen {
  SightingWhy why = SightingWhy::changed;
  ItemKind kind = ItemKind::tool;
  std::string key;
  std::string pin;       // of what is seen, or a digest of what has no pin; "" of what is missing
  std::string approved;  // the pin that is approved; "" for none
  std::string definition;
  friend bool operator==(const Seen&, const Seen&) = default;
};

struct Sighting {
  std::int64_t row = 0;
  std::string server;  // its name at the time
  ServerIdentity identity;
  std::optional<ItemKind> kind;  // nothing: the whole server
  std::string key;
  SightingWhy why = SightingWhy::changed;
  std::string pin;
  std::string definition;  // JSON text; "" where it is longer than is kept, or there is none
  std::int64_t time_ns = 0;
  std::string record;  // the id of its record
};

// When and how it was seen, and where to look it up, for people: no word of it is the server's.
std::string sighting_text(const Sighting& sighting);

// All that is open, by what it holds. A value.
class OpenSightings {
 public:
  void add(Sighting sighting);
  // What holds this item, the first of it if there are several; null for nothing. The pointers are
  // valid until the next add().
  const Sighting* of(const ServerIdentity& server, ItemKind kind, const std::string& key) const;
  // What holds all of the server: a flood, or capabilities that were seen otherwise.
  const Sighting* of_server(const ServerIdentity& server) const;
  // The first of these two alone.
  const Sighting* flood_of(const ServerIdentity& server) const;
  // In the order in which they were seen, those of items and of the server itself.
  std::vector<const Sighting*> all_of(const ServerIdentity& server) const;
  bool has(const ServerIdentity& server, const Seen& seen) const;
  // Is there more to be said about this item than is written down?
  bool is_full(const ServerIdentity& server, const Seen& seen) const;
  std::size_t size() const { return size_; }

 private:
  struct Place {
    std::optional<ItemKind> kind;
    std::string key;
    friend auto operator<=>(const Place&, const Place&) = default;
  };
  std::map<ServerIdentity, std::map<Place, std::vector<Sighting>>> sightings_;
  std::size_t size_ = 0;
};

Result<OpenSightings> open_sightings(Store& store);

// The writer's side: a gateway's.
class SightingBook {
 public:
  // The store outlives the book.
  explicit SightingBook(Store& store) : store_(store) {}

  struct Noted {
    OpenSightings open;
    std::int64_t version = 0;  // Store::data_version() with what was noted
  };
  // Writes down what is not open yet, each with a record of its own. `version` is the one that the
  // approvals were read at: nothing, and nothing is written, when the store has changed since, so
  // that what was just approved is not taken for a change.
  Result<std::optional<Noted>> note(const std::string& server, const ServerIdentity& identity,
                                    const std::vector<Seen>& seen, std::int64_t version);

 private:
  Store& store_;
};

// These were printed by the review whose items have this time.
Status mark_shown(Store& store, const std::vector<std::int64_t>& rows, std::int64_t review_ns);

// Within a transaction: what was shown of these items of one server is being approved. Refuses with
// `held` when something else was seen of one of them, or of the server, that this review did not
// show. The definition that is approved counts as shown.
Status check_sightings(Database& database, const std::vector<Shown>& basis);
// When the item was seen otherwise last; 0: it was not.
Result<std::int64_t> last_seen_ns(Database& database, const Shown& item);
// Ends those of these items, whose approvals count now. `all`: it is all that the review showed of
// the server, which ends a flood, too.
Status settle_sightings(Database& database, const std::vector<Shown>& decided, bool all);
// Nothing of these items (of no items: of all that the server has) is approved any more, and what
// was seen of them is nobody's question.
Status forget_sightings(Database& database, const std::string& server,
                        const std::vector<ItemName>& items);

}  // namespace toolgate
