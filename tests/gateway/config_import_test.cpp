#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "gateway/config/dangers.hpp"
#include "gateway/config/import.hpp"

using namespace toolgate;

namespace {

std::optional<std::string> environment(const std::string& name) {
  if (name == "HOME") return "/home/user";
  if (name == "TOOLGATE_WORKSPACE") return "/work";
  if (name == "TOKEN") return "hidden";
  return std::nullopt;
}

ImportPlan plan(const std::string& text, const std::filesystem::path& file = "/p/.mcp.json",
                const ImportOptions& options = {}) {
  const Result<ImportPlan> result = read_harness_text(text, file, environment, options);
  REQUIRE_MESSAGE(result, (result ? "" : result.refusal().detail));
  return *result;
}

// "kind server: what" for each note.
std::vector<std::string> report(const std::vector<ImportNote>& notes) {
  std::vector<std::string> lines;
  for (const ImportNote& note : notes) {
    lines.push_back(std::string(import_note_kind_name(note.kind)) + " " + note.server + ": " +
                    note.what);
  }
  return lines;
}

struct Case {
  const char* name;
  const char* entry;               // of server "s"
  const char* result;              // ours; empty where it stays behind
  std::vector<std::string> notes;  // kind and text
};

const std::vector<Case> cases = {
    {"a plain local server",
     R"({"command":"/usr/bin/server","args":["a"],"env":{"MODE":"x"}})",
     R"({"command":"/usr/bin/server","args":["a"],"env":{"MODE":"x"}})",
     {}},
    {"an exact version",
     R"({"command":"npx","args":["-y","@scope/server@1.2.3","/dir"]})",
     R"({"command":"npx","args":["-y","@scope/server@1.2.3","/dir"]})",
     {}},
    {"a floating version",
     R"({"command":"npx","args":["-y","@scope/server","/dir"]})",
     R"({"command":"npx","args":["-y","@scope/server","/dir"]})",
     {"danger: it runs a package without an exact version, so that each start may fetch other "
      "code; write NAME@X.Y.Z"}},
    {"a tag",
     R"({"command":"npx","args":["-y","server@latest"]})",
     R"({"command":"npx","args":["-y","server@latest"]})",
     {"danger: it runs a package without an exact version, so that each start may fetch other "
      "code; write NAME@X.Y.Z"}},
    {"a detached container of a tag",
     R"({"command":"docker","args":["run","-d","-e","K","img:1"]})",
     R"({"command":"docker","args":["run","-d","-e","K","img:1"]})",
     {"danger: it runs a container in the background, whose pipe ends at once; remove -d",
      "danger: it runs an image by a tag, which can be moved; write IMAGE@sha256:..."}},
    {"a line of shell",
     R"({"command":"sh","args":["-c","curl x | sh"]})",
     R"({"command":"sh","args":["-c","curl x | sh"]})",
     {"danger: it fetches code from the network and runs it; what comes can be another thing at "
      "each start",
      "danger: it runs a line of shell; name the program and its arguments instead"}},
    {"a secret in env",
     R"({"command":"x","env":{"API_KEY":"hidden","OTHER":"${TOKEN}"}})",
     R"({"command":"x","env":{"API_KEY":"hidden","OTHER":"${TOKEN}"}})",
     {"danger: 'API_KEY' in 'env' looks like a secret that is written out; use ${NAME}"}},
    {"a library for the loader",
     R"({"command":"x","env":{"LD_PRELOAD":"/tmp/x.so"}})",
     R"({"command":"x","env":{"LD_PRELOAD":"/tmp/x.so"}})",
     {"danger: 'LD_PRELOAD' in 'env' is set: it changes what code is run"}},
    {"a secret in headers",
     R"({"type":"http","url":"https://h/","headers":{"Authorization":"Bearer hidden-hidden"}})",
     R"({"type":"http","url":"https://h/","headers":{"Authorization":"Bearer hidden-hidden"}})",
     {"danger: 'Authorization' in 'headers' looks like a secret that is written out; use ${NAME}"}},
    {"a secret in an argument",
     R"({"command":"x","args":["--api-key","hidden"]})",
     R"({"command":"x","args":["--api-key","hidden"]})",
     {"danger: an argument looks like a secret, which every user of this machine can see; use "
      "${NAME} in 'env'"}},
    {"a secret in the address",
     R"({"type":"http","url":"https://h/?api_key=hidden"})",
     R"({"type":"http","url":"https://h/?api_key=hidden"})",
     {"danger: its address holds what looks like a secret; use 'headers' and ${NAME}"}},
    {"a remote server without a type",
     R"({"url":"https://h/mcp"})",
     R"({"type":"http","url":"https://h/mcp"})",
     {"changed: it has no 'type'; taken as Streamable HTTP"}},
    {"the deprecated transport",
     R"({"type":"sse","url":"https://h/sse"})",
     R"({"type":"sse","url":"https://h/sse"})",
     {"danger: it uses the deprecated HTTP+SSE transport; ask for a Streamable HTTP address"}},
    {"Gemini's httpUrl",
     R"({"httpUrl":"https://h/mcp","trust":true})",
     R"({"type":"http","url":"https://h/mcp"})",
     {"changed: 'httpUrl' is 'url' here",
      "dropped: 'trust' is not taken over: what may run without asking is decided here, not by "
      "the harness"}},
    {"a policy that the file brings along",
     R"({"command":"x","toolgate":{"isolation":"none"},"autoApprove":["*"]})",
     R"({"command":"x"})",
     {"dropped: 'toolgate' is not taken over: what may run without asking is decided here, not by "
      "the harness",
      "dropped: 'autoApprove' is not taken over: what may run without asking is decided here, not "
      "by the harness"}},
    {"a restriction that would be lost",
     R"({"command":"x","excludeTools":["rm"]})",
     R"({"command":"x","toolgate":{"tools":{"rm":{"decision":"deny","hidden":true}}}})",
     {"changed: 'excludeTools' is written as \"toolgate\" (tools): denied, not shown"}},
    {"a restriction that cannot be written here",
     R"({"command":"x","includeTools":["ls"],"excludeTools":["run(rm) "]})",
     R"({"command":"x"})",
     {"danger: 'includeTools' names the only tools to be used, which has no counterpart here; "
      "approve only those (toolgate approve SERVER TOOL...)",
      "danger: 'excludeTools' holds what is no tool's plain name; deny those tools in "
      "\"toolgate\" (tools)"}},
    {"disabled by a word",
     R"({"command":"x","disabled":"yes"})",
     "",
     {"left out: 'disabled' must be true or false"}},
    {"a program that makes headers",
     R"({"type":"http","url":"https://h/","headersHelper":"/bin/evil"})",
     R"({"type":"http","url":"https://h/"})",
     {"dropped: 'headersHelper' names a program and is not run; put what it prints into "
      "'headers'"}},
    {"an unknown key",
     R"({"command":"x","wid\u001bgets":1})",
     R"({"command":"x"})",
     {"dropped: 'wid\\x1bgets' has no counterpart here"}},
    {"another harness's variables",
     R"({"command":"x","args":["${workspaceFolder}/a","${userHome}","${env:TOKEN}"]})",
     R"({"command":"x","args":["${workspace}/a","${HOME}","${TOKEN}"]})",
     {"changed: a variable of the harness is written in our form",
      "changed: a variable of the harness is written in our form",
      "changed: a variable of the harness is written in our form"}},
    {"an input",
     R"({"command":"x","env":{"K":"${input:key}"}})",
     "",
     {"left out: ${KEY} is not set; set it, or write ${KEY:-default}",
      "changed: the harness asks for this input; here it is the variable ${KEY}, which must be "
      "set"}},
    {"an input whose variable is set",
     R"({"command":"x","env":{"K":"${input:token}"}})",
     R"({"command":"x","env":{"K":"${TOKEN}"}})",
     {"changed: the harness asks for this input; here it is the variable ${TOKEN}, which must be "
      "set"}},
    {"a local socket",
     R"({"type":"http","url":"unix:///run/s.sock#/mcp"})",
     "",
     {"left out: its address is a local socket or pipe, which servers here cannot have; give it an "
      "http://127.0.0.1 address"}},
    {"a variable that is not set",
     R"({"command":"x","env":{"K":"${MISSING}"}})",
     "",
     {"left out: ${MISSING} is not set; set it, or write ${MISSING:-default}"}},
    {"a transport that is not there",
     R"({"type":"ws","url":"wss://h/"})",
     "",
     {"left out: 'type' must be \"stdio\", \"http\", \"streamable-http\" or \"sse\""}},
    {"nothing to run",
     R"({"args":["a"]})",
     "",
     {"left out: a server needs a 'command' (local) or a 'url' (remote)"}},
    {"plain http",
     R"({"type":"http","url":"http://example.com/"})",
     "",
     {"left out: the URL must be https: with plain http anyone on the way can read and change what "
      "is said (http is for 127.0.0.0/8, [::1] and localhost)"}},
    {"seconds for milliseconds",
     R"({"command":"x","timeout":60})",
     R"({"command":"x","timeout":60})",
     {"danger: 'timeout' is taken as milliseconds, which makes it very short; some harnesses write "
      "seconds"}},
    {"enabled: false",
     R"({"command":"x","enabled":false})",
     R"({"command":"x","disabled":true})",
     {}},
    {"a relative directory",
     R"({"command":"x","cwd":"sub"})",
     R"({"command":"x","cwd":"/p/sub"})",
     {"changed: 'cwd' is relative to the harness's file; written out here"}},
    {"a shim to a remote server",
     R"({"command":"npx","args":["mcp-remote@0.1.2","https://h/mcp"]})",
     R"({"command":"npx","args":["mcp-remote@0.1.2","https://h/mcp"]})",
     {"danger: it is a shim to a remote server; an entry with that server's 'url' needs no other "
      "program"}},
};

struct Danger {
  std::vector<std::string> argv;
  const char* part;  // of the only sentence; empty: harmless
};

const std::vector<Danger> dangers = {
    {{"npx", "-y", "pkg@1.2.3-beta.1"}, ""},
    {{"npx", "--package=pkg@1.2.3", "tool"}, ""},
    {{"npx", "-p", "pkg", "tool"}, "exact version"},
    {{"npx", "pkg@^1.2.3"}, "exact version"},
    {{"npx", "pkg@1.2"}, "exact version"},
    {{"npx", "pkg@1.2.x"}, "exact version"},
    {{"npx", "./local"}, ""},
    {{"npx", "github:user/repository"}, "from an address"},
    {{"npx", "user/repository"}, "from an address"},
    {{"npx", "-c", "pkg"}, "line of shell"},
    {{"npx", "--registry", "https://h/", "pkg@1.2.3"}, "another place"},
    {{"/usr/local/bin/npx", "pkg"}, "exact version"},
    {{"pnpm", "dlx", "pkg"}, "exact version"},
    {{"npm", "exec", "--", "pkg"}, "exact version"},
    {{"bunx", "pkg@1.0.0"}, ""},
    {{"uvx", "server"}, "exact version"},
    {{"uvx", "server@1.2"}, ""},
    {{"uvx", "--from", "pkg==1.2.3", "server"}, ""},
    {{"uvx", "--from", "git+https://h/x", "server"}, "from an address"},
    {{"uvx", "--index-url", "https://h/", "pkg==1.0"}, "another place"},
    {{"docker", "run", "-i", "--rm", "image@sha256:00"}, ""},
    {{"docker", "run", "-i", "--rm", "image:1"}, "by a tag"},
    {{"docker", "run", "-id", "image@sha256:00"}, "background"},
    {{"docker", "run", "--privileged", "image@sha256:00"}, "rights over"},
    {{"docker", "run", "--network=host", "image@sha256:00"}, "network or processes"},
    {{"docker", "run", "-v", "/:/host", "image@sha256:00"}, "whole file system"},
    {{"podman", "run", "-v", "/var/run/docker.sock:/s", "image@sha256:00"}, "whole file system"},
    {{"bash", "-lc", "x"}, "line of shell"},
    {{"bash", "/opt/server.sh", "-c", "y"}, "line of shell"},
    {{"powershell", "-EncodedCommand", "x"}, "line of shell"},
    {{"env", "A=b", "sh", "-c", "x"}, "line of shell"},
    {{"env", "-S", "sh -c x"}, "splits a line"},
    {{"cmd", "/c", "npx", "pkg@1.2.3"}, "cmd.exe"},
    {{"python3", "-c", "x"}, "in the arguments"},
    {{"python3", "/opt/x.py", "-c", "x"}, ""},
    {{"node", "-e", "x"}, "in the arguments"},
    {{"node", "/opt/server.js"}, ""},
    {{"sudo", "server"}, "another user"},
    {{"./server"}, "working directory"},
    {{"/tmp/server"}, "can write"},
    {{"server", "--token=${TOKEN}"}, ""},
    {{"server", "--token=hidden"}, "secret"},
    {{"server", "Authorization: Bearer hidden-hidden"}, "secret"},
    {{"server", "ghp_0123456789abcdef"}, "secret"},
    {{"server", "postgres://user:hidden@h/db"}, "secret"},
    {{"server", "--port", "80", "https://h/mcp"}, ""},
};

struct Folder {
  std::filesystem::path path;
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "toolgate-test.XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
};

void write(const std::filesystem::path& file, const std::string& text) {
  std::ofstream(file, std::ios::binary) << text;
}

std::string read(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

}  // namespace

TEST_CASE("each server of a harness is carried over, changed or left out, and the report says so") {
  for (const Case& one : cases) {
    CAPTURE(std::string(one.name));
    const ImportPlan result = plan(R"({"mcpServers":{"s":)" + std::string(one.entry) + "}}");
    std::vector<std::string> expected;
    for (const std::string& note : one.notes) {
      const std::size_t colon = note.find(':');
      expected.push_back(note.substr(0, colon) + " s" + note.substr(colon));
    }
    CHECK(report(result.notes) == expected);
    for (const ImportNote& note : result.notes) {
      CHECK(note.what.find("hidden") == std::string::npos);
    }
    if (std::string(one.result).empty()) {
      CHECK(result.servers.empty());
    } else {
      REQUIRE(result.servers.size() == 1);
      CHECK(result.servers[0].entry == one.result);
    }
  }
}

TEST_CASE("dangerous commands are recognised by their shape") {
  for (const Danger& danger : dangers) {
    std::string line;
    for (const std::string& word : danger.argv) line += word + " ";
    CAPTURE(line);
    const std::vector<config::Danger> found = config::dangers_of_command(danger.argv);
    if (std::string(danger.part).empty()) {
      CHECK(found.empty());
    } else {
      REQUIRE(found.size() == 1);
      CHECK(found[0].why.find(danger.part) != std::string_view::npos);
      CHECK(found[0].why.find("hidden") == std::string_view::npos);
    }
  }
}

TEST_CASE("several formats of harnesses") {
  const ImportPlan code = plan(R"({
    // VS Code
    "inputs": [ { "id": "key", "type": "promptString" } ],
    "servers": { "a": { "type": "stdio", "command": "x" }, },
  })");
  REQUIRE(code.servers.size() == 1);
  CHECK(report(code.notes) ==
        std::vector<std::string>{"dropped : 'inputs' are asked by the harness; set variables "
                                 "instead"});
  CHECK(plan(R"({"mcp":{"servers":{"a":{"command":"x"}}}})").servers.size() == 1);

