// Skills on the call path (MCP skills extension, SEP-2640). A skill's files are resources, so that
// a template, or the entry of one file in resources/list, would open them as well: what lies in a
// skill is read as a part of that skill, under its approval and its digests, or not at all.

#include "gateway/broker/broker.hpp"
#include "gateway/broker/call_path.hpp"
#include "gateway/broker/skill_answer.hpp"
#include "gateway/core/uri_spelling.hpp"

namespace toolgate {
namespace {

// One whose files have digests before one whose have none, then the inner one.
bool is_nearer(const CatalogueItem& skill, const CatalogueItem* than) {
  if (!than) return true;
  if (skill.skill->is_dynamic() != than->skill->is_dynamic()) return than->skill->is_dynamic();
  return skill.key.size() > than->key.size();
}

bool is_approved(const CatalogueItem& skill) {
  return skill.standing == Standing::approved && skill.skill;
}

Refusal closed(const CatalogueItem& skill) {
  if (!is_approved(skill)) return held(skill);
  return Refusal(Reason::held, "the skill '" + skill.key +
                                   "' was approved without such a file. An administrator looks "
                                   "at it with `toolgate review " +
                                   skill.server.text() + "`");
}

std::optional<SkillEntry> entry_in(const Definition& definition) {
  if (definition.kind != ItemKind::skill) return std::nullopt;
  auto document = parse_document(Untrusted<std::string>(definition.json), JsonLimits());
  if (!document) return std::nullopt;
  auto entry = parse_skill_entry(document->root());
  if (!entry) return std::nullopt;
  return std::move(*entry);
}

}  // namespace

bool is_by_digest(const Admitted& admitted) {
  if (admitted.call().method != "resources/read") return false;
  auto entry = entry_in(*admitted.definition());
  return entry && !entry->is_dynamic();
}

Result<Target> CallPath::through_skill(const std::string& uri, Target target) const {
  const ServerName& server = target.upstream->entry().name;
  const std::string scheme = uri_scheme(uri);
  const std::string place = folded_uri(uri);
  const CatalogueItem* reader = nullptr;  // that it is a file of
  const CatalogueItem* around = nullptr;  // that it lies in
  bool is_skills_scheme = false;
  for (const CatalogueItem& skill : broker_.catalogue().items(ItemKind::skill)) {
    if (skill.server != server) continue;
    is_skills_scheme = is_skills_scheme || uri_scheme(skill.key) == scheme;
    if (!lies_in(skill.skill_place, place)) continue;
    if (!around || skill.key.size() > around->key.size()) around = &skill;
    bool reads = is_approved(skill) && skill.skill->covers(uri);
    if (reads && is_nearer(skill, reader)) reader = &skill;
  }
  // A dynamic skill does not say what it has: nothing of a skill inside it.
  if (reader && reader->skill->is_dynamic() && reader != around) reader = nullptr;
  if (is_skills_scheme && !is_plain_uri(uri)) {
    return Refusal(
        Reason::invalid_params,
        "a URI beside skills must be plain: absolute, without \"..\", '\\', '?', '#' and "
        "'/' at its end");
  }
  if (reader) {
    target.kind = ItemKind::skill;
    target.key = reader->key;
    target.exposed = reader->exposed;
    if (target.channel == Channel::resource) target.channel = Channel::skill;
    return target;
  }
  if (around) return closed(*around);
  return target;
}

// No server has it: a skill that waits for review may be the reason.
Refusal CallPath::unknown_resource(const AgentName& agent, const std::string& uri) const {
  const std::string place = folded_uri(uri);
  for (const CatalogueItem& skill : broker_.catalogue().items(ItemKind::skill)) {
    bool in_it = lies_in(skill.skill_place, place) && broker_.policy().sees(agent, skill);
    if (in_it) return closed(skill);
  }
  return Refusal(Reason::not_found, "no approved resource has this URI");
}

Result<Target> CallPath::resolve_directory(const AgentName& agent, const std::string& uri) const {
  if (!is_plain_uri(uri)) {
    return Refusal(Reason::invalid_params, "this is not the plain URI of a directory");
  }
  std::map<ServerName, const CatalogueItem*> nearest;
  for (const CatalogueItem& skill : broker_.catalogue().items(ItemKind::skill)) {
    if (!is_approved(skill) || !broker_.policy().sees(agent, skill)) continue;
    if (!lies_in(skill.skill->directory(), uri)) continue;
    const CatalogueItem*& best = nearest[skill.server];
    if (is_nearer(skill, best)) best = &skill;
  }
  if (nearest.empty()) return resolve_uri(agent, uri, Channel::skill);
  if (nearest.size() == 1) return target_of(*nearest.begin()->second, Channel::skill);
  std::vector<const CatalogueItem*> all;
  for (const auto& [server, skill] : nearest) all.push_back(skill);
  return ambiguous("directory", all);
}

// The server was perhaps started for this call, and offers something else than it did.
Status CallPath::still_leads_there(const Message& message, const Target& target) const {
  const std::string& method = message.method();
  bool is_directory = method == "resources/directory/read";
  if (is_directory) {
    const Offer* offer = target.upstream->offer();
    auto capabilities =
        parse_document(Untrusted<std::string>(offer ? offer->capabilities : "{}"), JsonLimits());
    if (!capabilities || !declares_directories(capabilities->root())) {
      return Refusal(Reason::invalid_params, "its server lists no directories");
    }
    if (target.kind == ItemKind::skill) return done();
  }
  if (!is_directory && method != "resources/read" && method != "resources/subscribe") return done();
  auto now = through_skill(message.params()->find("uri")->text(), target);
  if (!now) return now.refusal();
  if (now->kind == target.kind && now->key == target.key) return done();
  return Refusal(Reason::unavailable, "what the server offers has changed meanwhile: ask again");
}

Status CallPath::check_skill(const Admitted& admitted, const Message& message, const Target& target,
                             const Reply& reply) const {
  const std::string& method = message.method();
  bool is_directory = method == "resources/directory/read";
  bool is_read = method == "resources/read" && target.kind == ItemKind::skill;
  bool is_get = method == "skills/get";
  if (!is_directory && !is_read && !is_get) return done();
  if (reply.is_error() || asks_for_input(target, reply)) return done();
  Value result = reply.message.body();
  Status same = done();
  if (is_get) {
    same = check_skill_result(result, admitted.definition(), target.upstream->entry().identity());
  } else {
    const std::string uri = message.params()->find("uri")->text();
    auto entry = entry_in(*admitted.definition());
    same = is_directory ? check_directory_result(result, entry ? &*entry : nullptr, uri)
                        : check_file_result(result, *entry, uri);
  }
  // The listing tells what else has changed.
  if (!same) target.upstream->refresh();
  return same;
}

}  // namespace toolgate
