// Files that `import` is given in real life, and files that are made to mislead it or whoever reads
// its report.

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "gateway/config/import.hpp"
#include "tests/gateway/cli_support.hpp"

using namespace toolgate;
using namespace std::string_literals;
using toolgate::test::CommandLine;
using toolgate::test::contains;
using toolgate::test::lines;
using toolgate::test::Outcome;

namespace {

std::optional<std::string> environment(const std::string& name) {
  if (name == "HOME") return "/home/user";
  return std::nullopt;
}

void write(const std::filesystem::path& file, const std::string& text) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << text;
}

std::string read(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

using Lines = std::vector<std::string>;

// "NAME entry" of each server, then "LINE kind server: what" of each note.
Lines outcome(const ImportPlan& plan) {
  Lines result;
  for (const ImportedServer& server : plan.servers) {
    result.push_back(server.name.text() + " " + server.entry);
  }
  for (const ImportNote& note : plan.notes) {
    result.push_back(std::to_string(note.place.line) + " " +
                     std::string(import_note_kind_name(note.kind)) + " " + note.server + ": " +
                     note.what);
  }
  return result;
}

struct Row {
  const char* name;
  const char* file;
  std::string text;
  Lines outcome;
};

const std::string renamed = "it is called '";
const std::string bad_name = "its name cannot be used here; give it another one first";
const std::string nul = "this text holds a NUL character, which cannot be passed on";
const std::string chooses = " chooses among servers, which is not taken over";
const std::string very_short = "very short; some harnesses write seconds";
const std::string lists =
    "the file's own lists keep the harness from starting it; it is disabled here";

const std::vector<Row> rows = {
    {"a byte order mark, carriage returns and tabs",
     "/p/.cursor/mcp.json",
     "\xEF\xBB\xBF{\r\n\t\"mcpServers\": {\r\n\t\t\"a\": {\r\n\t\t\t\"command\": \"x\",\r\n"
     "\t\t\t\"widgets\": 1\r\n\t\t}\r\n\t}\r\n}",
     {R"(a {"command":"x"})", "5 dropped a: 'widgets' has no counterpart here"}},
    {"the same in TOML",
     "/h/.codex/config.toml",
     "\xEF\xBB\xBF\r\n[mcp_servers.a]\r\ncommand = 'x'\r\nwidgets = 1\r\n",
     {R"(a {"command":"x"})", "4 dropped a: 'widgets' has no counterpart here"}},
    {"TOML that only its content tells, behind a byte order mark",
     "/p/saved",
     "\xEF\xBB\xBF[mcp_servers.a]\ncommand = 'x'\n",
     {R"(a {"command":"x"})"}},
    {"escapes and names that are not ASCII",
     "/p/.mcp.json",
     "{\"mcpServers\":{\"gr\\u00f6\\u00dfe\":{\"\\u0063ommand\":\"\\u0078\"},\n"
     "\"größe 2\":{\"command\":\"größe\"}}}",
     {R"(gr-e {"command":"x"})", R"(gr-e-2 {"command":"größe"})",
      "1 changed gr\\xc3\\xb6\\xc3\\x9fe: " + renamed + "gr-e' here",
      "2 changed gr\\xc3\\xb6\\xc3\\x9fe 2: " + renamed + "gr-e-2' here"}},
    {"the gateway itself, under any name",
     "/p/.mcp.json",
     "{\"mcpServers\":{\"toolgate\":{\"command\":\"/usr/bin/toolgate\",\"args\":[\"stdio\"]},\n"
     "\"gate\":{\"command\":\"toolgate\",\"args\":[\"--config\",\"x\",\"connect\"]},\n"
     "\"a\":{\"command\":\"x\",\"args\":[\"stdio\"]}}}",
     {R"(a {"command":"x","args":["stdio"]})", "1 left out toolgate: it is this gateway itself",
      "2 left out gate: it is this gateway itself"}},
    {"the gateway itself, in TOML",
     "/h/.codex/config.toml",
     "[mcp_servers.toolgate]\ncommand = '/opt/toolgate'\nargs = ['stdio']\n",
     {"1 left out toolgate: it is this gateway itself"}},
    {"another program's server that is called toolgate",
     "/p/.mcp.json",
     R"({"mcpServers":{"toolgate":{"command":"x"}}})",
     {R"(toolgate {"command":"x"})"}},
    {"what projects of Claude Code choose",
     "/home/user/.claude.json",
     "{\"mcpServers\":{\"a\":{\"command\":\"x\"}},\"projects\":{\"/p\\u001b[1m\":{\n"
     "\"mcpServers\":{\"b\":{\"command\":\"y\"}},\n"
     "\"enabledMcpjsonServers\":[],\"disabledMcpServers\":[\"b\"]},\n"
     "\"/q\":{\"enabledMcpjsonServers\":[\"c\"]}}}",
     {R"(a {"command":"x"})", R"(b {"command":"y","disabled":true})", "2 changed b: " + lists,
      "2 changed b: it was for the project /p\\x1b[1m alone; here it is for every session",
      "3 dropped : 'disabledMcpServers' of the project /p\\x1b[1m" + chooses,
      "4 dropped : 'enabledMcpjsonServers' of the project /q" + chooses}},
    {"one server of two projects, under a name that has to change",
     "/home/user/.claude.json",
     "{\"projects\":{\"/p\":{\"mcpServers\":{\"a b\":{\"command\":\"x\"}}},\n"
     "\"/q\":{\"mcpServers\":{\"a b\":{\"command\":\"x\"},\"a,b\":{\"command\":\"x\"}}}}}",
     {R"(a-b {"command":"x"})", "1 changed a b: " + renamed + "a-b' here",
      "1 changed a b: it was for the project /p alone; here it is for every session",
      "2 changed a b: " + renamed + "a-b' here",
      "2 changed a b: it was for the project /q alone; here it is for every session",
      "2 left out a,b: " + bad_name}},
    {"names that mean something to a program",
     "/p/.mcp.json",
     R"({"mcpServers":{"__proto__":{"command":"x"},"constructor":{"command":"x"},)"
     R"("../../etc/passwd":{"command":"x"},"..":{"command":"x"},"":{"command":"x"},)"
     R"("a\u0000b":{"command":"x"},"-rf":{"command":"x"}}})",
     {R"(proto_ {"command":"x"})", R"(constructor {"command":"x"})",
      R"(etc-passwd {"command":"x"})", R"(a-b {"command":"x"})", R"(rf {"command":"x"})",
      "1 changed __proto__: " + renamed + "proto_' here",
      "1 changed ../../etc/passwd: " + renamed + "etc-passwd' here", "1 left out ..: " + bad_name,
      "1 left out : " + bad_name, "1 changed a\\x00b: " + renamed + "a-b' here",
      "1 changed -rf: " + renamed + "rf' here"}},
    {"NUL where a program or a header would be cut short",
     "/p/.mcp.json",
     R"({"mcpServers":{"a":{"command":"/bin/true\u0000x"},"b":{"command":"x","args":["\u0000"]},)"
     R"("c":{"command":"x","env":{"K":"\u0000"}},"d":{"command":"x","cwd":"/p\u0000"},)"
     R"("e":{"url":"https://h/\u0000"},"f":{"url":"https://h/","headers":{"X":"a\u0000b"}}}})",
     {"1 left out a: " + nul, "1 left out b: " + nul, "1 left out c: " + nul,
      "1 left out d: " + nul, "1 changed e: it has no 'type'; taken as Streamable HTTP",
      "1 left out e: " + nul, "1 changed f: it has no 'type'; taken as Streamable HTTP",
      "1 left out f: " + nul}},
    {"numbers that nobody means",
     "/p/.mcp.json",
     R"({"mcpServers":{"a":{"command":"x","timeout":1e400},"b":{"command":"x","timeout":-1e-400},)"
     R"("c":{"command":"x","timeout":99999999999999999999},"d":{"command":"x","timeout":6e4},)"
     R"("e":{"command":"x","args":[1e999]}}})",
     {"1 left out a: 'timeout' must be a whole number",
      "1 danger b: 'timeout' is taken as milliseconds, which makes it " + very_short,
      "1 left out b: 'timeout' must be a whole number",
      "1 left out c: 'timeout' must be a whole number",
      "1 left out d: 'timeout' must be a whole number",
      "1 left out e: 'args' must be an array of strings"}},
    {"numbers that nobody means, in TOML",
     "/h/.codex/config.toml",
     "[mcp_servers.a]\ncommand = 'x'\ntool_timeout_sec = 1e300\nstartup_timeout_sec = nan\n"
     "[mcp_servers.b]\ncommand = 'x'\ntool_timeout_sec = -inf\nstartup_timeout_ms = 0\n",
     {R"(a {"command":"x"})", R"(b {"command":"x"})",
      "3 dropped a: 'tool_timeout_sec' cannot be taken over; the default holds",
      "4 dropped a: 'startup_timeout_sec' cannot be taken over; the default holds",
      "7 dropped b: 'tool_timeout_sec' cannot be taken over; the default holds",
      "8 dropped b: 'startup_timeout_ms' cannot be taken over; the default holds"}},
};

struct Refused {
  const char* name;
  const char* file;
  std::string text;
  const char* detail;  // begins with this
};

const std::vector<Refused> refused = {
    {"UTF-16, little end first", "/p/.mcp.json", "\xFF\xFE{\0}\0"s,
     "/p/.mcp.json:1:1: is UTF-16; save it as UTF-8 first"},
    {"UTF-16, big end first", "/p/.mcp.json", "\xFE\xFF\0{\0}"s,
     "/p/.mcp.json:1:1: is UTF-16; save it as UTF-8 first"},
    {"UTF-16 without a mark", "/p/config.toml", "[\0a\0"s,
     "/p/config.toml:1:1: is UTF-16; save it as UTF-8 first"},
    {"empty", "/p/.mcp.json", "", "/p/.mcp.json:1:1: is empty"},
    {"a byte order mark alone", "/p/.mcp.json", "\xEF\xBB\xBF", "/p/.mcp.json:1:1: is empty"},
    {"white space alone", "/p/.mcp.json", " \r\n", "/p/.mcp.json:1:1: is empty"},
    {"Latin-1", "/p/.mcp.json", "{\"mcpServers\":{\"\xe9\":{}}}", "/p/.mcp.json: line 1, column "},
    {"two servers of one name", "/p/.mcp.json",
     "{\"mcpServers\":{\n\"a\":{\"command\":\"x\"},\n\"\\u0061\":{\"command\":\"y\"}}}",
     "/p/.mcp.json: line 3, column "},
    {"two objects of servers", "/p/.mcp.json", "{\"mcpServers\":{},\n\"mcpServers\":{}}",
     "/p/.mcp.json: line 2, column "},
    {"nested a hundred deep", "/p/.mcp.json",
     "{\"mcpServers\":{},\n\"d\":" + std::string(100, '[') + std::string(100, ']') + "}",
     "/p/.mcp.json: line 2, column "},
    {"a file name that moves the cursor", "/p/\x1b[2J\n.json", "{",
     "/p/\\x1b[2J\\x0a.json: line 1, column 2"},
    {"two values for one key, in TOML", "/p/config.toml",
     "[mcp_servers.a]\ncommand = 'x'\ncommand = 'y'\n", "/p/config.toml: line 3, column "},
};

std::string many_servers(int count) {
  std::string text = "{\"mcpServers\":{";
  for (int i = 0; i < count; ++i) {
    text += (i > 0 ? ",\n" : "\n") + ("\"server " + std::to_string(i)) +
            "\":{\"command\":\"npx\",\"args\":[\"-y\",\"pkg\"],\"trust\":true}";
  }
  return text + "}}\n";
}

}  // namespace

