#include "signing/pins.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "gateway/core/document.hpp"
#include "signing/canonical.hpp"
#include "signing/skill_entry.hpp"

namespace toolgate {
namespace {

constexpr std::string_view approval_domain = "approval";
constexpr std::string_view approval_type = "toolgate.approval";

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

// The members in the order of RFC 8785, so that the text is canonical as it stands.
Result<std::string> approval_text(const Approval& approval) {
  auto findings = parse_document(Untrusted<std::string>(approval.findings), JsonLimits());
  if (!findings) return findings.refusal();
  if (!findings->root().is_array()) {
    return Refusal(Reason::malformed, "an approval's findings are a JSON array");
  }
  auto canonical_findings = canonical_json(findings->root());
  if (!canonical_findings) return canonical_findings;
  if (approval.time_ns < 0 || approval.expires_ns < 0) {
    return Refusal(Reason::malformed, "an approval's times are not negative");
  }
  for (const auto* text : {&approval.key, &approval.server, &approval.who}) {
    if (!is_utf8(*text)) return Refusal(Reason::malformed, "an approval's names are UTF-8");
  }
  std::string out = "{";
  auto add = [&out](std::string_view name, std::string_view json) {
    if (out.size() > 1) out += ',';
    out.append(canonical_string(name)).append(":").append(json);
  };
  add("expires_ns", canonical_string(std::to_string(approval.expires_ns)));
  add("findings", *canonical_findings);
  add("identity", canonical_string(approval.identity.text()));
  add("key", canonical_string(approval.key));
  add("kind", canonical_string(item_kind_name(approval.kind)));
  add("pin", canonical_string(approval.pin.text()));
  add("scopes", canonical_string(approval.scopes.text()));
  add("server", canonical_string(approval.server));
  add("time_ns", canonical_string(std::to_string(approval.time_ns)));
  add("type", canonical_string(approval_type));
  add("v", "1");
  add("who", canonical_string(approval.who));
  return out + "}";
}

// Reads members of an approval; remembers whether all of them were there and well-formed.
class Reader {
 public:
  explicit Reader(const Value& root) : root_(root) {}
  bool sound() const { return sound_; }

  std::string text(std::string_view name) {
    auto value = root_.find(name);
    if (value && value->is_string()) return value->text();
    sound_ = false;
    return "";
  }
  Digest digest(std::string_view name) {
    auto parsed = Digest::parse(text(name));
    if (parsed) return *parsed;
    sound_ = false;
    return Digest();
  }
  std::int64_t nanoseconds(std::string_view name) {
    auto digits = text(name);
    std::int64_t number = 0;
    auto end = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (end.ec != std::errc() || end.ptr != digits.data() + digits.size()) sound_ = false;
    return number;
  }
  ItemKind kind(std::string_view name) {
    auto parsed = item_kind_from(text(name));
    if (parsed) return *parsed;
    sound_ = false;
    return ItemKind::tool;
  }
  std::string array(std::string_view name) {
    auto value = root_.find(name);
    if (value && value->is_array()) return std::string(value->raw());
    sound_ = false;
    return "[]";
  }

 private:
  Value root_;
  bool sound_ = true;
};

Result<Approval> parse_approval(const std::string& text) {
  auto document = parse_document(Untrusted<std::string>(text), JsonLimits());
  if (!document) return document.refusal();
  auto root = document->root();
  auto type = root.find("type");
  auto version = root.find("v");
  bool known = type && type->is_string() && type->equals(approval_type) && version &&
               version->is_number() && version->raw() == "1";
  if (!known) {
    return Refusal(Reason::malformed,
                   "this is no toolgate.approval of version 1; a newer toolgate may know it");
  }
  Reader reader(root);
  Approval approval{.server = reader.text("server"),
                    .identity = reader.digest("identity"),
                    .kind = reader.kind("kind"),
                    .key = reader.text("key"),
                    .pin = reader.digest("pin"),
                    .scopes = reader.digest("scopes"),
                    .findings = reader.array("findings"),
                    .who = reader.text("who"),
                    .time_ns = reader.nanoseconds("time_ns"),
                    .expires_ns = reader.nanoseconds("expires_ns")};
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

Result<Approval> open_approval(const SignedApproval& record,
                               const std::vector<PublicKey>& trusted) {
  // An id is a hint and not unique by force, so every trusted key of that id is tried.
  bool verified = std::ranges::any_of(trusted, [&record](const PublicKey& key) {
    return key.id() == record.key_id &&
           static_cast<bool>(key.verify(approval_domain, record.text, record.signature));
  });
  if (!verified) {
    return Refusal(Reason::bad_signature, "no trusted administrator's key signed this approval");
  }
  return parse_approval(record.text);
}

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
