#include "gateway/config/harness_install.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "tests/gateway/cli_support.hpp"

using namespace toolgate;
using toolgate::test::CommandLine;
using toolgate::test::contains;
using toolgate::test::Outcome;

namespace {

void write(const std::filesystem::path& file, const std::string& text) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << text;
}

std::string read(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

const GatewayEntry entry{"/usr/bin/toolgate", {"stdio"}, "/srv/home"};

const std::vector<std::string> json_texts = {
    "",
    "{}",
    "{}\n",
    "{ // empty\n}\n",
    "{\"mcpServers\":{},\"servers\":{}}",
    "{\n\t\"theme\": \"dark\", // mine\n\t\"mcpServers\": {\n\t\t\"a\": { \"command\": \"x\" "
    "},\n\t},\n}\n",
    "{\r\n  \"servers\": {\r\n    \"a\": {\"command\": \"x\"} /* last */\r\n  }\r\n}\r\n",
    "{\"n\": 12345678901234567890, \"s\": \"\\u0041\"}",
};

const std::vector<std::string> toml_texts = {
    "",
    "model = 'x'",
    "# mine\nmodel = 'x'\n",
    "[mcp_servers.a]\ncommand = 'x'\n\n\n",
    "[profiles.x]\r\nmodel = 'y'\r\n",
};

constexpr HarnessFormat all_formats[] = {HarnessFormat::claude_code, HarnessFormat::claude_desktop,
                                         HarnessFormat::cursor,      HarnessFormat::vscode,
                                         HarnessFormat::codex,       HarnessFormat::gemini};

}  // namespace

TEST_CASE("the gateway is entered into each harness's file and taken out, byte for byte") {
  for (const HarnessFormat format : all_formats) {
    const HarnessClient& client = harness_client(format);
    for (const std::string& text : format == HarnessFormat::codex ? toml_texts : json_texts) {
      CAPTURE(std::string(harness_format_name(format)));
      CAPTURE(text);
      const Result<std::string> with = with_gateway(client, text, entry);
      REQUIRE_MESSAGE(with, (with ? "" : with.refusal().detail));
      CHECK(with->find("/usr/bin/toolgate") != std::string::npos);
      CHECK(*with_gateway(client, *with, entry, text) == *with);
      CHECK(*without_gateway(client, *with, text) == text);
      CHECK(*without_gateway(client, text) == text);
      // Without the backup only our entry goes.
      const Result<std::string> left = without_gateway(client, *with);
      REQUIRE(left);
      CHECK(left->find("toolgate") == std::string::npos);
      CHECK((left->find("mine") == std::string::npos) == (text.find("mine") == std::string::npos));
      // A gateway that has moved replaces its own entry.
      GatewayEntry moved = entry;
      moved.command = "/opt/toolgate";
      const Result<std::string> again = with_gateway(client, *with, moved, text);
      REQUIRE(again);
      CHECK(again->find("/usr/bin/toolgate") == std::string::npos);
      CHECK(*without_gateway(client, *again, text) == text);
    }
  }
}

TEST_CASE("what the entry looks like") {
  CHECK(gateway_snippet(harness_client(HarnessFormat::codex), entry) ==
        "# >>> toolgate install\n[mcp_servers.toolgate]\ncommand = \"/usr/bin/toolgate\"\n"
        "args = [\"stdio\"]\nenv = { TOOLGATE_HOME = \"/srv/home\" }\n# <<< toolgate install\n");
  CHECK(gateway_snippet(harness_client(HarnessFormat::vscode), entry) ==
        "{\n  \"servers\": {\n    \"toolgate\": {\n      \"type\": \"stdio\",\n"
        "      \"command\": \"/usr/bin/toolgate\",\n      \"args\": [\"stdio\"],\n"
        "      \"env\": {\n        \"TOOLGATE_HOME\": \"/srv/home\"\n      }\n    }\n  }\n}\n");
}

TEST_CASE("a server of that name which is not the gateway is never touched") {
  const HarnessClient& cursor = harness_client(HarnessFormat::cursor);
  const std::string other = R"({"mcpServers":{"toolgate":{"command":"x"}}})";
  CHECK(!with_gateway(cursor, other, entry));
  CHECK(!without_gateway(cursor, other));
  const HarnessClient& codex = harness_client(HarnessFormat::codex);
  const std::string by_hand = "[mcp_servers.toolgate]\ncommand = 'x'\nargs = ['stdio']\n";
  CHECK(*without_gateway(codex, by_hand) == "");
  CHECK(!without_gateway(codex, "mcp_servers.toolgate = { command = 'x', args = ['stdio'] }\n"));
  CHECK(!with_gateway(codex, "mcp_servers = {}\n", entry));
  const std::string marks = "# >>> toolgate install\n[a]\n# <<< toolgate install\n";
  CHECK(*without_gateway(codex, *with_gateway(codex, marks, entry)) == marks);
  CHECK(!with_gateway(cursor, "{", entry));
  CHECK(!with_gateway(cursor, R"({"mcpServers":[]})", entry));
}

