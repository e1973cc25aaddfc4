// What real harnesses' files look like when several people and programs have been at them:
// installing into them and uninstalling must give the same bytes back.

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "gateway/config/edit.hpp"
#include "gateway/config/harness_install.hpp"
#include "tests/gateway/cli_support.hpp"

using namespace toolgate;
using namespace std::string_literals;
using toolgate::test::contains;
using toolgate::test::TemporaryHome;

namespace {

const GatewayEntry entry{"/usr/bin/toolgate", {"stdio"}, "/srv/home"};

constexpr HarnessFormat json_formats[] = {HarnessFormat::claude_code, HarnessFormat::claude_desktop,
                                          HarnessFormat::cursor, HarnessFormat::vscode,
                                          HarnessFormat::gemini};

void write(const std::filesystem::path& file, const std::string& text) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << text;
}

std::string read(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

std::set<std::string> names_in(const std::filesystem::path& folder) {
  std::set<std::string> names;
  for (const auto& found : std::filesystem::directory_iterator(folder)) {
    names.insert(found.path().filename().string());
  }
  return names;
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (std::size_t at = text.find(what); at != std::string::npos;
       at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
  return text;
}

std::string many_servers() {
  std::string text = "{\n  \"KEY\": {\n";
  for (int i = 0; i < 200; ++i) {
    text += "    \"server-" + std::to_string(i) + "\": { \"command\": \"x\", \"args\": [\"" +
            std::to_string(i) + "\"] }" + (i < 199 ? "," : "") + "\n";
  }
  return text + "  }\n}\n";
}

std::string many_tables() {
  std::string text;
  for (int i = 0; i < 200; ++i) {
    text += "[mcp_servers.server-" + std::to_string(i) + "]\ncommand = \"x\"\n\n";
  }
  return text;
}

struct Trap {
  std::string name;
  std::string text;  // KEY stands for the harness's key
};

const std::vector<Trap> json_traps = {
    {"a byte order mark", "\xEF\xBB\xBF{\n  \"KEY\": {}\n}\n"},
    {"a byte order mark and nothing else", "\xEF\xBB\xBF"},
    {"white space alone", "\r\n\t \n"},
    {"no final newline, carriage returns", "{\r\n\t\"KEY\": {\r\n\t\t\"a\": {}\r\n\t}\r\n}"},
    {"a line end at the start", "\n\n{\"theme\":1}\n\n\n"},
    {"comments everywhere",
     "// a\n/* b */ { // c\n /* d */ \"KEY\" /* e */ : { /* f */ \"a\": {} // g\n /* h */ } // i\n "
     "/* j */ } // k\n/* l */"},
    {"trailing commas", "{\n  \"KEY\": {\n    \"a\": {\"args\": [1,],},\n  },\n}\n"},
    {"tabs and spaces mixed", "{\n\t  \"KEY\":\t{\n  \t\t\"a\" :{}  \t\n\t}\t\n }"},
    {"names that are no names",
     R"({"KEY":{"__proto__":{},"constructor":{},"":{},"gr\u00f6\u00dfe":{},"größe 2":{},)"
     R"("\ud83d\ude00":{},"a\u0000b":{},"..\/..\/x":{}}})"},
    {"numbers that fit nowhere",
     R"({"a":1e400,"b":-0,"c":123456789012345678901234567890,"KEY":{}})"},
    {"our words in a text", R"({"x":"\"toolgate\": {}, \"KEY\"","KEY":{"a":{"y":"}"}}})"},
    {"nested 60 deep", "{\"d\":" + std::string(60, '[') + std::string(60, ']') + ",\"KEY\":{}}"},
    {"200 servers", many_servers()},
    {"5 MiB of history", "{\"h\":\"" + std::string(5 << 20, 'x') + "\",\n \"KEY\": {}}"},
};

const std::vector<Trap> toml_traps = {
    {"a byte order mark", "\xEF\xBB\xBFmodel = 'x'\n"},
    {"carriage returns, no final newline", "model = 'x'\r\n[mcp_servers.a]\r\ncommand = 'x'"},
    {"white space alone", "\r\n \n"},
    {"only a comment, without an end", "# mine"},
    {"our table in a text of several lines",
     "x = '''\n# >>> toolgate install\n[mcp_servers.toolgate]\ncommand = 'x'\n'''\n"},
    {"our markers around something else", "# >>> toolgate install\n[a]\n# <<< toolgate install\n"},
    {"dotted keys", "mcp_servers.a.command = 'x'\nmcp_servers.a.env.K = 'v'\n"},
    {"headers with white space and quotes",
     "[ mcp_servers . \"a b\" ] # why\ncommand = "
     "'x'\n[\"mcp_servers\". 'gr\xc3\xb6\xc3\x9f' .env]\n"},
    {"arrays of tables", "[[hooks]]\na = 1\n[[hooks]]\na = [\n  1,\n]\n"},
    {"numbers and dates", "a = 0xff\nb = 1_000\nc = 1979-05-27T07:32:00Z\nd = inf\ne = 1e9\n"},
    {"200 servers", many_tables()},
};

// Somebody edits the file between the two: `from` is replaced by `to` in what `install` has made.
struct Change {
  std::string name;
  HarnessFormat format;
  std::string before;
  std::string from;
  std::string to;
  std::string after;
};

const std::string codex_block =
    "# >>> toolgate install\n[mcp_servers.toolgate]\ncommand = \"/usr/bin/toolgate\"\n"
    "args = [\"stdio\"]\nenv = { TOOLGATE_HOME = \"/srv/home\" }\n# <<< toolgate install\n";

const std::vector<Change> changes = {
    {"another key", HarnessFormat::gemini,
     "{\n  \"ui\": 1,\n  \"mcpServers\": {\n    \"a\": {}\n  }\n}\n", "\"ui\": 1", "\"ui\": 2",
     "{\n  \"ui\": 2,\n  \"mcpServers\": {\n    \"a\": {}\n  }\n}\n"},
    {"a server before ours", HarnessFormat::cursor, "{\"mcpServers\": {\n  \"a\": {}\n}}\n",
     "  \"a\": {},\n", "  \"a\": {},\n  \"b\": {},\n",
     "{\"mcpServers\": {\n  \"a\": {},\n  \"b\": {}\n}}\n"},
    {"a server behind ours", HarnessFormat::vscode, "{\"servers\": {\n  \"a\": {}\n}}\n",
     "\n  }\n}}", "\n  },\n  \"b\": {}\n}}", "{\"servers\": {\n  \"a\": {},\n  \"b\": {}\n}}\n"},
    {"another key where there was no object for servers", HarnessFormat::claude_code,
     "{\n  \"n\": 1\n}\n", "\"n\": 1", "\"n\": 2", "{\n  \"n\": 2\n}\n"},
    {"a server where there was no object for servers", HarnessFormat::claude_code,
     "{\n  \"n\": 1\n}\n", "\"toolgate\": {", "\"b\": {},\n    \"toolgate\": {",
     "{\n  \"n\": 1,\n  \"mcpServers\": {\n    \"b\": {}\n  }\n}\n"},
    {"a comment where our object stands", HarnessFormat::vscode, "{\n  \"n\": 1\n}\n",
     "\"servers\": {\n", "\"servers\": {\n    // mine\n",
     "{\n  \"n\": 1,\n  \"servers\": {\n    // mine\n  }\n}\n"},
    {"the whole file written anew in one line", HarnessFormat::claude_code, "{ \"n\": 1 }", "\n",
     "", "{ \"n\": 1  }"},
    {"a table behind ours", HarnessFormat::codex, "model = 'x'\n", "# <<< toolgate install\n",
     "# <<< toolgate install\n\n[projects.\"/p\"]\ntrust_level = \"trusted\"\n",
     "model = 'x'\n\n[projects.\"/p\"]\ntrust_level = \"trusted\"\n"},
    {"a table between our table and our marker", HarnessFormat::codex, "model = 'x'\n",
     "\n# <<< toolgate install\n",
     "\n\n# why\n[projects.\"/p\"]\ntrust_level = \"trusted\"\n# <<< toolgate install\n",
     "model = 'x'\n\n# why\n[projects.\"/p\"]\ntrust_level = \"trusted\"\n"},
    {"the file as Codex itself writes it anew", HarnessFormat::codex, "model = 'x'\n", codex_block,
     "[mcp_servers.toolgate]\ncommand = \"/usr/bin/toolgate\"\nargs = [\"stdio\"]\n\n"
     "[mcp_servers.toolgate.env]\nTOOLGATE_HOME = \"/srv/home\"\n\n[mcp_servers.extra]\n"
     "command = \"/bin/true\"\n# <<< toolgate install\n",
     "model = 'x'\n\n[mcp_servers.extra]\ncommand = \"/bin/true\"\n"},
    {"tables of ours far apart", HarnessFormat::codex, "", codex_block,
     "[mcp_servers.toolgate]\ncommand = \"/usr/bin/toolgate\"\nargs = [\"stdio\"]\n\n"
     "[a]\nb = 1\n[mcp_servers.toolgate.tools.x]\napproval_mode = \"approve\"\n[c]\n",
     "\n[a]\nb = 1\n[c]\n"},
    {"carriage returns everywhere", HarnessFormat::codex, "model = 'x'\n", "\n", "\r\n",
     "model = 'x'\r\n"},
};

// What cannot be installed into, and a part of the reason.
const std::vector<Trap> refused_json = {
    {"is UTF-16; save it as UTF-8 first", "\xFF\xFE{\0}\0"s},
    {"is UTF-16; save it as UTF-8 first", "\xFE\xFF\0{\0}"s},
    {"is UTF-16; save it as UTF-8 first", "{\0}\0"s},
    {"duplicate member name", "{\"KEY\":{},\"KEY\":{}}"},
    {"line 2, column", "{\n\"a\": \"\x1b\"}"},
    {"line 1, column", "{\"d\":" + std::string(100, '[') + std::string(100, ']') + "}"},
    {"line 1, column", "{'KEY': {}}"},
    {"there is a server 'toolgate' already", R"({"KEY":{"toolgate":{"url":"https://h/"}}})"},
    {"must be objects", "[]"},
    {"must be an object", R"({"KEY":7})"},
};

const std::vector<Trap> refused_toml = {
    {"is UTF-16; save it as UTF-8 first", "\xFF\xFE[\0a\0]\0"s},
    {"line 2, column", "a = 1\na = 2\n"},
    {"write mcp_servers as tables of their own first", "mcp_servers = { a = { command = 'x' } }\n"},
    {"there is a server 'toolgate' already", "[mcp_servers.toolgate]\nurl = 'https://h/'\n"},
    {"its servers must be an object", "[[mcp_servers]]\na = 1\n"},
};

}  // namespace

TEST_CASE("installing into files with traps, and uninstalling: byte for byte, with their mode") {
  const TemporaryHome home;
  const std::filesystem::path file = home.path() / "h" / "config";
  const auto round_trip = [&](const HarnessClient& client, const Trap& trap) {
    CAPTURE(std::string(harness_format_name(client.format)));
    CAPTURE(trap.name);
    const std::string text = replaced(trap.text, "KEY", std::string(client.key));
    write(file, text);
    REQUIRE(chmod(file.c_str(), 0600) == 0);
    // The second round finds what the first one has left.
    for (int round = 0; round < 2; ++round) {
      const auto installed = install_gateway(client, file, entry);
      REQUIRE_MESSAGE(installed, (installed ? "" : installed.refusal().detail));
      CHECK(has_gateway(client, read(file)));
      const auto gone = uninstall_gateway(client, file);
      REQUIRE_MESSAGE(gone, (gone ? "" : gone.refusal().detail));
      CHECK(gone->kind == HarnessChange::Kind::restored);
      CHECK(read(file) == text);
    }
    struct stat status{};
    REQUIRE(stat(file.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777U) == 0600);
    CHECK(names_in(home.path() / "h") == std::set<std::string>{"config"});
  };
  for (const HarnessFormat format : json_formats) {
    for (const Trap& trap : json_traps) round_trip(harness_client(format), trap);
  }
  for (const Trap& trap : toml_traps) round_trip(harness_client(HarnessFormat::codex), trap);
}

TEST_CASE("what somebody changes between install and uninstall stays; only our entry goes") {
  const TemporaryHome home;
  const std::filesystem::path file = home.path() / "h" / "config";
  for (const Change& change : changes) {
    CAPTURE(change.name);
    const HarnessClient& client = harness_client(change.format);
    write(file, change.before);
    REQUIRE(install_gateway(client, file, entry));
    const std::string edited = replaced(read(file), change.from, change.to);
    REQUIRE(edited != read(file));
    write(file, edited);
    const auto gone = uninstall_gateway(client, file);
    REQUIRE_MESSAGE(gone, (gone ? "" : gone.refusal().detail));
    CHECK(gone->kind == HarnessChange::Kind::written);
    CHECK(read(file) == change.after);
    CHECK(read(file.string() + ".toolgate-backup") == change.before);
    // The next round restores what the file holds now, and the first backup is still there.
    REQUIRE(install_gateway(client, file, entry));
    REQUIRE(uninstall_gateway(client, file));
    CHECK(read(file) == change.after);
    CHECK(read(file.string() + ".toolgate-backup.1") == change.before);
    std::filesystem::remove_all(home.path() / "h");
  }
}

TEST_CASE("paths that a harness would not hand back as they are cannot be entered") {
  struct Row {
    std::string home;
    const char* reason;  // empty: good
    HarnessFormat format = HarnessFormat::gemini;
  };
  const std::vector<Row> rows = {
      {"/srv/größe \"a\\b\"", ""},
      {"/srv/$HOME", "takes for a variable"},
      {"/srv/${env:HOME}", "takes for a variable", HarnessFormat::cursor},
      {"/srv/$HOME", "", HarnessFormat::codex},
      {"/srv/\x1b[2J", "cannot be written"},
      {"/srv/\x7f", "cannot be written", HarnessFormat::codex},
      {"/srv/a\nb", "cannot be written"},
      {"/srv/\xe9", "cannot be written"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.home);
    const HarnessClient& client = harness_client(row.format);
    const GatewayEntry wanted{"/usr/bin/toolgate", {"stdio"}, row.home};
    const Status status = check_entry(client, wanted);
    if (std::string(row.reason).empty()) {
      REQUIRE(status);
      CHECK(has_gateway(client, gateway_snippet(client, wanted)));
    } else {
      REQUIRE(!status);
      CHECK(contains(status.refusal().detail, row.reason));
    }
  }
}

TEST_CASE("what cannot be installed into is refused with the reason, and keeps its bytes") {
  const TemporaryHome home;
  const std::filesystem::path file = home.path() / "h" / "config";
  const auto refused = [&](const HarnessClient& client, const Trap& trap) {
    CAPTURE(std::string(harness_format_name(client.format)));
    const std::string text = replaced(trap.text, "KEY", std::string(client.key));
    CAPTURE(text);
    write(file, text);
    const auto installed = install_gateway(client, file, entry);
    REQUIRE(!installed);
    CAPTURE(installed.refusal().detail);
    CHECK(contains(installed.refusal().detail, trap.name));
    CHECK(read(file) == text);
    CHECK(names_in(home.path() / "h") == std::set<std::string>{"config"});
  };
  for (const HarnessFormat format : json_formats) {
    for (const Trap& trap : refused_json) refused(harness_client(format), trap);
  }
  for (const Trap& trap : refused_toml) refused(harness_client(HarnessFormat::codex), trap);
}

TEST_CASE("files that are not what they seem are neither read nor replaced") {
  const TemporaryHome home;
  const std::filesystem::path folder = home.path() / "h";
  const std::filesystem::path file = folder / "config";
  const std::filesystem::path backup = folder / "config.toolgate-backup";
  const std::filesystem::path other = home.path() / "other";
  const HarnessClient& client = harness_client(HarnessFormat::cursor);
  const auto reason = [&] {
    const auto installed = install_gateway(client, file, entry);
    return installed ? std::string("installed") : installed.refusal().detail;
  };
  write(other, "{}");
  std::filesystem::create_directory(folder);

  REQUIRE(mkfifo(file.c_str(), 0600) == 0);
  CHECK(contains(reason(), "is not a regular file"));
  std::filesystem::remove(file);

  std::filesystem::create_symlink(home.path() / "nowhere", file);
  CHECK(contains(reason(), "is a symbolic link"));
  CHECK(!std::filesystem::exists(home.path() / "nowhere"));
  std::filesystem::remove(file);

  write(file, "{}");
  REQUIRE(chmod(file.c_str(), 0444) == 0);
  CHECK(contains(reason(), "is read-only"));
  REQUIRE(chmod(file.c_str(), 0644) == 0);

  std::filesystem::create_symlink(other, backup);
  CHECK(contains(reason(), "is a symbolic link"));
  std::filesystem::remove(backup);
  REQUIRE(mkfifo(backup.c_str(), 0600) == 0);
  CHECK(contains(reason(), "is not a regular file"));
  std::filesystem::remove(backup);
  CHECK(read(file) == "{}");
  CHECK(read(other) == "{}");
  CHECK(names_in(folder) == std::set<std::string>{"config"});
}

TEST_CASE("a backup that came with a project is not taken for what the file held") {
  const TemporaryHome home;
  const std::filesystem::path file = home.path() / "h" / "config";
  const std::string planted = R"({"mcpServers":{"evil":{"command":"/tmp/x"}}})";
  const std::string mine = R"({"mcpServers":{"a":{"command":"y"}}})";
  const HarnessClient& client = harness_client(HarnessFormat::cursor);
  write(file, mine);
  write(file.string() + ".toolgate-backup", planted);
  REQUIRE(install_gateway(client, file, entry));
  REQUIRE(uninstall_gateway(client, file));
  CHECK(read(file) == mine);
  CHECK(read(file.string() + ".toolgate-backup.1") == planted);
  // Beside no file at all: what `install` makes is gone afterwards.
  std::filesystem::remove_all(home.path() / "h");
  write(file.string() + ".toolgate-backup", planted);
  REQUIRE(install_gateway(client, file, entry));
  CHECK(uninstall_gateway(client, file)->kind == HarnessChange::Kind::deleted);
  CHECK(names_in(home.path() / "h") == std::set<std::string>{"config.toolgate-backup.1"});
  // Beside a file that the gateway has been put into by hand.
  const std::string installed = *with_gateway(client, mine, entry);
  write(file, installed);
  write(file.string() + ".toolgate-backup", planted);
  const auto gone = uninstall_gateway(client, file);
  REQUIRE(gone);
  CHECK(gone->kind == HarnessChange::Kind::written);
  CHECK(!contains(read(file), "evil"));
}

TEST_CASE("a file that somebody else changes at the same time is not overwritten") {
  const TemporaryHome home;
  const std::filesystem::path folder = home.path() / "h";
  const std::filesystem::path file = folder / "config";
  const std::filesystem::path other = home.path() / "other";
  write(file, "two");
  write(other, "other");
  const auto attempt = [&](const std::optional<std::string>& before) {
    const Status status = replace_file_holding(file, before, "three");
    return status ? std::string("replaced") : status.refusal().detail;
  };
  CHECK(contains(attempt("one"), "another program has changed it just now"));
  CHECK(contains(attempt(std::nullopt), "another program has changed it just now"));
  CHECK(read(file) == "two");
  std::filesystem::remove(file);
  CHECK(contains(attempt("two"), "another program has changed it just now"));
  CHECK(!std::filesystem::exists(file));
  std::filesystem::create_symlink(other, file);  // with the bytes that are expected
  CHECK(contains(attempt("other"), "is a symbolic link"));
  CHECK(read(other) == "other");
  CHECK(names_in(folder) == std::set<std::string>{"config"});
  std::filesystem::remove(file);
  CHECK(attempt(std::nullopt) == "replaced");
  CHECK(attempt("three") == "replaced");
  CHECK(names_in(folder) == std::set<std::string>{"config"});
}
