#include "gateway/cli/reviewed.hpp"

#include <algorithm>
#include <iterator>

#include "gateway/broker/catalogue.hpp"
#include "gateway/core/clock.hpp"

namespace toolgate {
namespace {

Inspection inspect(const InspectionGate& gate, const Definition& definition) {
  auto document = parse_document(Untrusted<std::string>(definition.json), JsonLimits{});
  if (!document) return Inspection{};
  bool instructions = definition.kind == ItemKind::instructions;
  return gate.inspect(instructions ? Channel::instructions : Channel::definition, document->root());
}

// The newest approval of this item that was given to the server under another identity.
const ApprovedItem* approved_elsewhere(const Approved& approved, const ServerEntry& entry,
                                       const Definition& definition) {
  const ApprovedItem* newest = nullptr;
  for (const ApprovedItem& item : approved.items) {
    if (item.approval.server == entry.name.text() && item.definition.kind == definition.kind &&
        item.definition.key == definition.key) {
      newest = &item;
    }
  }
  return newest;
}

bool is_dynamic_skill(const Definition& definition) {
  if (definition.kind != ItemKind::skill) return false;
  auto document = parse_document(Untrusted<std::string>(definition.json), JsonLimits{});
  auto resources = document ? document->root().find("resources") : std::nullopt;
  return resources && resources->equals("dynamic");
}

const ApprovedItem* approved_item(const Approved& approved, const ServerIdentity& identity,
                                  const Definition& definition) {
  const ApprovedItem* newest = nullptr;
  for (const ApprovedItem& item : approved.items) {
    if (item.approval.identity == identity && item.definition.kind == definition.kind &&
        item.definition.key == definition.key) {
      newest = &item;
    }
  }
  return newest;
}

// Where an approval exists: does it hold for what is offered now?
void compare(Reviewed& item, const ServerEntry& entry, const ApprovedItem& known,
             const Result<Verified<Definition>>& verified) {
  const bool same_scopes = known.approval.scopes == entry.scope_digest();
  if (verified && same_scopes) {
    item.state = "approved";
    return;
  }
  item.state = "changed";
  item.why = verified ? "what the server may reach was changed" : verified.refusal().detail;
  const bool same = known.approval.pin == *item.pin;
  if (!same) {
    item.changes =
        changes_between(item.definition.kind, known.definition.json, item.definition.json);
    // Different pins of equal meanings do not exist; were it so, nothing would be known.
    item.change_class =
        item.changes.empty() ? ChangeClass::instruction_bearing : riskiest(item.changes);
  }
  // Of other scopes only their digest was signed: they may be wider ones.
  if (!same_scopes) {
    item.change_class =
        riskier(item.change_class.value_or(ChangeClass::cosmetic), ChangeClass::widened);
  }
  if (same && same_scopes) item.change_class = ChangeClass::fresh;  // the approval has expired
}

// Nothing carries over from another identity; but whoever decides anew sees what is different.
void compare_elsewhere(Reviewed& item, const ApprovedItem* known) {
  if (!known) return;
  item.was_elsewhere = true;
  item.changes =
      changes_between(item.definition.kind, known->definition.json, item.definition.json);
  item.why = item.changes.empty() ? "the same as was" : "beside what was";
  item.why += " approved when the server had another command, package or address";
}

// What gateways saw since the last approval waits for a decision, too. One that was not kept may be
// anything; one that was not there says nothing.
ChangeClass class_of(const SeenOtherwise& seen) {
  if (seen.sighting.why == SightingWhy::missing) return ChangeClass::cosmetic;
  return seen.changes.empty() ? ChangeClass::instruction_bearing : riskiest(seen.changes);
}

void compare_seen(Reviewed& item, std::vector<SeenOtherwise> seen) {
  if (seen.empty()) return;
  ChangeClass change_class = item.change_class.value_or(ChangeClass::cosmetic);
  for (const SeenOtherwise& one : seen) {
    change_class = riskier(change_class, class_of(one));
  }
  item.change_class = change_class;
  if (item.state == "approved") item.state = "changed";
  item.why += (item.why.empty() ? "" : "; ") + seen_text(seen);
  item.seen = std::move(seen);
}

// The first key's approval of just this, where it waits for a second one.
const Approval* first_of_two(const PinBook& book, const ServerEntry& entry,
                             const Definition& definition, const Digest& pin) {
  const Approval* first = book.waiting(entry.identity(), definition.kind, definition.key);
  return first && first->pin == pin && first->scopes == entry.scope_digest() ? first : nullptr;
}

// Of what waits for a second key: as it was signed.
ChangeClass class_of(const Approval& first) {
  auto change_class = change_class_from(first.change_class);
  return change_class ? *change_class : ChangeClass::fresh;
}

Reviewed judge(const ServerEntry& entry, const Definition& definition, const Approved& approved,
               const OpenSightings& open, const InspectionGate& gate) {
  Reviewed item;
  item.definition = definition;
  bool named = definition.kind == ItemKind::tool || definition.kind == ItemKind::prompt;
  item.exposed = named ? exposed_name(entry.prefix, definition.key) : definition.key;
  Inspection inspection = inspect(gate, definition);
  item.findings = std::move(inspection.findings);
  bool must_be_whole = definition.kind == ItemKind::skill;  // its files are held against it
  item.withheld = inspection.verdict == Verdict::withhold ||
                  (must_be_whole && inspection.verdict != Verdict::allow);
  auto pinned = pin(entry.identity(), definition);
  if (!pinned) {
    item.state = "refused";
    item.why = pinned.refusal().detail;
    return item;
  }
  item.pin = pinned->pin;
  if (const ApprovedItem* known = approved_item(approved, entry.identity(), definition)) {
    compare(item, entry, *known, approved.book.verify(*pinned, entry.identity(), now_utc_ns()));
  } else {
    item.state = "new";
    item.change_class = ChangeClass::fresh;
    compare_elsewhere(item, approved_elsewhere(approved, entry, definition));
  }
  if (const Approval* first = first_of_two(approved.book, entry, definition, *item.pin)) {
    // What the first key called it is no more than a claim.
    item.change_class =
        riskier(item.change_class.value_or(ChangeClass::cosmetic), class_of(*first));
    item.why = "approved with key " + first->key_id + ", waits for a second key";
  }
  compare_seen(item, seen_otherwise(open, entry.identity(), definition, item.pin->text()));
  if (item.why.empty() && is_dynamic_skill(definition)) {
    item.why = "its files are made anew for each reading: no digest covers what they say";
  }
  return item;
}

bool is_offered(const Offer& offer, const Definition& definition) {
  const auto same = [&](const Definition& one) {
    return one.kind == definition.kind && one.key == definition.key;
  };
  return std::ranges::any_of(offer.items, same) ||
         std::ranges::any_of(offer.oddities, same, &Oddity::definition);
}

Reviewed refused(const Oddity& oddity) {
  Reviewed item;
  item.definition = oddity.definition;
  item.exposed = oddity.definition.key;
  item.state = "refused";
  item.why = oddity.detail;
  return item;
}

// What was approved of this server, under any identity, and is not offered any more as it was.
std::vector<Definition> gone_from(const ServerEntry& entry, const Offer& offer,
                                  const Approved& approved) {
  std::vector<Definition> gone;
  for (const ApprovedItem& known : approved.items) {
    const bool of_this =
        known.approval.identity == entry.identity() || known.approval.server == entry.name.text();
    if (!of_this) continue;
    const bool same = std::ranges::any_of(offer.items, [&](const Definition& one) {
      if (one.kind != known.definition.kind || one.key != known.definition.key) return false;
      auto pinned = pin(known.approval.identity, one);
      return pinned && pinned->pin == known.approval.pin;
    });
    if (!same) gone.push_back(known.definition);
  }
  return gone;
}

}  // namespace

std::string class_text(const Reviewed& item) {
  return item.change_class ? std::string(change_class_name(*item.change_class)) : "";
}

std::vector<Reviewed> review_offer(const ServerEntry& entry, const Offer& offer,
                                   const Approved& approved, const OpenSightings& open,
                                   const InspectionGate& gate,
                                   const std::vector<NamedItem>& names) {
  std::vector<Reviewed> items;
  const std::vector<Definition> gone = gone_from(entry, offer, approved);
  for (const Definition& definition : offer.items) {
    Reviewed item = judge(entry, definition, approved, open, gate);
    std::ranges::move(name_findings(entry.name.text(), definition, names),
                      std::back_inserter(item.findings));
    if (item.waits()) {
      std::ranges::move(renamed_findings(definition, gone), std::back_inserter(item.findings));
    }
    items.push_back(std::move(item));
  }
  std::ranges::transform(offer.oddities, std::back_inserter(items), refused);
  for (const ApprovedItem& known : approved.items) {
    if (known.approval.identity != entry.identity() || is_offered(offer, known.definition))
      continue;
    Reviewed missing;
    missing.definition = known.definition;
    missing.exposed = known.definition.key;
    missing.state = "missing";
    missing.why = "approved, but not offered any more";
    missing.pin = known.approval.pin;
    items.push_back(std::move(missing));
  }
  return items;
}

}  // namespace toolgate
