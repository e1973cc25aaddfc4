#include "signing/keyring.hpp"

#include <algorithm>
#include <utility>

#include "gateway/core/document.hpp"
#include "signing/statement.hpp"

namespace toolgate {
namespace {

constexpr std::string_view first_line = "toolgate trusted keys v1\n";
constexpr std::string_view line_domain = "trust-line";
constexpr std::string_view line_type = "toolgate.trust";
constexpr std::string_view line_version = "1";
constexpr std::string_view comment_line = "untrusted comment: \n";

Refusal bad(std::string why) { return Refusal(Reason::bad_signature, std::move(why)); }

bool is_name(std::string_view name) {
  const auto is_printable = [](char c) { return c > ' ' && c != 0x7F; };
  return !name.empty() && name.size() <= Keyring::name_bytes_most && is_utf8(name) &&
         std::ranges::all_of(
             name, [&](char c) { return static_cast<signed char>(c) < 0 || is_printable(c); });
}

}  // namespace

// One line, read or to be written.
struct Keyring::Line {
  std::string act;  // "root", "add", "retire", "revoke"
  Digest previous;  // of the line before it; of nothing, zeros
  std::int64_t sequence = 0;
  std::int64_t time_ns = 0;
  // root and add
  std::string key;
  std::string name;
  std::string role;
  std::int64_t expires_ns = 0;
  std::string nonce;  // root: no two homes have the same id
  // retire and revoke
  std::string id;
  std::int64_t since_ns = 0;

  bool is_end() const { return act == "retire" || act == "revoke"; }

  Result<std::string> text() const {
    StatementWriter out;
    out.text("act", act);
    if (!is_end()) out.nanoseconds("expires_ns", expires_ns);
    if (is_end()) out.text("id", id);
    if (!is_end()) {
      out.text("key", key);
      out.text("name", name);
      out.text("nonce", nonce);
    }
    out.digest("previous", previous);
    if (!is_end()) out.text("role", role);
    out.number("sequence", sequence);
    if (is_end()) out.nanoseconds("since_ns", since_ns);
    out.nanoseconds("time_ns", time_ns);
    out.text("type", line_type);
    out.canonical("v", line_version);
    return out.finish();
  }

  static Result<Line> parse(const std::string& text) {
    auto document = parse_document(Untrusted<std::string>(text), JsonLimits());
    if (!document) return bad(document.refusal().detail);
    StatementReader reader(document->root());
    if (!reader.is(line_type, line_version)) {
      return bad("it is no toolgate.trust of version 1; a newer toolgate may know it");
    }
    Line line;
    line.act = reader.text("act");
    line.previous = reader.digest("previous");
    line.sequence = reader.number("sequence");
    line.time_ns = reader.nanoseconds("time_ns");
    if (line.is_end()) {
      line.id = reader.text("id");
      line.since_ns = reader.nanoseconds("since_ns");
    } else {
      line.key = reader.text("key");
      line.name = reader.text("name");
      line.nonce = reader.text("nonce");
      line.role = reader.text("role");
      line.expires_ns = reader.nanoseconds("expires_ns");
    }
    auto again = line.text();
    if (!reader.sound() || !again || *again != text) {
      return bad("it has unknown, missing or malformed members, or is not canonical");
    }
    return line;
  }
};

std::string_view key_role_name(KeyRole role) {
  return role == KeyRole::recovery ? "recovery" : "approver";
}

bool TrustedKey::is_in_force(std::int64_t time_ns) const {
  return (!ended || time_ns < ended->since_ns) && (expires_ns == 0 || time_ns < expires_ns);
}

Status TrustedKey::counts(std::int64_t signed_ns) const {
  const std::string what = "the key " + key.id() + " ('" + name + "') ";
  if (role != KeyRole::approver) {
    return bad(what + "is a recovery key, which approves nothing");
  }
  if (ended && signed_ns >= ended->since_ns) {
    const bool revoked = ended->why == End::Why::revoked;
    return bad(what + (revoked ? "was revoked" : "was retired before this was signed"));
  }
  return done();
}

Result<Keyring> Keyring::begin(const SecretKey& root, const std::string& name,
                               std::int64_t time_ns) {
  Keyring keyring;
  keyring.text_ = first_line;
  Line line;
  line.act = "root";
  line.time_ns = time_ns;
  line.key = public_key_text(root.public_key());
  line.name = name;
  line.role = key_role_name(KeyRole::approver);
  line.nonce = random_token();
  auto added = keyring.append(line, root);
  if (!added) return added.refusal();
  return keyring;
}

Result<Keyring> Keyring::parse(Untrusted<std::string> untrusted) {
  start_cryptography();
  const std::string text = std::move(untrusted).open_unchecked();
  if (text.size() > text_bytes_most) return bad("it has more than 1 MiB");
  if (!text.starts_with(first_line)) {
    return bad("line 1 is not \"toolgate trusted keys v1\"; a newer toolgate may know it");
  }
  Keyring keyring;
  keyring.text_ = first_line;
  std::string_view rest = std::string_view(text).substr(first_line.size());
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    Status taken = end == std::string_view::npos ? Status(bad("it is cut off"))
                                                 : keyring.take(rest.substr(0, end));
    if (!taken) {
      return bad("line " + std::to_string(keyring.lines_ + 2) + ": " + taken.refusal().detail);
    }
    rest.remove_prefix(end + 1);
  }
  if (keyring.lines_ == 0) return bad("it has no root");
  return keyring;
}