TEST_CASE("install and uninstall, as a user calls them") {
  CommandLine toolgate;
  toolgate.environment["HOME"] = toolgate.home.path().string();
  toolgate.must({"init"});
  const std::map<std::string, std::string> files = {
      {"claude-code", ".claude.json"},
      {"claude-desktop", ".config/Claude/claude_desktop_config.json"},
      {"cursor", ".cursor/mcp.json"},
      {"vscode", ".config/Code/User/mcp.json"},
      {"codex", ".codex/config.toml"},
      {"gemini", ".gemini/settings.json"}};
  for (const auto& [client, name] : files) {
    CAPTURE(client);
    const std::filesystem::path file = toolgate.home.path() / name;
    const std::filesystem::path backup = file.string() + ".toolgate-backup";

    CHECK(contains(toolgate.must({"install", client, "--print"}), "toolgate"));
    CHECK(!std::filesystem::exists(file));
    toolgate.must({"install", client});
    CHECK(contains(read(file), "TOOLGATE_HOME"));
    CHECK(contains(toolgate.must({"install", client}), "unchanged"));
    CHECK(!std::filesystem::exists(backup));
    toolgate.must({"uninstall", client});
    CHECK(!std::filesystem::exists(file));
    CHECK(contains(toolgate.must({"uninstall", client}), "unchanged"));

    const std::string text = client == "codex" ? "[mcp_servers.a]\ncommand = 'x'\n"
                             : client == "vscode"
                                 ? "{\"servers\": {\"a\": {\"command\": \"x\"}}}"
                                 : "{\"mcpServers\": {\"a\": {\"command\": \"x\"}}}";
    write(file, text);
    chmod(file.c_str(), 0640);
    const Outcome outcome = toolgate({"install", client});
    CHECK(outcome.status == 0);
    CHECK(contains(outcome.error, "bypass the gateway: a\n"));
    CHECK(read(backup) == text);
    struct stat status{};
    REQUIRE(stat(file.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777U) == 0640);
    CHECK(contains(toolgate.must({"uninstall", client}), "restored"));
    CHECK(read(file) == text);
    CHECK(!std::filesystem::exists(backup));

    // A file that has changed since keeps its changes, and its backup.
    toolgate.must({"install", client});
    write(file, read(file) + (client == "codex" ? "\n# new\n" : "\n// new\n"));
    toolgate.must({"uninstall", client});
    CHECK(contains(read(file), "new"));
    CHECK(!contains(read(file), "toolgate"));
    CHECK(read(backup) == text);
    const std::string changed = read(file);
    toolgate.must({"install", client});
    CHECK(read(backup) == changed);
    CHECK(read(backup.string() + ".1") == text);
  }
  CHECK(contains(toolgate.must({"audit", "query", "--json"}), "the gateway was installed into"));
  CHECK(contains(toolgate.must({"audit", "query", "--json"}), "the gateway was uninstalled from"));
}

TEST_CASE("what install refuses") {
  CommandLine toolgate;
  toolgate.environment["HOME"] = toolgate.home.path().string();
  const std::filesystem::path real = toolgate.home.path() / "real.json";
  const std::filesystem::path link = toolgate.home.path() / "link.json";
  write(real, "{}");
  CHECK(toolgate({"install", "cursor", "--file", real.string()}).status == 1);  // there is no home
  toolgate.must({"init"});
  std::filesystem::create_symlink(real, link);
  const Outcome linked = toolgate({"install", "cursor", "--file", link.string()});
  CHECK(linked.status == 1);
  CHECK(contains(linked.error, "is a symbolic link, which is not followed"));
  CHECK(toolgate({"uninstall", "cursor", "--file", link.string()}).status == 1);
  write(real, "{ nonsense");
  CHECK(toolgate({"install", "cursor", "--file", real.string()}).status == 1);
  CHECK(read(real) == "{ nonsense");
  CHECK(toolgate({"install", "cursor", "--file", toolgate.home.path().string()}).status == 1);
  CHECK(toolgate({"install", "emacs"}).status == 2);
  CHECK(toolgate({"install", "cursor", "--scope", "galaxy"}).status == 2);
  CHECK(toolgate({"install", "claude-desktop", "--scope", "project"}).status == 2);
  CHECK(read(real) == "{ nonsense");
}

TEST_CASE("import of a TOML file, as a user calls it") {
  CommandLine toolgate;
  toolgate.must({"init"});
  const std::filesystem::path file = toolgate.home.path() / "config.toml";
  write(file,
        "[mcp_servers.\"a b\"]\ncommand = 'x'\n\n[mcp_servers.c]\ncommand = 'y'\nscopes = 1\n");
  CHECK(toolgate({"import", file.string(), "--format", "emacs"}).status == 2);
  CHECK(toolgate({"import", file.string(), "--format", "cursor"}).status == 1);
  CHECK(toolgate.must({"import", file.string(), "--json"}) ==
        R"({"server":"a-b","state":"imported","notes":[]})"
        "\n"
        R"({"server":"c","state":"imported","notes":[{"kind":"dropped","line":6,"column":1,)"
        R"("what":"'scopes' is not taken over; put what the server needs into 'headers'"}]})"
        "\n"
        R"({"server":"a b","state":"renamed","notes":[{"kind":"changed","line":1,"column":14,)"
        R"("what":"it is called 'a-b' here"}]})"
        "\n");
  const std::string text = toolgate.must({"import", file.string(), "--format", "codex"});
  CHECK(contains(text, "read as codex\n"));
  CHECK(contains(text, "unchanged c\n"));
}
