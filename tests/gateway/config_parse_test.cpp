#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "gateway/config/configuration.hpp"
#include "gateway/config/edit.hpp"
#include "gateway/core/document.hpp"
#include "signing/keyring.hpp"

using namespace toolgate;

namespace {

std::optional<std::string> environment(const std::string& name) {
  if (name == "HOME") return "/home/user";
  if (name == "TOOLGATE_WORKSPACE") return "/srv/project";
  if (name == "TOKEN") return "t0p ${HOME} $$";
  if (name == "EMPTY") return "";
  return std::nullopt;
}

Configuration parsed(const std::string& text) {
  Result<Configuration> result = parse_configuration(text, "/etc/toolgate.json", environment);
  REQUIRE_MESSAGE(result, (result ? "" : result.refusal().detail));
  return std::move(*result);
}

// The one server of a configuration.
ServerEntry server(const std::string& entry) {
  const Configuration configuration = parsed("{\"mcpServers\":{\"a\":" + entry + "}}");
  REQUIRE(configuration.servers.size() == 1);
  return configuration.servers[0];
}

std::string expanded(const std::string& text) {
  const ServerEntry entry = server(R"({"command":"x","args":[")" + text + R"("]})");
  return entry.argv.at(1);
}

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

}  // namespace

TEST_CASE("an empty configuration has the defaults") {
  const Configuration configuration = parsed("{}");
  CHECK(configuration.file == "/etc/toolgate.json");
  CHECK(configuration.servers.empty());
  CHECK(configuration.agents.empty());
  CHECK(configuration.listen == "127.0.0.1:8808");
  CHECK(!configuration.tls_key);
  CHECK(configuration.message_bytes == std::size_t{8} << 20);
  CHECK(configuration.audit.durability == AuditSettings::Durability::process);
  CHECK(configuration.audit.arguments == AuditSettings::Detail::full);
  CHECK(configuration.audit.results == AuditSettings::Detail::digest);
}

TEST_CASE("a block that was copied from a harness works as it stands") {
  const Configuration configuration = parsed(R"({
    // Copied from .mcp.json.
    "mcpServers": {
      "files": {
        "type": "stdio",
        "command": "npx",
        "args": ["-y", "@scope/server@1.2.3", "${workspace}"],
        "env": { "API_TOKEN": "${TOKEN}", "MODE": "${MODE:-quiet}" },
        "cwd": "sub/./dir/",
        "timeout": 1234,
        "alwaysLoad": true,
        "description": "files",
      },
      /* remote ones */
      "docs": { "type": "http", "url": "https://docs.example.com/mcp?x=1",
                "headers": { "Authorization": "Bearer ${TOKEN}" } },
      "old": { "type": "sse", "url": "http://localhost:1/sse", "disabled": true },
    },
  })");
  REQUIRE(configuration.servers.size() == 3);
  const ServerEntry& files = configuration.servers[0];
  CHECK(files.name.text() == "files");
  CHECK(files.transport == Transport::stdio);
  CHECK(files.is_local());
  CHECK(files.argv == std::vector<std::string>{"npx", "-y", "@scope/server@1.2.3", "/srv/project"});
  CHECK(files.env.at("API_TOKEN") == "t0p ${HOME} $$");
  CHECK(files.env.at("MODE") == "quiet");
  CHECK(files.cwd == "/etc/sub/dir");
  CHECK(files.limits.call_ms == Milliseconds(1234));
  CHECK(files.prefix == "files__");
  CHECK(files.isolation == Isolation::process);
  CHECK(!files.isolation_written_out);
  CHECK(files.line == 4);
  CHECK(!files.disabled);
  const ServerEntry& docs = configuration.servers[1];
  CHECK(docs.transport == Transport::streamable_http);
  CHECK(docs.url == "https://docs.example.com/mcp?x=1");
  CHECK(docs.headers.at("Authorization") == "Bearer t0p ${HOME} $$");
  CHECK(docs.line == 15);
  CHECK(configuration.servers[2].transport == Transport::sse);
  CHECK(configuration.servers[2].disabled);
  CHECK(configuration.find(ServerName("docs")) == &configuration.servers[1]);
  CHECK(configuration.find(ServerName("none")) == nullptr);
}