Digest Keyring::digest() const { return toolgate::digest("trust-keys", text_); }

const TrustedKey* Keyring::find(std::string_view id) const {
  const auto found =
      std::ranges::find_if(keys_, [&](const TrustedKey& one) { return one.key.id() == id; });
  return found == keys_.end() ? nullptr : &*found;
}

const TrustedKey* Keyring::find(const PublicKey& key) const {
  const auto found = std::ranges::find(keys_, key, &TrustedKey::key);
  return found == keys_.end() ? nullptr : &*found;
}

const TrustedKey* Keyring::named(std::string_view id_or_name) const {
  const TrustedKey* by_id = find(id_or_name);
  if (by_id != nullptr) return by_id;
  const auto found = std::ranges::find(keys_, id_or_name, &TrustedKey::name);
  return found == keys_.end() ? nullptr : &*found;
}

Keyring::Line Keyring::next_line(std::int64_t time_ns) const {
  Line line;
  line.previous = last_;
  line.sequence = static_cast<std::int64_t>(lines_);
  line.time_ns = std::max(time_ns, time_ns_);  // a clock that was set back does not stop us
  return line;
}

Status Keyring::add(const NewKey& key, const SecretKey& by, std::int64_t time_ns) {
  Line line = next_line(time_ns);
  line.act = "add";
  line.key = public_key_text(key.key);
  line.name = key.name;
  line.role = key_role_name(key.role);
  line.expires_ns = key.expires_ns;
  return append(line, by);
}

Status Keyring::retire(const std::string& id, const SecretKey& by, std::int64_t time_ns) {
  Line line = next_line(time_ns);
  line.act = "retire";
  line.id = id;
  line.since_ns = line.time_ns;
  return append(line, by);
}

Status Keyring::revoke(const std::string& id, std::int64_t since_ns, const SecretKey& by,
                       std::int64_t time_ns) {
  Line line = next_line(time_ns);
  line.act = "revoke";
  line.id = id;
  line.since_ns = since_ns;
  return append(line, by);
}

Status Keyring::append(const Line& line, const SecretKey& by) {
  auto text = line.text();
  if (!text) return text.refusal();
  auto signature = by.sign(line_domain, *text);
  return take(signed_line(SignedText{.text = std::move(*text),
                                     .key_id = by.public_key().id(),
                                     .signature = std::move(signature)}));
}

// One line without its end, into a copy: what is refused changes nothing.
Status Keyring::take(std::string_view text) {
  if (lines_ >= lines_most || text_.size() + text.size() >= text_bytes_most) {
    return bad("there are more lines than a keyring has");
  }
  auto parsed = parse_signed_line(text);
  if (!parsed) return bad("it is no STATEMENT KEYID SIGNATURE");
  auto line = Line::parse(parsed->text);
  if (!line) return line.refusal();
  if (line->sequence != static_cast<std::int64_t>(lines_) || line->previous != last_) {
    return bad("it does not follow the line before it");
  }
  if (line->time_ns < time_ns_) return bad("its time is before that of the line before it");
  if ((line->act == "root") != (lines_ == 0))
    return bad("the root is the first line, and no other");
  // All but a root, which signs itself, is signed by whom the lines before it trust.
  Status by_trusted = lines_ == 0 ? done() : check_signer(*parsed, line->time_ns);
  if (!by_trusted) return by_trusted;
  Keyring next = *this;
  Status applied = next.apply(*line, parsed->key_id);
  if (!applied) return applied;
  if (lines_ == 0) by_trusted = next.check_signer(*parsed, line->time_ns);
  if (!by_trusted) return by_trusted;
  next.text_.append(text).append("\n");
  next.last_ = toolgate::digest(line_domain, text);
  if (lines_ == 0) next.home_ = toolgate::digest("trust-home", parsed->text);
  next.time_ns_ = line->time_ns;
  ++next.lines_;
  *this = std::move(next);
  return done();
}