TEST_CASE(
    "real files with traps, and hostile ones: what is taken over, and what is said about it") {
  for (const Row& row : rows) {
    CAPTURE(std::string(row.name));
    const auto plan = read_harness_text(row.text, row.file, environment);
    REQUIRE_MESSAGE(plan, (plan ? "" : plan.refusal().detail));
    Lines found = outcome(*plan);
    Lines expected = row.outcome;
    std::ranges::sort(found);
    std::ranges::sort(expected);
    std::string text;
    for (const std::string& line : found) text += line + "\n";
    CAPTURE(text);
    CHECK(found == expected);
  }
}

TEST_CASE("files that cannot be read are refused with the place") {
  for (const Refused& row : refused) {
    CAPTURE(std::string(row.name));
    const auto plan = read_harness_text(row.text, row.file, environment);
    REQUIRE(!plan);
    CAPTURE(plan.refusal().detail);
    CHECK(plan.refusal().detail.starts_with(row.detail));
  }
}

TEST_CASE("a second import of any harness's file changes nothing, and says so") {
  struct Source {
    const char* format;
    const char* text;
    std::vector<std::string> names;
  };
  const std::vector<Source> sources = {
      {"claude-code",
       "{\"mcpServers\":{\"cc a\":{\"type\":\"stdio\",\"command\":\"x\",\"timeout\":2000}},"
       "\"projects\":{\"/p\":{\"mcpServers\":{\"cc-b\":{\"type\":\"http\",\"url\":\"https://h/"
       "\"}}}}}",
       {"cc-a", "cc-b"}},
      {"claude-desktop",
       "{\"mcpServers\":{\"d\":{\"command\":\"x\",\"args\":[\"\\u00e9\\/\"],\"env\":{}}}}",
       {"d"}},
      {"cursor",
       "{\"mcpServers\":{\"cu\":{\"command\":\"${userHome}/"
       "x\",\"envFile\":\".env\",\"cwd\":\"sub\"}}}",
       {"cu"}},
      {"vscode",
       "{\"inputs\":[],\"servers\":{\"v\":{\"type\":\"http\",\"url\":\"https://h/\",},},}",
       {"v"}},
      {"codex",
       "[mcp_servers.co]\ncommand = 'x'\nenv_vars = ['A']\ntool_timeout_sec = 2\n"
       "disabled_tools = ['b', 'a']\n",
       {"co"}},
      {"gemini",
       "{\"mcpServers\":{\"g\":{\"httpUrl\":\"https://h/\",\"headers\":{\"X\":\"$A\"},"
       "\"excludeTools\":[\"t\"]}},\"mcp\":{\"excluded\":[\"g\"]}}",
       {"g"}},
  };
  CommandLine toolgate;
  toolgate.environment["HOME"] = "/home/user";
  toolgate.must({"init"});
  const std::filesystem::path file = toolgate.home.path() / "file";
  const std::filesystem::path configuration = toolgate.folder() / "toolgate.json";
  for (const Source& source : sources) {
    CAPTURE(std::string(source.format));
    write(file, source.text);
    const std::string first = toolgate.must({"import", file.string(), "--format", source.format});
    const std::string written = read(configuration);
    const std::string second = toolgate.must({"import", file.string(), "--format", source.format});
    CHECK(read(configuration) == written);
    for (const std::string& name : source.names) {
      CHECK(contains(first, "imported  " + name + "\n"));
      CHECK(contains(second, "unchanged " + name + "\n"));
    }
    CHECK(!contains(second, "imported"));
    CHECK(!contains(second, "left out"));
  }
}

