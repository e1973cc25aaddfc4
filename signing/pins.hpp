#pragma once
// Pins: what exactly was approved. The types carry the state of a definition:
//   Definition            as a server sent it: nobody has decided anything
//   Pinned                its digest is known
//   Verified<Definition>  a valid, signed, unexpired approval exists for exactly this digest; only
//   a PinBook
//                         makes one, and only from a Verified<Definition> can a call be made
// A pin covers the RFC 8785 form of the whole definition, unknown fields included, and the identity
// of the server, never its name alone.

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/core/result.hpp"
#include "signing/digest.hpp"
#include "signing/keyring.hpp"
#include "signing/keys.hpp"
#include "signing/statement.hpp"

namespace toolgate {

enum class ItemKind {
  capabilities,  // what the broker and the server say in their handshake that they can do
  instructions,
  tool,
  prompt,
  resource,
  resource_template,
  skill,
};
// "capabilities", "instructions", "tool", "prompt", "resource", "template", "skill"
std::string_view item_kind_name(ItemKind kind);
Result<ItemKind> item_kind_from(std::string_view text);

// One thing that a server offers. `key` is what calls name it by: a tool's or prompt's name, a
// resource's or skill's URI, a template's uriTemplate, "" for what there is one of. `json` is its
// exact text (a JSON string for instructions, an object otherwise).
struct Definition {
  ItemKind kind = ItemKind::tool;
  std::string key;
  std::string json;
  friend bool operator==(const Definition&, const Definition&) = default;
};

// A local server's identity is the digest of its argv, environment names and frozen artefact, a
// remote one's of its URL.
using ServerIdentity = Digest;

// A definition and the digest of what it means:
//   digest("definition", canonical JSON of {"definition","key","kind","server"})
// Only pin() makes one, so that `pin` belongs to `definition`; whoever holds one must not change
// either.
struct Pinned {
  Definition definition;
  Digest pin;

 private:
  friend Result<Pinned> pin(const ServerIdentity& server, Definition definition);
  friend class PinBook;
  Pinned(Definition what, Digest digest, ServerIdentity whose)
      : definition(std::move(what)), pin(digest), server_(whose) {}
  ServerIdentity server_;
};

// Refuses, with `bad_answer`, a definition that is no JSON of its kind, that has a number which
// cannot be canonicalised (signing/canonical.hpp), or that names itself otherwise than by `key`:
// who reviews its text and who calls it must mean the same thing. Likewise a skill whose entry
// breaks the rules (signing/skill_entry.hpp), with `too_large` one past the limits.
Result<Pinned> pin(const ServerIdentity& server, Definition definition);

// What an administrator signs: a statement about one definition of one server. Its text is
// canonical JSON (statement.hpp) with "type":"toolgate.approval" and "v":2 beside the members.
// Approvals of version 1 named no home; they do not count any more.
struct Approval {
  std::string server;  // the name at the time, for people
  ServerIdentity identity;
  ItemKind kind = ItemKind::tool;
  std::string key;
  Digest pin;
  Digest scopes;                // of the server's entry in the configuration
  std::string findings;         // JSON array, as shown by review
  std::string who;              // the administrator's user name, for people
  std::int64_t time_ns = 0;     // UTC, nanoseconds since 1970; not negative
  std::int64_t expires_ns = 0;  // 0: never
  Digest home = {};             // where it was given (Keyring::home()): it counts nowhere else
  std::string change_class =
      {};                   // of the change, as review said: "new", ..., or "" for unclassified
  std::string key_id = {};  // who signed it: no member of the text; open_approval() fills it in
};

using SignedApproval = SignedText;

// Refuses with `malformed` what has no canonical form: names that are no UTF-8, findings that are
// no array.
Result<SignedApproval> sign_approval(const Approval& approval, const SecretKey& key);

// Checks the signature against the keyring, then parses the text. `bad_signature`: no approver of
// this home made it, or one whose signatures of that time do not count. `malformed`: a version,
// member or form that this program does not know, signed or not. The expiry, the approval's and
// the key's, is not looked at: PinBook::verify does that at the time of use.
Result<Approval> open_approval(const SignedApproval& record, const Keyring& keyring);

// As it says; nobody has looked at who signed it. The refusal is `malformed`.
Result<Approval> read_approval(const SignedApproval& record);

template <class T>
class Verified {
 public:
  const T& operator*() const { return value_; }
  const T* operator->() const { return &value_; }
  const Digest& pin() const { return pin_; }

 private:
  friend class PinBook;
  Verified(T value, Digest pin) : value_(std::move(value)), pin_(pin) {}
  T value_;
  Digest pin_;
};

// Every approval that is valid now. A value: replaced as a whole when the store changes.
class PinBook {
 public:
  // `approval` comes from open_approval: the book does not check signatures. Of several approvals
  // of one item the newest counts, whatever the order in which they are added (of equal times, the
  // last added).
  void add(Approval approval);
  // The proof, or refuses with `held` and a text that says whether the item is new, changed or
  // expired. The approval's scopes are the caller's to compare: see approval().
  Result<Verified<Definition>> verify(const Pinned& pinned, const ServerIdentity& server,
                                      std::int64_t now_ns) const;
  // An approval that needs a second key's over the same content, and does not have it yet. It
  // approves nothing; it is there to be told.
  void add_waiting(Approval approval);
  const Approval* waiting(const ServerIdentity& server, ItemKind kind,
                          const std::string& key) const;
  bool is_waiting(const ServerIdentity& server) const;  // anything of it
  // Is there an approval for this item, with whatever pin?
  std::optional<Digest> approved_pin(const ServerIdentity& server, ItemKind kind,
                                     const std::string& key) const;
  // The approval of this item, with whatever pin and expiry, or null. Valid until the book changes.
  const Approval* approval(const ServerIdentity& server, ItemKind kind,
                           const std::string& key) const;
  // Is anything that can be asked for of this server approved now for exactly these scopes?
  bool allows(const ServerIdentity& server, const Digest& scopes, std::int64_t now_ns) const;
  // Is there an approval of anything of this server, with whatever scopes and expiry?
  bool knows(const ServerIdentity& server) const;
  // Was anything approved under this name, of whatever server?
  bool knows_name(const std::string& server) const;
  std::size_t size() const { return approvals_.size(); }

 private:
  struct Key {
    ServerIdentity server;
    ItemKind kind;
    std::string key;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  std::map<Key, Approval> approvals_;
  std::map<Key, Approval> waiting_;
};

}  // namespace toolgate
