#include "gateway/cli/review_rows.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <ostream>

#include "gateway/broker/local_server.hpp"
#include "gateway/cli/shown_scopes.hpp"
#include "gateway/cli/shown_server.hpp"

namespace toolgate {
namespace {

boost::json::value maybe(const std::optional<std::string>& text) {
  return text ? boost::json::value(*text) : boost::json::value(nullptr);
}

boost::json::array array_of(const std::vector<std::string>& words) {
  boost::json::array array;
  for (const std::string& word : words) array.push_back(boost::json::value(word));
  return array;
}

boost::json::array changes_of(const Reviewed& item) {
  boost::json::array changes;
  for (const Change& change : item.changes) {
    boost::json::object one;
    one["path"] = change.path;
    one["old"] = maybe(change.old);
    one["new"] = maybe(change.now);
    one["class"] = std::string(change_class_name(change.change_class));
    changes.push_back(std::move(one));
  }
  return changes;
}

void start_of(boost::json::object& row, const ServerEntry& entry, const Running& running) {
  boost::json::array words = array_of(running.command);
  if (!entry.is_local()) words.push_back(boost::json::value(entry.url));
  row["command"] = std::move(words);
  row["artefact"] = entry.artefact ? boost::json::value(entry.artefact->digest.text())
                                   : boost::json::value(nullptr);
  if (const auto publisher = signed_by(entry)) row["signed_by"] = *publisher;
  if (!entry.certificate_key.empty()) row["certificate_key"] = entry.certificate_key;
  row["scopes"] = scopes_json(entry, running.program);
}

void print(Console& console, const boost::json::object& row, const std::vector<Finding>& findings,
           const std::vector<SeenOtherwise>& seen) {
  std::string json = boost::json::serialize(row);
  json.pop_back();
  json += R"(,"findings":)" + findings_json(findings);
  json += R"(,"seen":)" + seen_json(seen) + "}";
  console.out << json_line(console, json) << "\n";
}

}  // namespace

Running running_of(const ServerEntry& entry) {
  if (!entry.is_local()) return Running{};
  auto server = local_server(entry);
  if (!server) return Running{entry.argv, {}};
  Running running{std::move(server->argv), {}};
  if (server->sandbox) running.program = std::move(server->sandbox->programs);
  return running;
}

void print_row(Console& console, const ServerEntry& entry, const Running& running,
               const Reviewed& item) {
  boost::json::object row;
  row["server"] = entry.name.text();
  row["tool"] = item.definition.key;
  row["kind"] = std::string(item_kind_name(item.definition.kind));
  row["state"] = item.state;
  row["class"] = class_text(item);
  row["exposed"] = item.exposed;
  row["changes"] = changes_of(item);
  row["pin"] = item.pin ? boost::json::value(item.pin->text()) : boost::json::value(nullptr);
  start_of(row, entry, running);
  if (!item.why.empty()) row["why"] = item.why;
  print(console, row, item.findings, item.seen);
}

void print_failed_row(Console& console, const Probed& probed, const std::string& state,
                      const std::string& hint, const std::vector<Finding>& findings) {
  boost::json::object row;
  row["server"] = probed.entry.name.text();
  row["tool"] = "";
  row["kind"] = "server";
  row["state"] = state;
  row["class"] = "";
  row["changes"] = boost::json::array();
  row["pin"] = nullptr;
  start_of(row, probed.entry, Running{probed.entry.argv, {}});
  row["why"] = probed.offer.refusal().detail;
  row["last_words"] = probed.last_words;
  row["hint"] = hint;
  print(console, row, findings, {});
}

}  // namespace toolgate
