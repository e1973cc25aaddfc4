#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "gateway/config/edit.hpp"

using namespace toolgate;

namespace {

std::optional<std::string> environment(const std::string&) { return std::nullopt; }

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

std::string added(const std::string& text, const std::string& name, const std::string& entry) {
  const Result<std::string> result = add_server(text, ServerName(name), entry);
  REQUIRE_MESSAGE(result, (result ? "" : result.refusal().detail));
  const Result<Configuration> parsed = parse_configuration(*result, "/t.json", environment);
  REQUIRE_MESSAGE(parsed, (parsed ? "" : parsed.refusal().detail));
  CHECK(parsed->servers.back().name.text() == name);
  return *result;
}

struct Addition {
  const char* name;
  const char* before;
  const char* after;  // with "new": {"command":"x"} added
};

const std::vector<Addition> additions = {
    {"an empty object", "{}",
     "{\n  \"mcpServers\": {\n    \"new\": {\n      \"command\": \"x\"\n    }\n  }\n}"},
    {"an object on lines of its own", "{\n}\n",
     "{\n  \"mcpServers\": {\n    \"new\": {\n      \"command\": \"x\"\n    }\n  }\n}\n"},
    {"no servers yet", "{\n  \"mcpServers\": {}\n}\n",
     "{\n  \"mcpServers\": {\n    \"new\": {\n      \"command\": \"x\"\n    }\n  }\n}\n"},
    {"a comment in place of servers", "{\n  \"mcpServers\": {\n    // none yet\n  }\n}\n",
     "{\n  \"mcpServers\": {\n    // none yet\n    \"new\": {\n      \"command\": \"x\"\n    }\n  "
     "}\n}\n"},
    {"one server", "{\n  \"mcpServers\": {\n    \"a\": { \"command\": \"y\" }\n  }\n}\n",
     "{\n  \"mcpServers\": {\n    \"a\": { \"command\": \"y\" },\n    \"new\": {\n      "
     "\"command\": \"x\"\n    }\n  }\n}\n"},
    {"comments behind the last server",
     "{\n  \"mcpServers\": {\n    \"a\": { \"command\": \"y\" } // , it's {mine}\n    /* last */\n "
     " }\n}\n",
     "{\n  \"mcpServers\": {\n    \"a\": { \"command\": \"y\" }, // , it's {mine}\n    /* last "
     "*/\n    \"new\": {\n      \"command\": \"x\"\n    }\n  }\n}\n"},
    {"a trailing comma stays one",
     "{\n  \"mcpServers\": {\n    \"a\": { \"command\": \"y\" }, // why\n  },\n}\n",
     "{\n  \"mcpServers\": {\n    \"a\": { \"command\": \"y\" }, // why\n    \"new\": {\n      "
     "\"command\": \"x\"\n    },\n  },\n}\n"},
    {"tabs", "{\n\t\"mcpServers\": {\n\t\t\"a\": {\"command\": \"y\"}\n\t}\n}",
     "{\n\t\"mcpServers\": {\n\t\t\"a\": {\"command\": \"y\"},\n\t\t\"new\": {\n\t\t\t\"command\": "
     "\"x\"\n\t\t}\n\t}\n}"},
    {"four spaces, carriage returns",
     "{\r\n    \"mcpServers\": {\r\n        \"a\": {\"command\": \"y\"}\r\n    }\r\n}\r\n",
     "{\r\n    \"mcpServers\": {\r\n        \"a\": {\"command\": \"y\"},\r\n        \"new\": {\r\n "
     "           \"command\": \"x\"\r\n        }\r\n    }\r\n}\r\n"},
    {"all on one line", "{\"mcpServers\":{\"a\":{\"command\":\"y\"}}}",
     "{\"mcpServers\":{\"a\":{\"command\":\"y\"},\n  \"new\": {\n    \"command\": \"x\"\n  }\n}}"},
    {"other keys and no servers", "{\n  \"toolgate\": { \"version\": 1 } // ours\n}\n",
     "{\n  \"toolgate\": { \"version\": 1 }, // ours\n  \"mcpServers\": {\n    \"new\": {\n      "
     "\"command\": \"x\"\n    }\n  }\n}\n"},
};

struct Removal {
  const char* name;
  const char* before;
  const char* after;  // without "b"
};

const std::vector<Removal> removals = {
    {"the only one", "{\n  \"mcpServers\": {\n    \"b\": {}\n  }\n}",
     "{\n  \"mcpServers\": {\n  }\n}"},
    {"the first", "{\"mcpServers\": {\n  \"b\": {},\n  \"c\": {}\n}}",
     "{\"mcpServers\": {\n  \"c\": {}\n}}"},
    {"the last", "{\"mcpServers\": {\n  \"a\": {}, // first\n  \"b\": {\n    \"x\": 1\n  }\n}}",
     "{\"mcpServers\": {\n  \"a\": {} // first\n}}"},
    {"the last with a trailing comma", "{\"mcpServers\": {\n  \"a\": {},\n  \"b\": {},\n}}",
     "{\"mcpServers\": {\n  \"a\": {},\n}}"},
    {"on one line", "{\"mcpServers\":{\"a\":{},\"b\":{},\"c\":{}}}",
     "{\"mcpServers\":{\"a\":{},\"c\":{}}}"},
    {"the last on one line", "{\"mcpServers\":{\"a\":{},\"b\":{}}}", "{\"mcpServers\":{\"a\":{}}}"},
    {"a comment behind it stays", "{\"mcpServers\": {\n  \"b\": {}, // why\n  \"c\": {}\n}}",
     "{\"mcpServers\": {\n   // why\n  \"c\": {}\n}}"},
};

}  // namespace