TEST_CASE("toolgate's own keys") {
  const Configuration configuration = parsed(R"({
    "$schema": "./toolgate.schema.json",
    "mcpServers": { "a": { "command": "x", "timeout": 5, "toolgate": {
      "prefix": "", "isolation": "none", "env": { "EXTRA": "1" },
      "files": [ { "path": "${workspace}/", "mode": "rw-no-delete" },
                 { "path": "~/notes", "mode": "rw", "exec": true }, { "path": "data" } ],
      "limits": { "start_ms": 7, "call_ms": 8, "result_bytes": 4096 },
      "tools": { "write_file": { "decision": "deny", "reason": "read only",
                                 "scopes": { "/edits/*/a~1b": "path", "/note": "text" } },
                 "noise": { "hidden": true }, "read": { "decision": "allow" } } } },
      "b": { "command": "y", "toolgate": { "prefix": "" } } },
    "toolgate": {
      "version": 1, "listen": "localhost:0", "message_bytes": 65536,
      "tls": { "certificate": "tls/cert.pem", "key": "/keys/key.pem" },
      "agents": { "ci": { "servers": ["a"], "tools": ["read"] }, "any": {} },
      "audit": { "durability": "fsync", "arguments": "digest", "results": "full" } }
  })");
  const ServerEntry& entry = configuration.servers[0];
  CHECK(entry.prefix.empty());
  CHECK(entry.isolation == Isolation::none);
  CHECK(entry.isolation_written_out);
  CHECK(entry.env.at("EXTRA") == "1");
  REQUIRE(entry.files.size() == 3);
  CHECK(entry.files[0].path == "/srv/project");
  CHECK(entry.files[0].mode == FileMode::rw_no_delete);
  CHECK(entry.files[1].path == "/home/user/notes");
  CHECK(entry.files[1].mode == FileMode::rw);
  CHECK(entry.files[1].exec);
  CHECK(entry.files[2].path == "/etc/data");
  CHECK(entry.files[2].mode == FileMode::ro);
  CHECK(entry.limits.start_ms == Milliseconds(7));
  CHECK(entry.limits.call_ms == Milliseconds(8));
  CHECK(entry.limits.result_bytes == 4096);
  CHECK(entry.tools.at("write_file").decision == ToolPolicy::Decision::deny);
  const auto& declared = entry.tools.at("write_file").scopes;
  REQUIRE(declared.size() == 2);
  CHECK(declared[0].pointer == PointerTokens{"edits", "*", "a/b"});
  CHECK(declared[0].kind == DeclaredArgument::Kind::path);
  CHECK(declared[1].kind == DeclaredArgument::Kind::text);
  CHECK(entry.tools.at("write_file").reason == "read only");
  CHECK(entry.tools.at("noise").hidden);
  CHECK(entry.tools.at("read").decision == ToolPolicy::Decision::allow);
  CHECK(configuration.listen == "127.0.0.1:0");
  CHECK(configuration.tls_certificate == "/etc/tls/cert.pem");
  CHECK(configuration.tls_key == "/keys/key.pem");
  CHECK(configuration.message_bytes == 65536);
  CHECK(configuration.agents.at("ci").servers == std::vector<std::string>{"a"});
  CHECK(configuration.agents.at("ci").tools == std::vector<std::string>{"read"});
  CHECK(configuration.agents.at("any").servers.empty());
  CHECK(configuration.audit.durability == AuditSettings::Durability::fsync);
  CHECK(configuration.audit.arguments == AuditSettings::Detail::digest);
  CHECK(configuration.audit.results == AuditSettings::Detail::full);
}