Status Keyring::check_signer(const SignedText& line, std::int64_t time_ns) const {
  const TrustedKey* signer = find(line.key_id);
  if (signer == nullptr) return bad("the key " + line.key_id + " that signed it is unknown");
  if (!signer->is_in_force(time_ns)) {
    return bad("the key " + line.key_id + " that signed it was not in force then");
  }
  if (!signer->key.verify(line_domain, line.text, line.signature)) {
    return bad("its signature is not by the key " + line.key_id);
  }
  return done();
}

Status Keyring::apply(const Line& line, const std::string& signer) {
  if (line.is_end()) return apply_end(line);
  if (line.act != "root" && line.act != "add") return bad("its act is unknown");
  return apply_add(line, signer);
}

Status Keyring::apply_add(const Line& line, const std::string& signer) {
  auto key = parse_public_key_text(line.key);
  if (!key) return key.refusal();
  const bool recovery = line.role == key_role_name(KeyRole::recovery);
  if (!recovery && line.role != key_role_name(KeyRole::approver)) return bad("its role is unknown");
  const bool is_root = line.act == "root";
  if (is_root && (recovery || signer != key->id() || line.expires_ns != 0 || line.nonce.empty())) {
    return bad("a root is an approver that signs itself and does not expire");
  }
  if (!is_root && !line.nonce.empty()) return bad("only a root has a nonce");
  if (line.expires_ns != 0 && line.expires_ns <= line.time_ns) {
    return bad("the key that it adds has expired already");
  }
  if (!is_name(line.name)) {
    return Refusal(Reason::usage,
                   "a key's name has 1 to 64 bytes of UTF-8, without spaces and controls");
  }
  // An id is 64 bits: another key of the same id would speak in its name.
  if (find(key->id()) != nullptr) {
    return Refusal(Reason::usage, "the key " + key->id() + " is in the list already");
  }
  if (named(line.name) != nullptr) {
    return Refusal(Reason::usage, "there is a key named '" + line.name + "' already");
  }
  TrustedKey added;
  added.key = *key;
  added.name = line.name;
  added.role = recovery ? KeyRole::recovery : KeyRole::approver;
  added.added_ns = line.time_ns;
  added.expires_ns = line.expires_ns;
  added.added_by = signer;
  keys_.push_back(std::move(added));
  return done();
}

Status Keyring::apply_end(const Line& line) {
  const auto found =
      std::ranges::find_if(keys_, [&](const TrustedKey& one) { return one.key.id() == line.id; });
  if (found == keys_.end()) {
    return Refusal(Reason::usage, "there is no key " + line.id + " in the list");
  }
  const bool revokes = line.act == "revoke";
  if (line.since_ns > line.time_ns || (!revokes && line.since_ns != line.time_ns)) {
    return Refusal(Reason::usage, "a key cannot be ended from a later time on");
  }
  if (found->ended && (!revokes || line.since_ns > found->ended->since_ns ||
                       (found->ended->why == TrustedKey::End::Why::revoked &&
                        line.since_ns == found->ended->since_ns))) {
    return Refusal(Reason::usage, "the key " + line.id + " has ended already, no later");
  }
  found->ended = TrustedKey::End{
      .since_ns = line.since_ns,
      .time_ns = line.time_ns,
      .why = revokes ? TrustedKey::End::Why::revoked : TrustedKey::End::Why::retired};
  const bool anybody = std::ranges::any_of(keys_, [&](const TrustedKey& one) {
    return one.role == KeyRole::approver && one.is_in_force(line.time_ns);
  });
  if (anybody) return done();
  return Refusal(Reason::usage, "without the key " + line.id + " nobody could approve any more");
}

std::string public_key_text(const PublicKey& key) {
  const std::string lines = key.minisign_text();
  const auto begin = lines.find('\n') + 1;
  return lines.substr(begin, lines.size() - begin - 1);
}

Result<PublicKey> parse_public_key_text(std::string_view text) {
  auto key = PublicKey::parse(std::string(comment_line) + std::string(text));
  if (key && public_key_text(*key) == text) return key;
  return bad("a public key is the 56 characters of base64 in a minisign .pub file");
}

}  // namespace toolgate
