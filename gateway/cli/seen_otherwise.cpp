#include "gateway/cli/seen_otherwise.hpp"

#include "gateway/core/clock.hpp"
#include "gateway/core/document.hpp"

namespace toolgate {
namespace {

bool shows_another(const Sighting& sighting, const Definition& definition, const std::string& pin) {
  if (!sighting.kind) return true;
  return *sighting.kind == definition.kind && sighting.key == definition.key && sighting.pin != pin;
}

std::string changes_json(const std::vector<Change>& changes) {
  std::string json = "[";
  for (const Change& change : changes) {
    if (json.size() > 1) json += ',';
    json += R"({"path":)" + json_quote(change.path);
    json += R"(,"old":)" + (change.old ? json_quote(*change.old) : "null");
    json += R"(,"new":)" + (change.now ? json_quote(*change.now) : "null");
    json += R"(,"class":)" + json_quote(change_class_name(change.change_class)) + "}";
  }
  return json + "]";
}

}  // namespace

std::vector<SeenOtherwise> seen_otherwise(const OpenSightings& open, const ServerIdentity& server,
                                          const Definition& definition, const std::string& pin) {
  std::vector<SeenOtherwise> all;
  for (const Sighting* sighting : open.all_of(server)) {
    if (!shows_another(*sighting, definition, pin)) continue;
    SeenOtherwise one{.sighting = *sighting, .changes = {}};
    if (sighting->kind && !sighting->definition.empty()) {
      one.changes = changes_between(definition.kind, definition.json, sighting->definition);
    }
    all.push_back(std::move(one));
  }
  return all;
}

std::string seen_text(const std::vector<SeenOtherwise>& seen) {
  std::string text;
  for (const SeenOtherwise& one : seen) {
    text += (text.empty() ? "" : "; ") + sighting_text(one.sighting);
  }
  return text;
}

std::string seen_json(const std::vector<SeenOtherwise>& seen) {
  std::string json = "[";
  for (const SeenOtherwise& one : seen) {
    if (json.size() > 1) json += ',';
    json += R"({"why":)" + json_quote(sighting_why_name(one.sighting.why)) + R"(,"time":)" +
            json_quote(utc_text(one.sighting.time_ns)) + R"(,"pin":)" +
            json_quote(one.sighting.pin) + R"(,"record":)" + json_quote(one.sighting.record) +
            R"(,"changes":)" + changes_json(one.changes) + "}";
  }
  return json + "]";
}

std::vector<std::int64_t> shown_rows(const OpenSightings& open, const ServerIdentity& server) {
  std::vector<std::int64_t> rows;
  for (const Sighting* sighting : open.all_of(server)) rows.push_back(sighting->row);
  return rows;
}

}  // namespace toolgate
