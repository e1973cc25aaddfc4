#include "signing/decision.hpp"

#include <utility>

#include "gateway/core/document.hpp"

namespace toolgate {
namespace {

constexpr std::string_view decision_domain = "decision";
constexpr std::string_view decision_type = "toolgate.decision";
constexpr std::string_view decision_version = "1";
constexpr std::string_view head_line = "toolgate trust head v1\n";

Result<std::string> decision_text(const Decision& decision) {
  StatementWriter out;
  out.text("act", decision.act);
  out.digest("approvals", decision.approvals);
  out.digest("chain", decision.chain);
  out.digest("home", decision.home);
  out.texts("items", decision.items);
  out.digest("keys", decision.keys);
  out.number("sequence", decision.sequence);
  out.text("server", decision.server);
  out.nanoseconds("time_ns", decision.time_ns);
  out.text("type", decision_type);
  out.canonical("v", decision_version);
  out.text("who", decision.who);
  return out.finish();
}

Result<Decision> parse_decision(const std::string& text) {
  auto document = parse_document(Untrusted<std::string>(text), JsonLimits());
  if (!document) return document.refusal();
  StatementReader reader(document->root());
  if (!reader.is(decision_type, decision_version)) {
    return Refusal(Reason::malformed,
                   "this is no toolgate.decision of version 1; a newer toolgate may know it");
  }
  Decision decision{.home = reader.digest("home"),
                    .sequence = reader.number("sequence"),
                    .chain = reader.digest("chain"),
                    .approvals = reader.digest("approvals"),
                    .keys = reader.digest("keys"),
                    .act = reader.text("act"),
                    .server = reader.text("server"),
                    .items = reader.texts("items"),
                    .who = reader.text("who"),
                    .time_ns = reader.nanoseconds("time_ns")};
  auto again = decision_text(decision);
  if (!reader.sound() || !again || *again != text) {
    return Refusal(Reason::malformed,
                   "the decision has unknown, missing or malformed members, or is not canonical");
  }
  return decision;
}

std::string framed(std::string_view text) {
  return std::to_string(text.size()) + ':' + std::string(text) + ',';
}

}  // namespace

Result<SignedDecision> sign_decision(const Decision& decision, const SecretKey& key) {
  auto text = decision_text(decision);
  if (!text) return text.refusal();
  auto signature = key.sign(decision_domain, *text);
  return SignedDecision{
      .text = std::move(*text), .key_id = key.public_key().id(), .signature = std::move(signature)};
}

Result<Decision> open_decision(const SignedDecision& record, const Keyring& keyring) {
  const TrustedKey* key = keyring.find(record.key_id);
  if (key == nullptr || !key->key.verify(decision_domain, record.text, record.signature)) {
    return Refusal(Reason::bad_signature, "no trusted administrator's key signed this decision");
  }
  auto decision = parse_decision(record.text);
  if (!decision) return decision;
  // None is older than the keyring that it is made under: so nobody whose key ended can date it
  // back.
  const bool in_time =
      decision->time_ns >= keyring.time_ns() && key->is_in_force(decision->time_ns);
  if (key->role != KeyRole::approver || !in_time) {
    return Refusal(Reason::bad_signature,
                   "the key " + record.key_id + " that signed this decision was not in force then");
  }
  return decision;
}

Result<Decision> read_decision(const SignedDecision& record) { return parse_decision(record.text); }

void Chain::add(const SignedDecision& decision) {
  digest_ =
      toolgate::digest("decision-chain", framed(digest_.text()) + framed(decision.text) +
                                             framed(decision.key_id) + framed(decision.signature));
}

std::string head_text(const SignedDecision& decision) {
  return std::string(head_line) + signed_line(decision) + "\n";
}

Result<SignedDecision> parse_head(Untrusted<std::string> untrusted) {
  const std::string text = std::move(untrusted).open_unchecked();
  auto parsed = text.starts_with(head_line) && text.ends_with('\n')
                    ? parse_signed_line(std::string_view(text).substr(
                          head_line.size(), text.size() - head_line.size() - 1))
                    : std::nullopt;
  if (!parsed || head_text(*parsed) != text) {
    return Refusal(Reason::bad_signature,
                   "it is not \"toolgate trust head v1\" and one decision, whole");
  }
  return *parsed;
}

}  // namespace toolgate