TEST_CASE("add_server touches nothing but the place where it adds") {
  for (const Addition& addition : additions) {
    CAPTURE(std::string(addition.name));
    CHECK(added(addition.before, "new", R"({"command":"x"})") == addition.after);
  }
}

TEST_CASE("the added entry is laid out, its texts stay as they are") {
  CHECK(added("{}", "a",
              R"({"command":"\u0078","args":["1",  "2"],"env":{},"timeout":1000,)"
              R"("toolgate":{"tools":{"t":{"hidden":true}}}})") ==
        "{\n"
        "  \"mcpServers\": {\n"
        "    \"a\": {\n"
        "      \"command\": \"\\u0078\",\n"
        "      \"args\": [\"1\", \"2\"],\n"
        "      \"env\": {},\n"
        "      \"timeout\": 1000,\n"
        "      \"toolgate\": {\n"
        "        \"tools\": {\n"
        "          \"t\": {\n"
        "            \"hidden\": true\n"
        "          }\n"
        "        }\n"
        "      }\n"
        "    }\n"
        "  }\n"
        "}");
}

TEST_CASE("add_server refuses what cannot be added") {
  const std::string text = "{\n  \"mcpServers\": { \"a\": {} } }";
  const auto detail = [](const Result<std::string>& result) {
    return result ? std::string("accepted") : result.refusal().detail;
  };
  CHECK(detail(add_server(text, ServerName("a"), "{}")) ==
        "there is a server 'a' already (line 2); choose another name or remove it first");
  CHECK(detail(add_server(text, ServerName("b c"), "{}")) ==
        "server name may hold only letters, digits, '_', '-' and '.'");
  CHECK(detail(add_server(text, ServerName("b"), "[]")) ==
        "the entry of server 'b' is no JSON object");
  CHECK(detail(add_server(text, ServerName("b"), "{} , \"c\": {}")) ==
        "the entry of server 'b' is no JSON object");
  CHECK(detail(add_server("[]", ServerName("b"), "{}")) ==
        "the configuration and its 'mcpServers' must be objects; correct it first");
  CHECK(detail(add_server("{\"mcpServers\":[]}", ServerName("b"), "{}")) ==
        "the configuration and its 'mcpServers' must be objects; correct it first");
  CHECK(detail(add_server("{\n x", ServerName("b"), "{}"))
            .starts_with("the configuration is no JSON: line 2, column 2: "));
}

TEST_CASE("remove_server takes out one entry") {
  for (const Removal& removal : removals) {
    CAPTURE(std::string(removal.name));
    const Result<std::string> result = remove_server(removal.before, ServerName("b"));
    REQUIRE(result);
    CHECK(*result == removal.after);
  }
  const Result<std::string> missing = remove_server("{}", ServerName("b"));
  REQUIRE(!missing);
  CHECK(missing.refusal().reason == Reason::not_found);
  CHECK(missing.refusal().detail == "no server is called 'b'");
}

TEST_CASE("what was added can be removed again") {
  for (const Addition& addition : additions) {
    CAPTURE(std::string(addition.name));
    const Result<std::string> once = remove_server(addition.after, ServerName("new"));
    REQUIRE(once);
    const Result<Configuration> parsed = parse_configuration(*once, "/t.json", environment);
    REQUIRE_MESSAGE(parsed, *once);
    CHECK(parsed->find(ServerName("new")) == nullptr);
  }
}

