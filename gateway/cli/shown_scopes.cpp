#include "gateway/cli/shown_scopes.hpp"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <ostream>

#include "gateway/packages/manifest_signature.hpp"

namespace toolgate {
namespace {

using Words = std::vector<std::string>;

boost::json::array array_of(const Words& words) {
  boost::json::array array;
  for (const std::string& word : words) array.push_back(boost::json::value(word));
  return array;
}

std::string isolation_of(const ServerEntry& entry) {
  return entry.is_local() ? std::string(isolation_name(entry.isolation)) : "remote";
}

Words header_names(const ServerEntry& entry) {
  Words names;
  for (const auto& [name, value] : entry.headers) names.push_back(name);
  return names;
}

boost::json::object file_json(const FileScope& file) {
  boost::json::object one;
  one["path"] = file.path.string();
  one["mode"] = std::string(mode_name(file.mode));
  if (file.mode == FileMode::rw_no_delete)
    one["enforcement"] = file.is_staged ? "staged" : "strict";
  if (file.exec) one["exec"] = true;
  return one;
}

void print_line(Console& console, std::string_view name, const std::string& text) {
  console.out << "  " << styled(console, Style::faint, name) << "  " << visible(text) << "\n";
}

}  // namespace

boost::json::object scopes_json(const ServerEntry& entry, const Words& program) {
  boost::json::object scopes;
  scopes["isolation"] = isolation_of(entry);
  boost::json::array files;
  for (const FileScope& file : entry.files) files.push_back(file_json(file));
  scopes["files"] = std::move(files);
  scopes["protect"] = array_of(entry.protect);
  scopes["headers"] = array_of(header_names(entry));
  if (entry.when_missing) {
    boost::json::object remains;
    remains["isolation"] = std::string(isolation_name(entry.when_missing->isolation));
    remains["tools"] = array_of(entry.when_missing->tools);
    scopes["when_missing"] = std::move(remains);
  }
  if (entry.publisher) {
    boost::json::object publisher;
    publisher["name"] = entry.publisher->name;
    publisher["key"] = entry.publisher->key.id();
    scopes["require_signature"] = std::move(publisher);
  }
  scopes["program"] = array_of(program);
  scopes["digest"] = entry.scope_digest().text();
  return scopes;
}

void print_scopes(Console& console, const ServerEntry& entry) {
  print_line(console, "isolation", isolation_of(entry));
  for (const FileScope& file : entry.files) {
    std::string text = file.path.string() + "  " + std::string(mode_name(file.mode));
    if (file.is_staged) text += ", staged";
    if (file.exec) text += ", exec";
    print_line(console, "files", text);
  }
  for (const std::string& name : entry.protect) print_line(console, "protect", name);
  for (const std::string& name : header_names(entry)) print_line(console, "header", name);
  if (entry.publisher) {
    print_line(console, "needs", "a signature by " + publisher_text(*entry.publisher));
  }
  if (!entry.when_missing) return;
  std::string text = "where \"" + std::string(isolation_name(entry.isolation)) +
                     "\" cannot be had, it runs with isolation \"" +
                     std::string(isolation_name(entry.when_missing->isolation)) +
                     "\" and these tools alone:";
  for (const std::string& tool : entry.when_missing->tools) text += " " + tool;
  console.out << "  " << styled(console, Style::warning, "remains") << "  " << visible(text)
              << "\n";
}

}  // namespace toolgate
