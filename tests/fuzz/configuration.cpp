// The configuration is parsed without a crash, and what was parsed keeps its promises: it parses
// again to the same thing, a server can be added to it and taken out again, and it can be imported
// into an empty one.

#include "gateway/config/configuration.hpp"

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "gateway/config/edit.hpp"
#include "gateway/config/import.hpp"

using namespace toolgate;

namespace {

std::optional<std::string> environment(const std::string& name) {
  if (name == "HOME") return "/home/user";
  if (name == "TOOLGATE_WORKSPACE") return "/srv";
  if (name == "A") return "a${A}\xff\n";
  return std::nullopt;
}

void check_promises(const Configuration& configuration) {
  for (const ServerEntry& server : configuration.servers) {
    assert(check_plain_name(server.name.text(), "server"));
    assert(server.is_local() ? !server.argv.empty() && !server.argv[0].empty() && server.url.empty()
                             : !server.url.empty() && server.argv.empty() && server.env.empty());
    assert(server.cwd.empty() || server.cwd.is_absolute());
    for (const FileScope& scope : server.files) assert(scope.path.is_absolute());
    for (const std::string& argument : server.argv)
      assert(argument.find('\0') == std::string::npos);
    for (const auto& [name, value] : server.headers) {
      assert(value.find_first_of("\r\n") == std::string::npos);
    }
    assert(server.isolation != Isolation::none || server.isolation_written_out);
  }
}

void check_edits(const std::string& text, const Configuration& configuration) {
  const ServerName name("fuzz-added");
  const Result<std::string> added = add_server(text, name, R"({"command":"x","args":["1"]})");
  if (!added) {
    assert(configuration.find(name) != nullptr);
    return;
  }
  const Result<Configuration> more = parse_configuration(*added, "/c/t.json", environment);
  if (!more) return;  // another server may have the prefix "fuzz-added__"
  assert(more->servers.size() == configuration.servers.size() + 1);
  const Result<std::string> removed = remove_server(*added, name);
  assert(removed);
  const Result<Configuration> less = parse_configuration(*removed, "/c/t.json", environment);
  assert(less);
  assert(less->servers.size() == configuration.servers.size());
  for (std::size_t i = 0; i < less->servers.size(); ++i) {
    assert(less->servers[i].identity() == configuration.servers[i].identity());
    assert(less->servers[i].scope_digest() == configuration.servers[i].scope_digest());
  }
}

void check_import(const std::string& text) {
  const Result<ImportPlan> plan = read_harness_text(text, "/p/.mcp.json", environment);
  if (!plan) {
    assert(plan.refusal().detail.find('\n') == std::string::npos);
    return;
  }
  for (const ImportNote& note : plan->notes) {
    for (const char c : note.server + note.what) assert(c >= ' ' && c <= '~');
  }
  const Result<Merged> merged = merge_servers("{}", *plan);
  assert(merged);
  assert(merged->added.size() == plan->servers.size());
  const Result<Merged> again = merge_servers(merged->text, *plan);
  assert(again);
  assert(again->added.empty() && again->text == merged->text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const Result<Configuration> parsed = parse_configuration(text, "/c/t.json", environment);
  if (parsed) {
    check_promises(*parsed);
    check_edits(text, *parsed);
  } else {
    assert(parsed.refusal().detail.starts_with("/c/t.json:"));
    for (const char c : parsed.refusal().detail) assert((c >= ' ' && c <= '~') || c == '\n');
  }
  check_import(text);
  return 0;
}