TEST_CASE("entry_json writes what server add was told") {
  NewServer local;
  local.command = {"npx", "-y", "server@1.2.3", "a \"b\"\n"};
  local.env = {{"TOKEN", "${TOKEN}"}};
  local.cwd = "/srv";
  local.prefix = "";
  local.isolation = "none";
  const Result<std::string> entry = entry_json(local);
  REQUIRE(entry);
  CHECK(*entry == R"({"command":"npx","args":["-y","server@1.2.3","a \"b\"\n"],)"
                  R"("env":{"TOKEN":"${TOKEN}"},"cwd":"/srv",)"
                  R"("toolgate":{"prefix":"","isolation":"none"}})");
  NewServer remote;
  remote.url = "https://h/mcp";
  remote.headers = {{"X-Key", "hidden"}};
  const Result<std::string> other = entry_json(remote);
  REQUIRE(other);
  CHECK(*other == R"({"type":"http","url":"https://h/mcp","headers":{"X-Key":"hidden"}})");

  CHECK(entry_json(NewServer{}).refusal().detail ==
        "a server needs either a command (after --) or --url");
  remote.headers.emplace_back("X-Key", "hidden");
  CHECK(entry_json(remote).refusal().detail == "the header 'X-Key' is given twice");
  local.env.emplace_back("BAD", "\xff");
  CHECK(entry_json(local).refusal().detail == "the environment variable 'BAD' is no UTF-8");
}

TEST_CASE("edit_configuration replaces the file in one step and keeps its mode") {
  const Folder folder;
  const std::filesystem::path file = folder.path / "toolgate.json";
  write(file, "{} // mine\n");
  chmod(file.c_str(), 0640);
  const auto add = [](const std::string& name, const std::string& entry) {
    return [=](const std::string& text) { return add_server(text, ServerName(name), entry); };
  };
  REQUIRE(edit_configuration(file, environment, add("a", R"({"command":"x"})")));
  CHECK(read(file).ends_with("} // mine\n"));
  struct stat status{};
  REQUIRE(stat(file.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777U) == 0640);

  // What the parser refuses is not written, and neither is a refused change.
  const std::string before = read(file);
  const Status bad = edit_configuration(file, environment, add("b", R"({"command":"${NOT_SET}"})"));
  REQUIRE(!bad);
  CHECK(bad.refusal().detail.find("${NOT_SET} is not set") != std::string::npos);
  CHECK(!edit_configuration(file, environment, add("a", R"({"command":"x"})")));
  CHECK(read(file) == before);

  // Through a link: the link stays.
  std::filesystem::create_directory(folder.path / "sub");
  const std::filesystem::path link = folder.path / "sub" / "link.json";
  std::filesystem::create_symlink("../toolgate.json", link);
  REQUIRE(edit_configuration(link, environment, add("c", R"({"command":"x"})")));
  CHECK(std::filesystem::is_symlink(link));
  CHECK(read(file).find("\"c\"") != std::string::npos);

  CHECK(!edit_configuration(folder.path / "none.json", environment, add("a", "{}")));
  std::size_t left = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path)) {
    CHECK(!entry.path().filename().string().starts_with("."));
    ++left;
  }
  CHECK(left == 2);
}

TEST_CASE("edits at the same time all arrive") {
  const Folder folder;
  const std::filesystem::path file = folder.path / "toolgate.json";
  write(file, "{}");
  std::vector<std::thread> threads;
  std::vector<int> good(8, 0);
  for (std::size_t i = 0; i < good.size(); ++i) {
    threads.emplace_back([&, i] {
      const ServerName name("s" + std::to_string(i));
      const Status status = edit_configuration(file, environment, [&](const std::string& text) {
        return add_server(text, name, R"({"command":"x"})");
      });
      good[i] = status ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(good == std::vector<int>(8, 1));
  const Result<Configuration> loaded = load_configuration(file, environment);
  REQUIRE(loaded);
  CHECK(loaded->servers.size() == 8);
}

TEST_CASE("replace_file makes a private file") {
  const Folder folder;
  const std::filesystem::path file = folder.path / "new.json";
  REQUIRE(replace_file(file, "{}"));
  CHECK(read(file) == "{}");
  struct stat status{};
  REQUIRE(stat(file.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777U) == 0600);
  CHECK(!replace_file(folder.path / "none" / "new.json", "{}"));
}