TEST_CASE("a machine has more time to start, unless that is written down") {
  const ServerEntry plain = server(R"({"command":"x","toolgate":{"isolation":"vm"}})");
  CHECK(plain.isolation == Isolation::vm);
  CHECK(plain.limits.start_ms == machine_start_ms);
  const ServerEntry written = server(
      R"({"command":"x","toolgate":{"isolation":"vm","limits":{"start_ms":9,"memory_mb":192}}})");
  CHECK(written.limits.start_ms == Milliseconds(9));
  CHECK(written.sandbox.memory_mb == 192);
}

TEST_CASE("variables") {
  CHECK(expanded("plain") == "plain");
  CHECK(expanded("${HOME}/x") == "/home/user/x");
  CHECK(expanded("${workspace}") == "/srv/project");
  CHECK(expanded("a${EMPTY}b") == "ab");
  CHECK(expanded("${EMPTY:-default}").empty());
  CHECK(expanded("${MISSING:-}").empty());
  CHECK(expanded("${MISSING:-a:-b}") == "a:-b");
  CHECK(expanded("${MISSING:-${HOME}}") == "${HOME}");
  CHECK(expanded("$HOME $$ $") == "$HOME $$ $");
  CHECK(expanded("$${HOME}") == "$/home/user");
  CHECK(expanded("${TOKEN}") == "t0p ${HOME} $$");  // what it holds is not expanded again
}

TEST_CASE("the workspace is the working directory unless it is given") {
  const auto nothing = [](const std::string&) -> std::optional<std::string> {
    return std::nullopt;
  };
  const std::string text = R"({"mcpServers":{"a":{"command":"${workspace}/x"}}})";
  const Result<Configuration> result = parse_configuration(text, "/etc/toolgate.json", nothing);
  REQUIRE(result);
  CHECK(result->servers[0].argv[0] == (std::filesystem::current_path() / "x").string());

  const auto relative = [](const std::string&) { return std::optional<std::string>("here"); };
  const Result<Configuration> refused = parse_configuration(text, "/etc/t.json", relative);
  REQUIRE(!refused);
  CHECK(refused.refusal().detail ==
        "/etc/t.json:1:31: TOOLGATE_WORKSPACE must be an absolute path");
}

TEST_CASE("plain http is for this machine alone") {
  for (const char* url : {"http://127.0.0.1/", "http://127.9.8.7:80/", "http://[::1]:3000/mcp",
                          "http://localhost", "HTTP://LOCALHOST:1?x", "https://Example.com"}) {
    CHECK(server(R"({"url":")" + std::string(url) + "\"}").url == url);
  }
  for (const char* url :
       {"http://127.0.0.1.example.com/", "http://127.1/", "http://[::ffff:127.0.0.1]/",
        "http://0.0.0.0/", "http://localhost.", "http://[::1%25lo]/", "http://127.0.0.01/",
        "http://localhost:/", "http://localhost:1x/", "http://[::1]x/"}) {
    const std::string text = R"({"mcpServers":{"a":{"url":")" + std::string(url) + "\"}}}";
    CHECK_MESSAGE(!parse_configuration(text, "/etc/t.json", environment), url);
  }
}

TEST_CASE("where to listen") {
  CHECK(*parse_listen("127.0.0.1:0", Encryption::none) == "127.0.0.1:0");
  CHECK(*parse_listen("localhost:80", Encryption::none) == "127.0.0.1:80");
  CHECK(*parse_listen("[0::1]:80", Encryption::none) == "[::1]:80");
  CHECK(*parse_listen("0.0.0.0:443", Encryption::tls) == "0.0.0.0:443");
  CHECK(!parse_listen("0.0.0.0:443", Encryption::none));
  CHECK(!parse_listen("[::]:443", Encryption::none));
  CHECK(!parse_listen("::1:443", Encryption::none));
  CHECK(!parse_listen("127.0.0.1:-1", Encryption::none));
  CHECK(!parse_listen("127.0.0.1:", Encryption::none));
  CHECK(!parse_listen("", Encryption::none));
}

