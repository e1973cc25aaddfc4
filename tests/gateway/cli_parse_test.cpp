#include <doctest/doctest.h>

#include "gateway/cli/time_text.hpp"
#include "tests/gateway/cli_support.hpp"

namespace toolgate {
namespace {

using test::CommandLine;
using test::contains;
using test::Outcome;

TEST_CASE("what makes no sense is a usage error that says what would") {
  struct Row {
    std::vector<std::string> words;
    int status;
    const char* says;
  };
  const Row rows[] = {
      {{}, 2, "say what to do"},
      {{"statsu"}, 2, "did you mean `toolgate status`?"},
      {{"xyzzy-nothing"}, 2, "there is no command"},
      {{"server", "ad"}, 2, "did you mean `toolgate server add`?"},
      {{"status", "--jsno"}, 2, "did you mean --json?"},
      {{"status", "--json=1"}, 2, "takes no value"},
      {{"status", "--json", "--json"}, 2, "is there twice"},
      {{"status", "extra"}, 2, "it is called as: toolgate status"},
      {{"approve"}, 2, "it is called as: toolgate approve SERVER"},
      {{"audit", "query", "--limit"}, 2, "--limit needs a value"},
      {{"audit", "query", "--limit", "many"}, 2, "--limit is a number"},
      {{"audit", "query", "--since", "yesterday"}, 2, "a time is written as"},
      {{"audit", "query", "--json", "--csv"}, 2, "choose one"},
      {{"--json", "status"}, 2, "say the command before its option"},
      {{"status", "--log-level", "loud"}, 2, "--log-level is"},
      {{"completion", "tcsh"}, 2, "bash, zsh and fish"},
      {{"inspect", "--surface", "wall"}, 2, "--surface is result or definition"},
      {{"quarantine", "list"}, 1, "this build has no `quarantine`"},
      {{"audit", "verify"}, 1, "this build has no `audit verify`"},
      {{"sta\x1b[2J"}, 2, "\\u{1b}"},
  };
  const CommandLine toolgate;
  for (const Row& row : rows) {
    const Outcome outcome = toolgate(row.words);
    CAPTURE(row.says);
    CAPTURE(outcome.error);
    CHECK(outcome.status == row.status);
    CHECK(contains(outcome.error, row.says));
    CHECK(outcome.out.empty());
    CHECK(!contains(outcome.error, "\x1b"));
  }
}

TEST_CASE("help and version") {
  const CommandLine toolgate;
  CHECK(toolgate.must({"--version"}).starts_with("toolgate "));
  const std::string all = toolgate.must({"--help"});
  for (const Command& command : local_commands()) {
    CHECK(contains(all, std::string(command.name)));
    const std::string own = toolgate.must([&] {
      std::vector<std::string> words = {"help"};
      const std::string name(command.name);
      const auto space = name.find(' ');
      words.push_back(name.substr(0, space));
      if (space != std::string::npos) words.push_back(name.substr(space + 1));
      return words;
    }());
    CHECK(own.starts_with("toolgate " + std::string(command.name)));
    for (const Option& option : command.options)
      CHECK(contains(own, "--" + std::string(option.name)));
  }
  CHECK(!contains(all, "quarantine"));
  CHECK(contains(toolgate.must({"server", "--help"}), "server add"));
  CHECK(contains(toolgate.must({"approve", "--help"}), "--accept-findings"));
  const Outcome group = toolgate({"server"});
  CHECK(group.status == 2);
}

TEST_CASE("completion scripts name every command") {
  const CommandLine toolgate;
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const std::string script = toolgate.must({"completion", shell});
    for (const char* word :
         {"init", "approve", "query", "--accept-findings", "doctor", "sign", "--signature"}) {
      CHECK(contains(script, word));
    }
  }
}

TEST_CASE("times and durations") {
  const std::pair<const char*, std::int64_t> sound[] = {
      {"1970-01-01", 0},
      {"1970-01-02", 86'400'000'000'000},
      {"1970-01-01T00:00:01Z", 1'000'000'000},
      {"1970-01-01 00:00:01.5Z", 1'500'000'000},
      {"1970-01-01T01:00:00+01:00", 0},
      {"2026-11-21T03:40:17.123456789Z", 1'795'232'417'123'456'789},
  };
  for (const auto& [text, ns] : sound) {
    CAPTURE(text);
    auto time = parse_time(text);
    REQUIRE(time);
    CHECK(*time == ns);
  }
  for (const char* text :
       {"", "2026", "2026-13-01", "2026-02-30", "2026-01-01T", "2026-01-01T25:00:00Z",
        "2026-01-01T00:00:00", "2026-01-01T00:00:00Zx", "9999-01-01"}) {
    CAPTURE(text);
    CHECK(!parse_time(text));
  }
  auto two_hours = parse_duration("2h");
  REQUIRE(two_hours);
  CHECK(*two_hours == 7'200'000'000'000);
  for (const char* text :
       {"", "h", "2", "2x", "-2h", "2hh", "99999999999999999999d", "9999999999999w"}) {
    CAPTURE(text);
    CHECK(!parse_duration(text));
  }
}

TEST_CASE("what a terminal would act on is made visible") {
  CHECK(visible("plain \xc3\xa9\xe4\xb8\xad") == "plain \xc3\xa9\xe4\xb8\xad");
  CHECK(visible("\x1b[31m") == "\\u{1b}[31m");
  CHECK(visible("a\xe2\x80\xae"
                "b") == "a\\u{202e}b");
  CHECK(visible("\xf3\xa0\x81\x81") == "\\u{e0041}");
  CHECK(visible("\xff") == "\\x{ff}");
  CHECK(visible("a\nb") == "a\\u{a}b");
}

TEST_CASE("tables fit the terminal") {
  std::ostringstream out;
  Console console{.out = out, .error = out, .environment = process_environment()};
  Table table({{"A", Table::Fit::keep}, {"B", Table::Fit::shrink}});
  table.add({"key", std::string(200, 'x')});
  table.print(console);
  CHECK(contains(out.str(), std::string(200, 'x')));
  out.str("");
  console.columns = 40;
  table.print(console);
  CHECK(contains(out.str(), "key  xxxx"));
  CHECK(contains(out.str(), "…"));
  CHECK(out.str().size() < 100);
  CHECK(json_line(console, "{\"a\":\"\xe2\x80\xae\xf0\x9f\x98\x80\"}") ==
        "{\"a\":\"\\u202e\\ud83d\\ude00\"}");
}

}  // namespace
}  // namespace toolgate
