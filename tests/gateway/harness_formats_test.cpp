#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

#include "gateway/config/harness_text.hpp"
#include "gateway/config/import.hpp"

using namespace toolgate;

namespace {

std::optional<std::string> environment(const std::string& name) {
  if (name == "HOME") return "/home/user";
  if (name == "TOOLGATE_WORKSPACE") return "/work";
  if (name == "TOKEN") return "hidden";
  return std::nullopt;
}

ImportPlan plan(const std::string& text, const std::filesystem::path& file,
                std::optional<HarnessFormat> format = std::nullopt) {
  ImportOptions options;
  options.format = format;
  const Result<ImportPlan> result = read_harness_text(text, file, environment, options);
  REQUIRE_MESSAGE(result, (result ? "" : result.refusal().detail));
  for (const ImportNote& note : result->notes) {
    CHECK(note.what.find("hidden-secret") == std::string::npos);
  }
  return *result;
}

// "LINE kind server: what" for each note.
std::vector<std::string> report(const ImportPlan& plan) {
  std::vector<std::string> lines;
  for (const ImportNote& note : plan.notes) {
    lines.push_back(std::to_string(note.place.line) + " " +
                    std::string(import_note_kind_name(note.kind)) + " " + note.server + ": " +
                    note.what);
  }
  return lines;
}

// "NAME entry" for each server.
std::vector<std::string> servers(const ImportPlan& plan) {
  std::vector<std::string> lines;
  for (const ImportedServer& server : plan.servers) {
    lines.push_back(server.name.text() + " " + server.entry);
  }
  return lines;
}

using Lines = std::vector<std::string>;

// Shows the lines themselves where they differ.
void check_same(const Lines& found, const Lines& expected) {
  std::string text;
  for (const std::string& line : found) text += line + "\n";
  CAPTURE(text);
  CHECK(found == expected);
}

const std::string codex_file = R"(# Codex
model = "gpt-5"

[mcp_servers.local]
command = "/usr/bin/server"
args = ["--root", "/srv"]
env = { MODE = "x" }
env_vars = ["TOKEN", { name = "OTHER", source = "local" }, { name = "FAR", source = "remote" }]
cwd = "/srv"
startup_timeout_sec = 20
tool_timeout_sec = 1.5
disabled_tools = ["rm"]
required = true

[mcp_servers.far]
url = "https://example.com/mcp"
bearer_token_env_var = "TOKEN"
http_headers = { "X-A" = "1" }
env_http_headers = { "X-B" = "TOKEN" }
enabled = false
enabled_tools = ["ls"]
default_tools_approval_mode = "approve"
oauth_resource = "https://example.com"

[mcp_servers.far.tools.ls]
approval_mode = "approve"

[mcp_servers.mixed]
command = "x"
url = "https://example.com/mcp"

[mcp_servers.inline]
url = "https://example.com/mcp"
bearer_token = "hidden-secret"
)";

}  // namespace

TEST_CASE("the format is told by content, then by the file's name") {
  struct Row {
    const char* file;
    const char* text;
    HarnessFormat format;
  };
  const std::vector<Row> rows = {
      {"/p/.mcp.json", R"({"mcpServers":{}})", HarnessFormat::claude_code},
      {"/home/u/.claude.json", R"({"projects":{}, "mcpServers":{}})", HarnessFormat::claude_code},
      {"/etc/claude-code/managed-mcp.json", R"({"mcpServers":{}})", HarnessFormat::claude_code},
      {"/c/claude_desktop_config.json", R"({"mcpServers":{}})", HarnessFormat::claude_desktop},
      {"/p/.cursor/mcp.json", R"({"mcpServers":{}})", HarnessFormat::cursor},
      {"/p/x.json", R"({"mcpServers":{"a":{"envFile":".env"}}})", HarnessFormat::cursor},
      {"/p/.vscode/mcp.json", R"({"servers":{}})", HarnessFormat::vscode},
      {"/p/.cursor/mcp.json", R"({"servers":{}})", HarnessFormat::vscode},
      {"/p/settings.json", R"({"mcp":{"servers":{}}})", HarnessFormat::vscode},
      {"/h/.gemini/settings.json", R"({"mcpServers":{}})", HarnessFormat::gemini},
      {"/p/x.json", R"({"mcpServers":{"a":{"httpUrl":"https://h/"}}})", HarnessFormat::gemini},
      {"/h/.codex/config.toml", "[mcp_servers]\n", HarnessFormat::codex},
      {"/p/saved", "# x\n[mcp_servers]\n", HarnessFormat::codex},
      {"/p/saved", "// x\n{\"mcpServers\":{}}", HarnessFormat::claude_code},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.file));
    CAPTURE(std::string(row.text));
    const auto read = config::read_harness_format(row.text, row.file, std::nullopt);
    REQUIRE(read);
    CHECK(read->format() == row.format);
  }
  CHECK(harness_format_named("gemini"));
  CHECK(harness_format_named("emacs").refusal().detail ==
        "'emacs' is none of claude-code, claude-desktop, cursor, vscode, codex, gemini");
}