TEST_CASE("a server's identity is what is run, not what it is called or allowed") {
  const ServerEntry base = server(R"({"command":"x","args":["1","2"],"env":{"A":"1"}})");
  const auto same = [&](const char* entry) { return server(entry).identity() == base.identity(); };
  CHECK(same(R"({"command":"x","args":["1","2"],"env":{"A":"another value"}})"));
  CHECK(same(R"({"command":"x","args":["1","2"],"toolgate":{"env":{"A":"1"},"prefix":"p"}})"));
  CHECK(same(R"({"type":"stdio","command":"x","args":["1","2"],"env":{"A":""},"timeout":9})"));
  CHECK(!same(R"({"command":"x","args":["12"],"env":{"A":"1"}})"));
  CHECK(!same(R"({"command":"x","args":["1","2"],"env":{"B":"1"}})"));
  CHECK(!same(R"({"command":"x","args":["1","2"]})"));
  CHECK(!same(R"({"command":"x","args":["1","2"],"env":{"A":"1"},"cwd":"/tmp"})"));
  CHECK(!same(R"({"url":"https://x/"})"));
  CHECK(server(R"({"url":"https://x/"})").identity() ==
        server(R"({"url":"https://x/","headers":{"A":"1"}})").identity());
  CHECK(server(R"({"url":"https://x/"})").identity() !=
        server(R"({"url":"https://x/y"})").identity());
  const ServerEntry keyed = server(
      R"({"url":"https://x/","toolgate":{"certificate_key":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}})");
  CHECK(keyed.certificate_key == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
  CHECK(keyed.identity() != server(R"({"url":"https://x/"})").identity());
}

TEST_CASE("what remains when a boundary is missing") {
  const auto own = [](const std::string& text) {
    return server(R"({"command":"x","toolgate":{)" + text + "}}");
  };
  CHECK_FALSE(own("").when_missing);
  CHECK(own("").sandbox.tree == TreeLimit::if_possible);
  CHECK(own(R"("limits":{"require_tree":false})").sandbox.tree == TreeLimit::if_possible);
  const ServerEntry none = own(R"("when_missing":{"isolation":"none","tools":["a","b"]})");
  REQUIRE(none.when_missing);
  CHECK(none.isolation == Isolation::process);
  CHECK(none.when_missing->isolation == Isolation::none);
  CHECK(none.when_missing->tools == std::vector<std::string>{"a", "b"});
  // The same boundary, where what may be missing is the tree's.
  const ServerEntry tree =
      own(R"("when_missing":{"isolation":"process","tools":["a"]},"limits":{"require_tree":true})");
  REQUIRE(tree.when_missing);
  CHECK(tree.when_missing->isolation == Isolation::process);
  CHECK(tree.sandbox.tree == TreeLimit::required);
}

TEST_CASE("a server's scope is what it may reach") {
  const auto scope = [](const std::string& own) {
    return server(R"({"command":"x","toolgate":{)" + own + "}}").scope_digest();
  };
  const std::string one = R"({"path":"/a","mode":"rw"})";
  const std::string two = R"({"path":"/b"})";
  CHECK(scope(R"("files":[)" + one + "," + two + "]") ==
        scope(R"("files":[)" + two + "," + one + "]"));
  CHECK(scope("") == scope(R"("prefix":"p","tools":{"t":{}},"limits":{"call_ms":1})"));
  CHECK(scope("") != scope(R"("isolation":"none")"));
  const auto remains = [&](const std::string& tools) {
    return scope(R"("when_missing":{"isolation":"none","tools":[)" + tools + "]}");
  };
  CHECK(scope("") != remains(R"("a")"));
  CHECK(remains(R"("a")") != remains(R"("a","b")"));
  CHECK(remains(R"("a","b")") == remains(R"("b","a")"));
  CHECK(scope("") != scope(R"("files":[)" + two + "]"));
  CHECK(scope(R"("files":[{"path":"/a"}])") != scope(R"("files":[)" + one + "]"));
  CHECK(scope(R"("files":[{"path":"/a","exec":true}])") != scope(R"("files":[{"path":"/a"}])"));
}

TEST_CASE("a publisher's key, in each of its forms, is part of the scope of what it must sign") {
  const Folder folder;
  const SecretKey key = SecretKey::generate();
  REQUIRE(key.save(folder.path / "acme", nullptr));
  const auto signed_by = [](const std::string& name, const std::string& written) {
    const std::string publisher = json_quote(name);
    const Configuration configuration =
        parsed(R"({"mcpServers":{"a":{"command":"x","toolgate":{"require_signature":)" + publisher +
               R"(}}},"toolgate":{"publishers":{)" + publisher + ":" + json_quote(written) + "}}}");
    return configuration.servers.front();
  };
  const std::string text = key.public_key().minisign_text();
  const ServerEntry entry = signed_by("acme", text);
  REQUIRE(entry.publisher);
  CHECK(entry.publisher->name == "acme");
  const std::string forms[] = {text, public_key_text(key.public_key()),
                               (folder.path / "acme.pub").string()};
  for (const std::string& form : forms) {
    CAPTURE(form);
    const ServerEntry same = signed_by("renamed", form);
    CHECK(same.publisher->key == key.public_key());
    CHECK(same.scope_digest() == entry.scope_digest());
    CHECK(same.identity() == entry.identity());
  }
  const std::string other = SecretKey::generate().public_key().minisign_text();
  CHECK(signed_by("acme", other).scope_digest() != entry.scope_digest());
  CHECK(server(R"({"command":"x"})").scope_digest() != entry.scope_digest());
}

TEST_CASE("load_configuration reads regular files that not everybody can write") {
  const Folder folder;
  const std::filesystem::path file = folder.path / "toolgate.json";
  const std::string name = file.string();

  Result<Configuration> missing = load_configuration(file, environment);
  REQUIRE(!missing);
  CHECK(missing.refusal().detail ==
        name +
            ":1:1: cannot be read: No such file or directory; make it with 'toolgate init' or "
            "name it with --config");

  write(file, R"({"mcpServers":{"a":{"command":"x","cwd":"sub"}}})");
  Result<Configuration> good = load_configuration(file, environment);
  REQUIRE(good);
  CHECK(good->servers[0].cwd == folder.path / "sub");

  chmod(file.c_str(), 0666);
  Result<Configuration> open_to_all = load_configuration(file, environment);
  REQUIRE(!open_to_all);
  CHECK(open_to_all.refusal().detail ==
        name +
            ":1:1: everybody on this machine can write to it and so decide what is run; "
            "chmod o-w it");

  std::filesystem::remove(file);
  REQUIRE(mkfifo(file.c_str(), 0600) == 0);
  Result<Configuration> fifo = load_configuration(file, environment);
  REQUIRE(!fifo);
  CHECK(fifo.refusal().detail == name + ":1:1: is not a regular file");
  std::filesystem::remove(file);
  std::filesystem::create_directory(file);
  CHECK(!load_configuration(file, environment));
  std::filesystem::remove(file);

  write(file, std::string((std::size_t{4} << 20) + 1, ' '));
  Result<Configuration> large = load_configuration(file, environment);
  REQUIRE(!large);
  CHECK(large.refusal().detail == name + ":1:1: is larger than 4 MiB");
}

TEST_CASE("the first ten mistakes are named, the rest is counted") {
  std::string text = "{";
  for (int i = 0; i < 13; ++i)
    text += (i > 0 ? ",\n" : "\n") + ("\"key" + std::to_string(i)) + "\":1";
  const Result<Configuration> result = parse_configuration(text + "}", "/t", environment);
  REQUIRE(!result);
  const std::string& detail = result.refusal().detail;
  CHECK(std::count(detail.begin(), detail.end(), '\n') == 10);
  CHECK(detail.find("/t:11:1: unknown key 'key9'") != std::string::npos);
  CHECK(detail.ends_with("\nand 3 more"));
}
