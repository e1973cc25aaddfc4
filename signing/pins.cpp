#include "signing/pins.hpp"

#include <algorithm>
#include <array>

#include "gateway/core/document.hpp"
#include "signing/canonical.hpp"
#include "signing/skill_entry.hpp"
#include "signing/statement.hpp"

namespace toolgate {
namespace {

constexpr std::string_view approval_domain = "approval";
constexpr std::string_view approval_type = "toolgate.approval";
constexpr std::string_view approval_version = "2";

struct KindRow {
  ItemKind kind;
  std::string_view name;
  std::string_view key_member;  // the definition's member that Definition::key repeats
};
constexpr std::array<KindRow, 7> kinds{{
    {ItemKind::capabilities, "capabilities", ""},
    {ItemKind::instructions, "instructions", ""},
    {ItemKind::tool, "tool", "name"},
    {ItemKind::prompt, "prompt", "name"},
    {ItemKind::resource, "resource", "uri"},
    {ItemKind::resource_template, "template", "uriTemplate"},
    {ItemKind::skill, "skill", "uri"},
}};

const KindRow& row_of(ItemKind kind) { return *std::ranges::find(kinds, kind, &KindRow::kind); }

Status check_shape(const Definition& definition, const Value& root) {
  std::string what(item_kind_name(definition.kind));
  if (definition.kind == ItemKind::instructions) {
    if (root.is_string() && definition.key.empty()) return done();
    return Refusal(Reason::bad_answer, "the server's instructions are no string");
  }
  if (!root.is_object()) {
    return Refusal(Reason::bad_answer, "the definition of a " + what + " is no JSON object");
  }
  if (definition.kind == ItemKind::capabilities) {
    if (definition.key.empty()) return done();
    return Refusal(Reason::bad_answer, "a server has one set of capabilities, without a name");
  }
  auto member = row_of(definition.kind).key_member;
  auto named = root.find(member);
  bool agrees = named && named->is_string() && named->equals(definition.key);
  if (agrees && definition.kind == ItemKind::skill) {
    auto entry = parse_skill_entry(root);
    return entry ? done() : Status(entry.refusal());
  }
  if (agrees) return done();
  return Refusal(Reason::bad_answer, "the definition of a " + what + " has another \"" +
                                         std::string(member) + "\" than it is called by");
}

Result<std::string> approval_text(const Approval& approval) {
  auto findings = parse_document(Untrusted<std::string>(approval.findings), JsonLimits());
  if (!findings) return findings.refusal();
  if (!findings->root().is_array()) {
    return Refusal(Reason::malformed, "an approval's findings are a JSON array");
  }
  auto canonical_findings = canonical_json(findings->root());
  if (!canonical_findings) return canonical_findings;
  StatementWriter out;
  out.text("class", approval.change_class);
  out.nanoseconds("expires_ns", approval.expires_ns);
  out.canonical("findings", *canonical_findings);
  out.digest("home", approval.home);
  out.digest("identity", approval.identity);
  out.text("key", approval.key);
  out.text("kind", item_kind_name(approval.kind));
  out.digest("pin", approval.pin);
  out.digest("scopes", approval.scopes);
  out.text("server", approval.server);
  out.nanoseconds("time_ns", approval.time_ns);
  out.text("type", approval_type);
  out.canonical("v", approval_version);
  out.text("who", approval.who);
  return out.finish();
}

ItemKind read_kind(StatementReader& reader) {
  auto kind = item_kind_from(reader.text("kind"));
  if (!kind) reader.spoil();
  return kind ? *kind : ItemKind::tool;
}

Result<Approval> parse_approval(const std::string& text) {
  auto document = parse_document(Untrusted<std::string>(text), JsonLimits());
  if (!document) return document.refusal();
  StatementReader reader(document->root());
  if (reader.is(approval_type, "1")) {
    return Refusal(Reason::malformed,
                   "this approval is of version 1, which no home was named in; review and approve "
                   "again");
  }
  if (!reader.is(approval_type, approval_version)) {
    return Refusal(Reason::malformed,
                   "this is no toolgate.approval of version 2; a newer toolgate may know it");
  }
  Approval approval{.server = reader.text("server"),
                    .identity = reader.digest("identity"),
                    .kind = read_kind(reader),
                    .key = reader.text("key"),
                    .pin = reader.digest("pin"),
                    .scopes = reader.digest("scopes"),
                    .findings = reader.array("findings"),
                    .who = reader.text("who"),
                    .time_ns = reader.nanoseconds("time_ns"),
                    .expires_ns = reader.nanoseconds("expires_ns"),
                    .home = reader.digest("home"),
                    .change_class = reader.text("class")};
  // Writing it again must give the same bytes: nothing in them was overlooked or read another way.
  auto again = approval_text(approval);
  if (!reader.sound() || !again || *again != text) {
    return Refusal(Reason::malformed,
                   "the approval has unknown, missing or malformed members, or is not canonical");
  }
  return approval;
}

}  // namespace

std::string_view item_kind_name(ItemKind kind) { return row_of(kind).name; }

Result<ItemKind> item_kind_from(std::string_view text) {
  auto row = std::ranges::find(kinds, text, &KindRow::name);
  if (row != kinds.end()) return row->kind;
  return Refusal(Reason::malformed,
                 "a kind is capabilities, instructions, tool, prompt, resource, template or skill");
}

Result<Pinned> pin(const ServerIdentity& server, Definition definition) {
  auto document = parse_document(Untrusted<std::string>(definition.json), JsonLimits());
  if (!document) return Refusal(Reason::bad_answer, document.refusal().detail);
  auto shape = check_shape(definition, document->root());
  if (!shape) return shape.refusal();
  auto canonical = canonical_json(document->root());
  if (!canonical) return Refusal(Reason::bad_answer, canonical.refusal().detail);

  std::string covered = "{\"definition\":" + *canonical;
  covered += ",\"key\":" + canonical_string(definition.key);
  covered += ",\"kind\":" + canonical_string(item_kind_name(definition.kind));
  covered += ",\"server\":" + canonical_string(server.text()) + "}";
  return Pinned(std::move(definition), digest("definition", covered), server);
}

Result<SignedApproval> sign_approval(const Approval& approval, const SecretKey& key) {
  auto text = approval_text(approval);
  if (!text) return Refusal(Reason::malformed, text.refusal().detail);
  auto signature = key.sign(approval_domain, *text);
  return SignedApproval{
      .text = std::move(*text), .key_id = key.public_key().id(), .signature = std::move(signature)};
}

Result<Approval> open_approval(const SignedApproval& record, const Keyring& keyring) {
  const TrustedKey* key = keyring.find(record.key_id);
  if (key == nullptr || !key->key.verify(approval_domain, record.text, record.signature)) {
    return Refusal(Reason::bad_signature, "no trusted administrator's key signed this approval");
  }
  auto approval = parse_approval(record.text);
  if (!approval) return approval;
  if (approval->home != keyring.home()) {
    return Refusal(Reason::bad_signature, "this approval was given in another home");
  }
  auto counts = key->counts(approval->time_ns);
  if (!counts) return counts.refusal();
  approval->key_id = record.key_id;
  return approval;
}

Result<Approval> read_approval(const SignedApproval& record) { return parse_approval(record.text); }

void PinBook::add(Approval approval) {
  Key key{.server = approval.identity, .kind = approval.kind, .key = approval.key};
  auto [slot, fresh] = approvals_.try_emplace(std::move(key), approval);
  if (!fresh && slot->second.time_ns <= approval.time_ns) slot->second = std::move(approval);
}

Result<Verified<Definition>> PinBook::verify(const Pinned& pinned, const ServerIdentity& server,
                                             std::int64_t now_ns) const {
  std::string what = "this " + std::string(item_kind_name(pinned.definition.kind));
  if (pinned.definition.kind == ItemKind::instructions) what = "the server's instructions text";
  if (pinned.server_ != server) {
    return Refusal(Reason::held, what + " was pinned for another server; review it again");
  }
  const auto* found = approval(server, pinned.definition.kind, pinned.definition.key);
  const auto* first = waiting(server, pinned.definition.kind, pinned.definition.key);
  if (first != nullptr && first->pin == pinned.pin &&
      (found == nullptr || found->pin != pinned.pin)) {
    return Refusal(Reason::held, what + " is approved with one key and waits for a second key");
  }
  if (found == nullptr) {
    return Refusal(Reason::held, what + " is new and waits for review; run toolgate review");
  }
  if (found->pin != pinned.pin) {
    return Refusal(Reason::held,
                   what +
                       " has changed since it was approved and waits for review; run toolgate "
                       "review");
  }
  if (found->expires_ns != 0 && now_ns >= found->expires_ns) {
    return Refusal(Reason::held, "the approval of " + what +
                                     " has expired; run toolgate review and approve it again");
  }
  return Verified<Definition>(pinned.definition, pinned.pin);
}

std::optional<Digest> PinBook::approved_pin(const ServerIdentity& server, ItemKind kind,
                                            const std::string& key) const {
  const auto* found = approval(server, kind, key);
  if (found == nullptr) return std::nullopt;
  return found->pin;
}

const Approval* PinBook::approval(const ServerIdentity& server, ItemKind kind,
                                  const std::string& key) const {
  auto found = approvals_.find(Key{.server = server, .kind = kind, .key = key});
  return found == approvals_.end() ? nullptr : &found->second;
}

void PinBook::add_waiting(Approval approval) {
  Key key{.server = approval.identity, .kind = approval.kind, .key = approval.key};
  waiting_.insert_or_assign(std::move(key), std::move(approval));
}

const Approval* PinBook::waiting(const ServerIdentity& server, ItemKind kind,
                                 const std::string& key) const {
  auto found = waiting_.find(Key{.server = server, .kind = kind, .key = key});
  return found == waiting_.end() ? nullptr : &found->second;
}

bool PinBook::is_waiting(const ServerIdentity& server) const {
  return std::ranges::any_of(waiting_,
                             [&](const auto& one) { return one.second.identity == server; });
}

bool PinBook::allows(const ServerIdentity& server, const Digest& scopes,
                     std::int64_t now_ns) const {
  return std::ranges::any_of(approvals_, [&](const auto& one) {
    const Approval& approval = one.second;
    return approval.kind != ItemKind::capabilities && approval.identity == server &&
           approval.scopes == scopes && (approval.expires_ns == 0 || now_ns < approval.expires_ns);
  });
}

bool PinBook::knows(const ServerIdentity& server) const {
  return std::ranges::any_of(approvals_,
                             [&](const auto& one) { return one.second.identity == server; });
}

bool PinBook::knows_name(const std::string& server) const {
  return std::ranges::any_of(approvals_,
                             [&](const auto& one) { return one.second.server == server; });
}

}  // namespace toolgate