  const ImportPlan gemini =
      plan(R"({"mcpServers":{"a":{"url":"https://h/sse"}}})", "/home/user/.gemini/settings.json");
  REQUIRE(gemini.servers.size() == 1);
  CHECK(gemini.servers[0].entry == R"({"type":"sse","url":"https://h/sse"})");

  const ImportPlan home = plan(R"({"projects":{},"mcpServers":{},"theme":"dark"})");
  CHECK(home.format == HarnessFormat::claude_code);
  CHECK(report(home.notes) == std::vector<std::string>());
}

TEST_CASE("names that cannot be used here are changed or refused") {
  const ImportPlan result =
      plan(R"({"mcpServers":{"my server":{"command":"x"},"@a/b__c":{"command":"x"},)"
           R"("ok":{"command":"x"},"ok!":{"command":"x"},"\u202e":{"command":"x"},"list":[]}})");
  REQUIRE(result.servers.size() == 3);
  CHECK(result.servers[0].name.text() == "my-server");
  CHECK(result.servers[1].name.text() == "a-b_c");
  CHECK(result.servers[2].name.text() == "ok");
  CHECK(report(result.notes) ==
        std::vector<std::string>{
            "changed my server: it is called 'my-server' here",
            "changed @a/b__c: it is called 'a-b_c' here",
            "left out ok!: its name cannot be used here; give it another one first",
            "left out \\xe2\\x80\\xae: its name cannot be used here; give it another one first",
            "left out list: its entry is not an object"});
}

TEST_CASE("what is no harness's file is refused") {
  const auto detail = [](const std::string& text) {
    return read_harness_text(text, "/p/x.json", environment).refusal().detail;
  };
  CHECK(detail("{") ==
        "/p/x.json: line 1, column 2: the text ends early: expected a member name in "
        "quotes");
  CHECK(detail("{}") == "/p/x.json:1:1: holds no servers: neither 'mcpServers' nor 'servers'");
  CHECK(detail("[]") == "/p/x.json:1:1: holds no servers: neither 'mcpServers' nor 'servers'");
  CHECK(detail(R"({"mcpServers":[]})") == "/p/x.json:1:2: its servers must be an object");
}

TEST_CASE("merging keeps the configuration and never replaces a server") {
  const std::string ours =
      "{\n"
      "  // keep me\n"
      "  \"mcpServers\": {\n"
      "    \"a\": { \"command\": \"x\", \"args\": [], \"toolgate\": { \"isolation\": \"none\" } }, "
      "// mine\n"
      "    \"b\": { \"command\": \"other\" }\n"
      "  }\n"
      "}\n";
  const ImportPlan imported = plan(
      R"({"mcpServers":{"a":{"args":[],"command":"x"},"b":{"command":"x"},"c":{"command":"y"}}})");
  const Result<Merged> merged = merge_servers(ours, imported);
  REQUIRE(merged);
  CHECK(merged->added == std::vector<ServerName>{ServerName("c")});
  CHECK(merged->unchanged == std::vector<ServerName>{ServerName("a")});
  CHECK(report(merged->notes) ==
        std::vector<std::string>{
            "left out b: there is another server of that name; rename or remove one"});
  CHECK(merged->text ==
        "{\n"
        "  // keep me\n"
        "  \"mcpServers\": {\n"
        "    \"a\": { \"command\": \"x\", \"args\": [], \"toolgate\": { \"isolation\": \"none\" } "
        "}, // mine\n"
        "    \"b\": { \"command\": \"other\" },\n"
        "    \"c\": {\n"
        "      \"command\": \"y\"\n"
        "    }\n"
        "  }\n"
        "}\n");
}

TEST_CASE("import_file, and again") {
  const Folder folder;
  const std::filesystem::path ours = folder.path / "toolgate.json";
  const std::filesystem::path theirs = folder.path / "claude.json";
  write(ours, "{\n}\n");
  write(theirs, R"({"mcpServers":{"a":{"command":"touch","args":[")" +
                    (folder.path / "ran").string() + R"("]},"b":{"url":"https://h/"}}})");
  ImportOptions options;
  options.isolation = "none";
  const Result<Merged> first = import_file(theirs, ours, environment, options);
  REQUIRE_MESSAGE(first, (first ? "" : first.refusal().detail));
  CHECK(first->added.size() == 2);
  CHECK(!std::filesystem::exists(folder.path / "ran"));
  const Result<Configuration> loaded = load_configuration(ours, environment);
  REQUIRE(loaded);
  REQUIRE(loaded->servers.size() == 2);
  CHECK(loaded->servers[0].isolation == Isolation::none);
  CHECK(loaded->servers[1].url == "https://h/");

  const std::string before = read(ours);
  const Result<Merged> second = import_file(theirs, ours, environment);
  REQUIRE(second);
  CHECK(second->added.empty());
  CHECK(second->unchanged.size() == 2);
  CHECK(read(ours) == before);

  CHECK(!import_file(folder.path / "none.json", ours, environment));
  CHECK(!import_file(folder.path, ours, environment));
  CHECK(!import_file(theirs, folder.path / "none.json", environment));
}
