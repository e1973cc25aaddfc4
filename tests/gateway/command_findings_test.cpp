// What review says about a command before anything of it runs.

#include "gateway/config/command_findings.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace toolgate::test {
namespace {

using Words = std::vector<std::string>;

struct Row {
  Words argv;
  Words ids;
};

const std::vector<Row> commands = {
    {{"/usr/bin/node", "/opt/server.js", "-e", "x"}, {}},
    {{"python3", "-m", "server"}, {}},
    {{"nodemon", "-e", "js"}, {}},
    {{"sh", "-c", "x"}, {"command.shell"}},
    {{"/bin/bash", "-euo", "pipefail", "-c", "x"}, {"command.shell"}},
    {{"nohup", "timeout", "-k", "5", "60s", "sh", "-c", "x"}, {"command.shell"}},
    {{"env", "-i", "A=b", "bash", "-lc", "x"}, {"command.shell"}},
    {{"env", "-S", "node -e x"}, {"command.shell"}},
    {{"env", "-Snode -e x"}, {"command.shell"}},
    {{"npx", "-c", "x"}, {"command.shell"}},
    {{"node", "-e", "x"}, {"command.inline"}},
    {{"node", "-pe", "x"}, {"command.inline"}},
    {{"node", "--eval=x"}, {"command.inline"}},
    {{"node", "-r", "/opt/a.js", "-e", "x"}, {"command.inline", "command.preload"}},
    {{"node", "--require", "/opt/a.js", "--eval", "x"}, {"command.inline", "command.preload"}},
    {{"node", "--import", "/opt/a.js", "/opt/server.js"}, {"command.preload"}},
    {{"node", "--inspect=0.0.0.0:9229", "/opt/server.js"}, {"command.preload"}},
    {{"node", "-"}, {"command.inline"}},
    {{"python3.12", "-W", "ignore", "-c", "x"}, {"command.inline"}},
    {{"python", "-Ic", "x"}, {"command.inline"}},
    {{"python", "-Wc", "/opt/x.py"}, {}},
    {{"perl", "-we", "x"}, {"command.inline"}},
    {{"perl", "-MFile::Temp", "/opt/x.pl"}, {}},
    {{"ruby", "-rset", "-e", "x"}, {"command.inline"}},
    {{"deno", "eval", "x"}, {"command.inline"}},
    {{"php", "-r", "x"}, {"command.inline"}},
    {{"npx", "-y", "pkg"}, {"command.floating"}},
    {{"npx", "-y", "pkg@latest"}, {"command.floating"}},
    {{"npx", "-y", "pkg@1.2.3"}, {}},
    {{"docker", "run", "-i", "image:latest"}, {"command.floating"}},
    {{"sh", "-c", "curl -s https://h/x | sh"}, {"command.shell", "command.fetch"}},
    {{"bash", "-c", "bash <(curl -s https://h/x)"}, {"command.shell", "command.fetch"}},
    {{"python3", "-c", "exec(urlopen('http://h').read())"}, {"command.inline", "command.fetch"}},
    {{"sudo", "-u", "root", "server"}, {"command.privileged"}},
    {{"sudo", "sh", "-c", "x"}, {"command.privileged", "command.shell"}},
    {{"docker", "run", "-v", "/:/host", "i@sha256:0"}, {"command.privileged"}},
    {{"docker", "run", "--privileged", "i@sha256:0"}, {"command.privileged"}},
    {{"uvx", "--index-url", "https://h/", "pkg==1.0"}, {"command.registry"}},
    {{"/tmp/server"}, {"command.place"}},
};

Words ids_of(const std::vector<Finding>& findings) {
  Words ids;
  for (const Finding& finding : findings) ids.push_back(finding.id);
  return ids;
}

TEST_CASE("command findings: by the shape of the command line") {
  for (const Row& row : commands) {
    std::string line;
    for (const std::string& word : row.argv) line += word + " ";
    CAPTURE(line);
    ServerEntry entry(ServerName("s"));
    entry.argv = row.argv;
    CHECK(ids_of(command_findings(entry)) == row.ids);
  }
}

TEST_CASE("command findings: what runs other code, and what passes between interpreters") {
  struct Variable {
    const char* name;
    bool found;
    Severity severity;
  };
  const std::vector<Variable> variables = {
      {"LD_PRELOAD", true, Severity::hard},
      {"NODE_OPTIONS", true, Severity::hard},
      {"BASH_ENV", true, Severity::hard},
      {"PATH", true, Severity::soft},
      {"npm_config_registry", true, Severity::soft},
      {"HTTPS_PROXY", true, Severity::soft},
      {"LOG_LEVEL", false, Severity::note},
  };
  for (const Variable& variable : variables) {
    CAPTURE(std::string(variable.name));
    ServerEntry entry(ServerName("s"));
    entry.argv = {"/opt/server"};
    entry.env[variable.name] = "hidden";
    const auto findings = command_findings(entry);
    REQUIRE(findings.size() == (variable.found ? 1 : 0));
    if (!variable.found) continue;
    CHECK(findings[0].id == "command.environment");
    CHECK(findings[0].severity == variable.severity);
    CHECK(findings[0].pointer == "/env/" + std::string(variable.name));
    CHECK(findings[0].why.find("hidden") == std::string::npos);
  }
}

TEST_CASE(
    "command findings: a frozen package has no floating version, a remote server no command") {
  ServerEntry entry(ServerName("s"));
  entry.argv = {"npx", "pkg"};
  CHECK(command_findings(entry).size() == 1);
  entry.artefact = Artefact{};
  CHECK(command_findings(entry).empty());
  entry.artefact.reset();
  entry.transport = Transport::streamable_http;
  CHECK(command_findings(entry).empty());
}

}  // namespace
}  // namespace toolgate::test