TEST_CASE("the file is only read: through links, without the right to write, never waited for") {
  CommandLine toolgate;
  toolgate.must({"init"});
  const std::filesystem::path file = toolgate.home.path() / "real.json";
  const std::filesystem::path link = toolgate.home.path() / "link.json";
  const std::string text = R"({"mcpServers":{"a":{"command":"x"}}})";
  write(file, text);
  std::filesystem::permissions(file, std::filesystem::perms::owner_read);
  std::filesystem::create_symlink(file, link);
  CHECK(contains(toolgate.must({"import", link.string()}), "imported  a\n"));
  CHECK(read(file) == text);
  CHECK(std::filesystem::status(file).permissions() == std::filesystem::perms::owner_read);
  CHECK(std::filesystem::is_symlink(link));
  std::filesystem::remove(link);
  const auto error = [&] { return toolgate({"import", link.string()}).error; };
  CHECK(contains(error(), "link.json:1:1: cannot be read: No such file"));
  std::filesystem::create_symlink(link, link);
  CHECK(contains(error(), "link.json:1:1: cannot be read: Too many levels"));
  std::filesystem::remove(link);
  REQUIRE(mkfifo(link.c_str(), 0600) == 0);
  CHECK(contains(error(), "link.json:1:1: is not a regular file"));
  std::filesystem::remove(link);
  std::filesystem::create_symlink("/dev/zero", link);
  CHECK(contains(error(), "link.json:1:1: is not a regular file"));
}