TEST_CASE("Codex: TOML, names of variables, seconds") {
  const ImportPlan result = plan(codex_file, "/home/user/.codex/config.toml");
  CHECK(result.format == HarnessFormat::codex);
  check_same(servers(result),
             Lines{"far "
                   "{\"type\":\"http\",\"url\":\"https://example.com/"
                   "mcp\",\"headers\":{\"Authorization\":\"Bearer "
                   "${TOKEN}\",\"X-A\":\"1\",\"X-B\":\"${TOKEN}\"},\"disabled\":true}",
                   "local "
                   "{\"args\":[\"--root\",\"/srv\"],\"command\":\"/usr/bin/server\",\"cwd\":\"/"
                   "srv\",\"timeout\":1500,\"env\":{\"MODE\":\"x\",\"OTHER\":\"${OTHER:-}\","
                   "\"TOKEN\":\"${TOKEN:-}\"},\"toolgate\":{\"limits\":{\"start_ms\":20000},"
                   "\"tools\":{\"rm\":{\"decision\":\"deny\",\"hidden\":true}}}}"});
  check_same(
      report(result),
      Lines{
          "8 changed local: 'env_vars' are variables in 'env' here; one that is not set is empty",
          R"(8 dropped local: 'env_vars' names what is no local variable)",
          R"(10 changed local: 'startup_timeout_sec' is in milliseconds here: 20000)",
          R"(11 changed local: 'tool_timeout_sec' is in milliseconds here: 1500)",
          "12 changed local: 'disabled_tools' is written as \"toolgate\" (tools): denied, not "
          "shown",
          "13 dropped local: 'required' is not taken over: a server that does not start is "
          "reported, and the others go on",
          R"(17 changed far: 'bearer_token_env_var' is the header 'Authorization' here)",
          R"(19 changed far: 'env_http_headers' are variables in 'headers' here)",
          "21 danger far: 'enabled_tools' names the only tools to be used, which has no "
          "counterpart here; approve only those (toolgate approve SERVER TOOL...)",
          "22 danger far: 'default_tools_approval_mode' is not taken over: what may run without "
          "asking is decided here, not by the harness",
          "23 dropped far: 'oauth_resource' is not taken over; put what the server needs into "
          "'headers'",
          "25 danger far: 'tools' is not taken over: what may run without asking is decided here, "
          "not by the harness",
          "28 left out mixed: 'command' and 'url' in one entry: a server is either local or remote",
          "32 left out inline: 'bearer_token' is a secret that is written out, which Codex refuses "
          "too; use 'bearer_token_env_var'"});
}

