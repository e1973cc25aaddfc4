#include "gateway/config/configuration.hpp"

#include <algorithm>
#include <charconv>

#include "connectors/sandbox/paths.hpp"
#include "gateway/config/approval_rules.hpp"
#include "gateway/config/change_class.hpp"
#include "gateway/config/dangers.hpp"
#include "gateway/config/file_text.hpp"
#include "gateway/config/keys.hpp"
#include "gateway/config/problems.hpp"
#include "gateway/config/publishers.hpp"
#include "gateway/config/server_entry.hpp"
#include "gateway/config/variables.hpp"
#include "gateway/core/document.hpp"
#include "signing/keyring.hpp"

namespace toolgate {
namespace {

using config::printable;
using config::Problems;
using config::Reading;

constexpr std::size_t most_servers = 1'000;

void read_servers(const Value& servers, std::string_view text, const config::Publishers& publishers,
                  const Reading& reading, Configuration& result) {
  if (servers.size() > most_servers) {
    reading.problems.add(servers.begin(), "'mcpServers' holds more than 1000 servers");
    return;
  }
  std::size_t line = 1;
  std::size_t counted = 0;
  for (const Member& member : servers.members()) {
    const Status good = check_plain_name(member.name, "server");
    if (!good) reading.problems.add(member.value.name_begin(), good.refusal().detail);
    ServerEntry entry = config::read_server(member.value, ServerName(member.name), reading);
    entry.publisher = config::read_required_signature(member.value, entry, publishers, reading);
    const std::string_view between = text.substr(counted, member.value.name_begin() - counted);
    line += static_cast<std::size_t>(std::ranges::count(between, '\n'));
    counted = member.value.name_begin();
    entry.line = line;
    for (const ServerEntry& other : result.servers) {
      if (entry.prefix.empty() || other.prefix != entry.prefix) continue;
      reading.problems.add(
          member.value.name_begin(),
          "servers '" + printable(other.name.text()) + "' and '" + printable(member.name) +
              "' have the same prefix; set another 'prefix' in one's \"toolgate\"");
    }
    result.servers.push_back(std::move(entry));
  }
}

// A list that restricts. One that is there and empty would mean "all" to one reader and "none" to
// another.
std::vector<std::string> read_names(const Value& list, std::string_view key, Problems& problems) {
  std::vector<std::string> result;
  for (const Value& value : list.elements()) result.push_back(value.text());
  if (result.empty()) {
    problems.add(list.begin(), "'" + std::string(key) + "' is empty; leave it out to allow all");
  }
  return result;
}

void read_agents(const Value& agents, const Reading& reading, Configuration& result) {
  std::vector<std::string_view> known;
  known.reserve(result.servers.size());
  for (const ServerEntry& server : result.servers) known.push_back(server.name.text());
  for (const Member& member : agents.members()) {
    const Status good = check_plain_name(member.name, "agent");
    if (!good) reading.problems.add(member.value.name_begin(), good.refusal().detail);
    AgentEntry agent;
    if (const auto servers = member.value.find("servers")) {
      agent.servers = read_names(*servers, "servers", reading.problems);
      for (const Value& value : servers->elements()) {
        const std::string name = value.text();
        if (result.find(ServerName(name)) != nullptr) continue;
        const std::string_view near = config::nearest(name, known);
        const std::string hint = near.empty() ? "" : "; did you mean '" + std::string(near) + "'?";
        reading.problems.add(value.begin(), "no server is called '" + printable(name) + "'" + hint);
      }
    }
    if (const auto tools = member.value.find("tools")) {
      agent.tools = read_names(*tools, "tools", reading.problems);
    }
    result.agents.emplace(member.name, std::move(agent));
  }
}

void read_detail(const Value& audit, std::string_view key, AuditSettings::Detail& detail,
                 Problems& problems) {
  const auto value = audit.find(key);
  if (!value) return;
  const std::string quoted = "'" + std::string(key) + "'";
  if (value->equals("full")) {
    detail = AuditSettings::Detail::full;
  } else if (value->equals("digest")) {
    detail = AuditSettings::Detail::digest;
  } else if (value->equals("redacted")) {
    problems.add(value->begin(), quoted +
                                     " \"redacted\" is not enforced by this build yet; write "
                                     "\"digest\", which stores no text, or \"full\"");
  } else {
    problems.add(value->begin(), quoted + " must be \"full\", \"digest\" or \"redacted\"");
  }
}

void read_audit(const Value& audit, AuditSettings& settings, Problems& problems) {
  if (const auto durability = audit.find("durability")) {
    if (durability->equals("fsync")) {
      settings.durability = AuditSettings::Durability::fsync;
    } else if (!durability->equals("process")) {
      problems.add(durability->begin(), "'durability' must be \"process\" or \"fsync\"");
    }
  }
  read_detail(audit, "arguments", settings.arguments, problems);
  read_detail(audit, "results", settings.results, problems);
}

std::vector<std::string> read_classes(const Value& list, Problems& problems) {
  std::vector<std::string> classes;
  for (const Value& value : list.elements()) {
    if (!value.is_string()) {
      problems.add(value.begin(), "a class of changes must be a string");
      continue;
    }
    classes.push_back(value.text());
    if (classes.back() == any_class || change_class_from(classes.back())) continue;
    const std::string_view near = config::nearest(classes.back(), change_class_names);
    problems.add(value.begin(),
                 "no class of changes is called '" + printable(classes.back()) + "'" +
                     (near.empty() ? "" : "; did you mean '" + std::string(near) + "'?"));
  }
  return classes;
}

void read_approvals(const Value& approvals, ApprovalRules& rules, Problems& problems) {
  if (const auto dual = approvals.find("dual")) rules.dual = read_classes(*dual, problems);
  const auto keys = approvals.find("key_classes");
  if (!keys) return;
  for (const Member& member : keys->members()) {
    if (!member.value.is_array()) {
      problems.add(member.value.begin(),
                   "the classes of the key '" + printable(member.name) +
                       "' must be an array of strings; an empty one lets it approve nothing");
      continue;
    }
    rules.key_classes[member.name] = read_classes(member.value, problems);
  }
}

void read_doors(const Value& top, const Reading& reading, Configuration& result) {
  if (const auto tls = top.find("tls")) {
    const auto certificate = tls->find("certificate");
    const auto key = tls->find("key");
    if (!certificate || !key) {
      reading.problems.add(tls->begin(), "'tls' needs both a 'certificate' and a 'key'");
    }
    if (certificate) result.tls_certificate = reading.path(*certificate, "certificate");
    if (key) result.tls_key = reading.path(*key, "key");
  }
  if (const auto listen = top.find("listen")) {
    const Encryption encryption = top.find("tls") ? Encryption::tls : Encryption::none;
    const Result<std::string> address = parse_listen(listen->text(), encryption);
    if (address) {
      result.listen = *address;
    } else {
      reading.problems.add(listen->begin(), address.refusal().detail);
    }
  }
  if (const auto bytes = top.find("message_bytes")) {
    const auto most =
        reading.number(*bytes, "message_bytes", std::size_t{1} << 10, std::size_t{1} << 30);
    if (most) result.message_bytes = *most;
  }
}

void read_top(const Value& top, const Reading& reading, Configuration& result) {
  if (const auto version = top.find("version"); version && version->integer() != 1) {
    reading.problems.add(version->begin(), "'version' must be 1; this build knows no other");
  }
  if (const auto agents = top.find("agents")) read_agents(*agents, reading, result);
  if (const auto audit = top.find("audit")) read_audit(*audit, result.audit, reading.problems);
  if (const auto approvals = top.find("approvals")) {
    read_approvals(*approvals, result.approvals, reading.problems);
  }
  read_doors(top, reading, result);
}

// "line L, column C: why" of the JSON reader becomes "FILE:L:C: why".
Refusal not_json(const Refusal& refusal, const std::filesystem::path& file) {
  std::string detail = refusal.detail;
  const std::string name = printable(file.string(), 4'096);
  std::size_t line = 0;
  std::size_t column = 0;
  constexpr std::string_view first = "line ";
  constexpr std::string_view second = ", column ";
  const char* const end = detail.data() + detail.size();
  if (detail.starts_with(first)) {
    const auto number = std::from_chars(detail.data() + first.size(), end, line);
    const std::string_view rest(number.ptr, static_cast<std::size_t>(end - number.ptr));
    if (rest.starts_with(second)) {
      const auto other = std::from_chars(number.ptr + second.size(), end, column);
      const std::string_view why(other.ptr, static_cast<std::size_t>(end - other.ptr));
      if (why.starts_with(": ")) {
        return Refusal(Reason::bad_configuration, name + ':' + std::to_string(line) + ':' +
                                                      std::to_string(column) + std::string(why));
      }
    }
  }
  return Refusal(Reason::bad_configuration, name + ":1:1: " + detail);
}

bool is_within(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

std::string framed(std::string_view text) {
  return std::to_string(text.size()) + ':' + std::string(text) + ',';
}

}  // namespace

std::string_view isolation_name(Isolation isolation) {
  switch (isolation) {
    case Isolation::process:
      return "process";
    case Isolation::gvisor:
      return "gvisor";
    case Isolation::vm:
      return "vm";
    case Isolation::none:
      return "none";
  }
  return "";
}

std::filesystem::path ServerEntry::working_directory() const {
  if (!cwd.empty()) return cwd;
  std::error_code error;
  std::filesystem::path here = std::filesystem::current_path(error);
  if (isolation == Isolation::none) return error ? std::filesystem::path("/") : here;
  for (const FileScope& scope : files) {
    if (!error && is_within(here.native(), scope.path.native())) return here;
  }
  for (const FileScope& scope : files) {
    if (std::filesystem::is_directory(scope.path, error)) return scope.path;
  }
  return sandbox_home;
}

Digest ServerEntry::identity() const {
  // Netstrings, since what variables hold need not be UTF-8.
  if (!is_local()) {
    const std::string key = certificate_key.empty() ? "" : framed(certificate_key);
    return digest("server-identity/1", framed("remote") + framed(url) + key);
  }
  std::string arguments;
  for (const std::string& argument : argv) arguments += framed(argument);
  std::string names;
  for (const auto& [variable, value] : env) {
    names += framed(variable);
    if (config::danger_of_variable(variable)) names += framed("=" + value);
  }
  const std::string command = framed(arguments) + framed(cwd.string()) + framed(names);
  if (!artefact) return digest("server-identity/1", framed("local") + command);
  return digest("server-identity/1", framed("frozen") + command + framed(artefact->digest.text()));
}

Digest ServerEntry::scope_digest() const {
  constexpr std::string_view modes[] = {"ro", "rw", "rw-no-delete"};
  std::vector<std::string> scopes;
  scopes.reserve(files.size());
  for (const FileScope& scope : files) {
    scopes.push_back(
        framed(scope.path.string()) + framed(modes[static_cast<std::size_t>(scope.mode)]) +
        framed(scope.exec ? "exec" : "no-exec") + (scope.is_staged ? framed("staged") : ""));
  }
  std::ranges::sort(scopes);
  std::string listed;
  for (const std::string& scope : scopes) listed += framed(scope);
  for (const std::string& kept : protect) listed += framed("protect") + framed(kept);
  std::string names;
  for (const auto& [header, value] : headers) names += framed(header);
  std::string remains;
  if (when_missing) {
    std::vector<std::string> sorted = when_missing->tools;
    std::ranges::sort(sorted);
    std::string names_left;
    for (const std::string& tool : sorted) names_left += framed(tool);
    remains = framed("when_missing") + framed(isolation_name(when_missing->isolation)) +
              framed(names_left);
  }
  const std::string signer =
      publisher ? framed("require_signature") + framed(public_key_text(publisher->key)) : "";
  return digest("server-scope/1", framed(isolation_name(isolation)) + framed(listed) +
                                      framed(names) + remains + signer);
}

void set_gateway_home(Configuration& configuration, const std::filesystem::path& home) {
  std::error_code error;
  std::filesystem::path real = std::filesystem::weakly_canonical(home, error);
  const std::vector<std::string> files = {(error ? home : real).string(),
                                          configuration.file.string()};
  for (ServerEntry& entry : configuration.servers) entry.gateway_files = files;
}

const ServerEntry* Configuration::find(const ServerName& name) const {
  const auto found = std::ranges::find(servers, name, &ServerEntry::name);
  return found == servers.end() ? nullptr : &*found;
}

Result<Configuration> parse_configuration(std::string text, const std::filesystem::path& file,
                                          const Environment& environment) {
  const Result<Document> document =
      parse_configuration_text(Untrusted<std::string>(std::move(text)), config::file_limits);
  if (!document) return not_json(document.refusal(), file);
  const Value root = document->root();
  Problems problems;
  if (!root.is_object()) {
    problems.add(root.begin(), "the configuration must be an object: { \"mcpServers\": { } }");
    return problems.refusal(document->text(), file);
  }
  config::check_section(root, config::root_section(), "", problems);
  if (!problems.empty()) return problems.refusal(document->text(), file);

  const config::Variables variables(environment);
  const std::filesystem::path directory = file.parent_path();
  const Reading reading{variables, directory, problems};
  Configuration result;
  result.file = file;
  const config::Publishers publishers = config::read_publishers(root, reading);
  if (const auto servers = root.find("mcpServers")) {
    read_servers(*servers, document->text(), publishers, reading, result);
  }
  if (const auto top = root.find("toolgate")) read_top(*top, reading, result);
  if (!problems.empty()) return problems.refusal(document->text(), file);
  return result;
}

Result<Configuration> load_configuration(const std::filesystem::path& file,
                                         const Environment& environment) {
  std::error_code error;
  std::filesystem::path absolute = std::filesystem::absolute(file, error);
  if (error) absolute = file;
  Result<std::string> text = config::read_file(absolute, config::Writers::trusted);
  if (!text) return text.refusal();
  return parse_configuration(std::move(*text), absolute, environment);
}

}  // namespace toolgate