TEST_CASE("thousands of servers are taken over once, in their order, each with its notes") {
  constexpr int count = 1'000;  // the most that a configuration may hold
  CommandLine toolgate;
  toolgate.must({"init"});
  const std::filesystem::path file = toolgate.home.path() / "many.json";
  write(file, many_servers(count));
  const Outcome first = toolgate({"import", file.string(), "--isolation", "none"});
  CHECK(first.status == 0);
  CHECK(first.error ==
        "note: server-0, server-1, server-2 and 997 others run without a sandbox, with "
        "all your rights\n");
  // "read as", and for each: imported, renamed, a danger, what is not believed.
  CHECK(lines(first.out) == 1 + 4 * count);
  CHECK(contains(first.out, "  changed  line 1001  server 999: it is called 'server-999' here\n"));
  const std::string configuration = (toolgate.folder() / "toolgate.json").string();
  const auto written = std::filesystem::file_size(configuration);
  const std::string again = toolgate.must({"import", file.string(), "--json"});
  CHECK(lines(again) == 2 * count);
  CHECK(again.starts_with(R"({"server":"server-0","state":"unchanged","notes":[]})"));
  CHECK(std::filesystem::file_size(configuration) == written);
  write(file, many_servers(20 * count));
  const Outcome more = toolgate({"import", file.string()});
  CHECK(more.status == 1);
  CHECK(contains(more.error, "holds more than 1000 servers"));
  CHECK(std::filesystem::file_size(configuration) == written);
}