TEST_CASE("Claude Code: servers of projects, and lists of who may start") {
  const ImportPlan result = plan(R"({
  "mcpServers": { "a": { "command": "x" }, "b": { "url": "https://h/mcp" } },
  "deniedMcpServers": [ { "serverName": "a" }, { "serverCommand": ["rm"] } ],
  "projects": {
    "/home/user/one": { "mcpServers": { "a": { "command": "y" }, "c": { "command": "z" } } },
    "/home/user/two": { "mcpServers": { "c": { "command": "z" } }, "history": [] }
  }
})",
                                 "/home/user/.claude.json");
  check_same(servers(result),
             Lines{R"(a {"command":"x","disabled":true})",
                   R"(b {"type":"http","url":"https://h/mcp"})", R"(c {"command":"z"})"});
  check_same(
      report(result),
      Lines{
          "2 changed a: the file's own lists keep the harness from starting it; it is disabled "
          "here",
          R"(2 changed b: it has no 'type'; taken as Streamable HTTP)",
          "3 danger : a list of servers that may or may not be started has an element without a "
          "server's name, which is not taken over",
          R"(5 left out a: another server of that name stands earlier in the file; rename one)",
          "5 changed a: it was for the project /home/user/one alone; here it is for every session",
          "5 changed a: the file's own lists keep the harness from starting it; it is disabled "
          "here",
          "5 changed c: it was for the project /home/user/one alone; here it is for every session",
          "6 changed c: it was for the project /home/user/two alone; here it is for every "
          "session"});
}

TEST_CASE("Claude Desktop and Codex have no variables") {
  const std::string danger =
      "danger s: the harness has no variables and passes '${' on as it stands; here it begins one";
  const ImportPlan desktop = plan(R"({"mcpServers":{"s":{"command":"x","args":["${TOKEN}"]}}})",
                                  "/c/claude_desktop_config.json");
  check_same(report(desktop), Lines{"1 " + danger});
  const ImportPlan codex =
      plan("[mcp_servers.s]\ncommand = 'x'\nargs = [\n  '${TOKEN}',\n]\n", "/c/config.toml");
  check_same(report(codex), Lines{"3 " + danger});
}

TEST_CASE("Cursor: its variables, and a file of variables that is not read") {
  const ImportPlan result = plan(R"({ "mcpServers": { "s": {
    "command": "${workspaceFolder}/bin/server",
    "args": ["${userHome}", "${pathSeparator}", "${workspaceFolderBasename}"],
    "envFile": "${workspaceFolder}/.env" },
  "t": { "command": "x", "env": { "K": "${env:TOKEN}" } } } })",
                                 "/p/.cursor/mcp.json");
  check_same(servers(result), Lines{R"(t {"command":"x","env":{"K":"${TOKEN}"}})"});
  check_same(
      report(result),
      Lines{"1 left out s: ${workspaceFolderBasename} is not set; set it, or write "
            "${workspaceFolderBasename:-default}",
            R"(2 changed s: a variable of the harness is written in our form)",
            R"(3 changed s: a variable of the harness is written in our form)",
            R"(3 changed s: a variable of the harness is written in our form)",
            "4 dropped s: 'envFile' is not read; name the variables that the server needs in 'env'",
            R"(5 changed t: a variable of the harness is written in our form)"});
}

TEST_CASE("VS Code: inputs, sandboxes, local sockets, comments") {
  const ImportPlan result = plan(R"({
  // JSON with comments
  "inputs": [ { "type": "promptString", "id": "token", "password": true } ],
  "servers": {
    "a": { "type": "stdio", "command": "x", "env": { "K": "${input:token}" },
           "sandboxEnabled": true,
           "sandbox": { "network": { "allowedDomains": ["h"] } }, "dev": { "watch": "*" } },
    "b": { "type": "http", "url": "unix:///p.sock#/mcp" },
  },
})",
                                 "/p/.vscode/mcp.json");
  check_same(servers(result), Lines{R"(a {"type":"stdio","command":"x","env":{"K":"${TOKEN}"}})"});
  check_same(report(result),
             Lines{R"(3 dropped : 'inputs' are asked by the harness; set variables instead)",
                   "5 changed a: the harness asks for this input; here it is the variable "
                   "${TOKEN}, which must be set",
                   "6 danger a: 'sandboxEnabled' confines the server and is not taken over; its "
                   "tools, which the harness then runs without asking, wait for approval here",
                   "7 danger a: 'sandbox' restricts the server and is not taken over; write it "
                   "anew in \"toolgate\" (tools, agents)",
                   R"(7 dropped a: 'dev' is for developing the server and is not taken over)",
                   "8 left out b: its address is a local socket or pipe, which servers here cannot "
                   "have; give it an http://127.0.0.1 address"});
}

TEST_CASE("Gemini CLI: url is HTTP+SSE, $X, lists of servers and tools") {
  const ImportPlan result = plan(R"({
  "mcp": { "allowed": ["a", "b"], "excluded": ["b"] },
  "mcpServers": {
    "a": { "url": "https://h/sse", "headers": { "X": "Bearer $TOKEN" }, "trust": true },
    "b": { "httpUrl": "https://h/mcp", "excludeTools": ["rm", "mv"] },
    "c": { "command": "x", "args": ["$", "$1", "${TOKEN}", "${NOT:-d}", "a$NOT"],
           "includeTools": ["ls"] } // the end
  }
})",
                                 "/home/user/.gemini/settings.json");
  check_same(servers(result),
             Lines{R"(a {"type":"sse","url":"https://h/sse","headers":{"X":"Bearer ${TOKEN:-}"}})",
                   "b "
                   "{\"type\":\"http\",\"url\":\"https://h/"
                   "mcp\",\"disabled\":true,\"toolgate\":{\"tools\":{\"mv\":{\"decision\":\"deny\","
                   "\"hidden\":true},\"rm\":{\"decision\":\"deny\",\"hidden\":true}}}}",
                   "c "
                   "{\"command\":\"x\",\"args\":[\"$\",\"$1\",\"${TOKEN:-}\",\"${NOT:-d}\",\"a${"
                   "NOT:-}\"],\"disabled\":true}"});
  check_same(
      report(result),
      Lines{R"(4 changed a: it has no 'type'; taken as HTTP+SSE, as this harness does)",
            "4 danger a: it uses the deprecated HTTP+SSE transport; ask for a Streamable HTTP "
            "address",
            "4 changed a: a variable of the harness is written in our form; not set, it is empty "
            "as there",
            "4 dropped a: 'trust' is not taken over: what may run without asking is decided here, "
            "not by the harness",
            "5 changed b: the file's own lists keep the harness from starting it; it is disabled "
            "here",
            R"(5 changed b: 'httpUrl' is 'url' here)",
            R"(5 changed b: 'excludeTools' is written as "toolgate" (tools): denied, not shown)",
            "6 changed c: the file's own lists keep the harness from starting it; it is disabled "
            "here",
            "6 changed c: a variable of the harness is written in our form; not set, it is empty "
            "as there",
            "6 changed c: a variable of the harness is written in our form; not set, it is empty "
            "as there",
            "7 danger c: 'includeTools' names the only tools to be used, which has no counterpart "
            "here; approve only those (toolgate approve SERVER TOOL...)"});
}