TEST_CASE("no text of a harness's file reaches the terminal as more than letters") {
  CommandLine toolgate;
  toolgate.must({"init"});
  const std::string hostile = R"(x\u001b[2J\u001b]0;owned\u0007\r\n\u202eevil\u200b\u009b31m)";
  const std::filesystem::path file = toolgate.home.path() / "\x1b[31mred\n.json";
  std::string text = R"({"mcpServers":{"N":{"command":"N","args":["N"],"N":1,"env":{"N":"N"},)"
                     R"("excludeTools":["N"]},"n":{"url":"N"}},"projects":{"N":{"mcpServers":)"
                     R"({"p N":{"command":"x","cwd":"N"}},"disabledMcpServers":["N"]}}})";
  for (std::size_t at = text.find('N'); at != std::string::npos;
       at = text.find('N', at + hostile.size())) {
    text.replace(at, 1, hostile);
  }
  write(file, text);
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"import", file.string()},
                                             {"import", file.string(), "--json"},
                                             {"install", "cursor", "--file", file.string()},
                                             {"import", file.string() + "none"},
                                             {"uninstall", "cursor", "--file", file.string()}}) {
    CAPTURE(words[0]);
    const Outcome outcome = toolgate(words);
    const std::string shown = outcome.out + outcome.error;
    CHECK(shown.size() > 20);
    CHECK(std::ranges::all_of(shown, [](char c) { return (c >= ' ' && c <= '~') || c == '\n'; }));
  }
}