TEST_CASE("a format can be forced") {
  const ImportPlan result =
      plan(R"({"mcpServers":{"s":{"url":"https://h/sse"}}})", "/p/x.json", HarnessFormat::gemini);
  check_same(servers(result), Lines{R"(s {"type":"sse","url":"https://h/sse"})"});
}

TEST_CASE("hostile and broken files are refused with the place, and do not crash") {
  const auto detail = [](const std::string& text, const char* file = "/c/config.toml") {
    const auto read = read_harness_text(text, file, environment);
    return read ? std::string("accepted") : read.refusal().detail;
  };
  CHECK(detail("") == "/c/config.toml:1:1: holds no servers: no 'mcp_servers'");
  CHECK(detail("model = 'x'\n") == "/c/config.toml:1:1: holds no servers: no 'mcp_servers'");
  CHECK(detail("a = 1\nmcp_servers = 3\n") == "/c/config.toml:2:1: its servers must be an object");
  CHECK(detail("[mcp_servers.a]\ncommand = \n").starts_with("/c/config.toml: line 2, column "));
  CHECK(
      detail("[mcp_servers.a]\n[mcp_servers.a]\n").starts_with("/c/config.toml: line 2, column "));
  CHECK(detail("[mcp_servers.\xff]\n") == "/c/config.toml: line 1, column 1: the text is no UTF-8");
  CHECK(detail("a = \"\xc3\xa9\" # \xc3\xa9\n\xc3\xa9 = 1\n") ==
        "/c/config.toml: line 2, column 1: a character that is not ASCII must stand in quotes that "
        "follow a space");
  CHECK(detail("a = \"\"\"\\\"\xc3\xa9\"\"\"\"\"\nb = '\xc3\xa9'\n[mcp_servers]\n") == "accepted");
  CHECK(detail("a = 1\n[\x01") ==
        "/c/config.toml: line 2, column 2: a control character is not allowed");
  CHECK(detail("a = 4'\xc3\xa9'\n").starts_with("/c/config.toml: line 1, column 6: a character "));
  CHECK(detail("[!a]\n").starts_with("/c/config.toml: line 1, column "));
  std::string dots = "a";
  for (int i = 0; i < 100'000; ++i) dots += ".a";
  CHECK(detail("\n" + dots + " = 1\n") ==
        "/c/config.toml: line 2, column 1: more than 128 dots in a line: a key must not nest that "
        "deep");
  CHECK(detail("a = " + std::string(100'000, '[')).starts_with("/c/config.toml: line 1, column "));
  std::string deep = "mcp_servers";
  for (int i = 0; i < 100; ++i) deep += ".a";
  CHECK(detail(deep + " = 1\n") ==
        "/c/config.toml: line 1, column 1: 'mcp_servers' nests too deep");
  CHECK(detail(R"({"mcpServers":[1]})", "/c/x.json") ==
        "/c/x.json:1:2: its servers must be an object");
  CHECK(detail("{\n \"mcpServers\": {,}}", "/c/x.json").starts_with("/c/x.json: line 2, column "));
}

TEST_CASE("a name that Codex allows and a terminal does not is shown printable") {
  const ImportPlan result = plan("[mcp_servers.\"a\\u001b[2J\"]\ncommand = 'x'\n", "/c/c.toml");
  check_same(servers(result), Lines{R"(a-2J {"command":"x"})"});
  check_same(report(result), Lines{"1 changed a\\x1b[2J: it is called 'a-2J' here"});
}
