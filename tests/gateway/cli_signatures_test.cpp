#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "gateway/core/document.hpp"
#include "tests/gateway/cli_support.hpp"

namespace toolgate {
namespace {

using test::CommandLine;
using test::contains;
using test::Outcome;

void write_file(const std::filesystem::path& file, const std::string& text) {
  std::ofstream(file, std::ios::binary) << text;
}

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string member(const std::string& line, std::string_view name) {
  auto document = parse_document(Untrusted<std::string>(line), JsonLimits{});
  REQUIRE(document);
  const auto value = document->root().find(name);
  REQUIRE(value);
  return value->is_string() ? value->text() : std::string(value->raw());
}

// A home with a key, and a file to sign.
struct Stage {
  Stage() {
    toolgate.must({"init"});
    write_file(file, "one\n");
  }
  std::string name() const { return file.string(); }
  std::string public_file() const { return (toolgate.folder() / "admin.key.pub").string(); }

  CommandLine toolgate;
  std::filesystem::path file = toolgate.home.path() / "file.txt";
};

TEST_CASE("sign and verify: a file, its key in both forms, its comment") {
  const Stage stage;
  const CommandLine& toolgate = stage.toolgate;
  CHECK(contains(toolgate.must({"sign", stage.name()}), "file.txt.minisig"));
  const std::string shown = toolgate.must({"verify", stage.name(), "--key", stage.public_file()});
  CHECK(shown.starts_with("valid: "));
  CHECK(contains(shown, " file:file.txt hashed"));

  const std::string output = (toolgate.home.path() / "other.minisig").string();
  toolgate.must({"sign", stage.name(), "--comment", "release \u202e 1", "--output", output});
  const std::string lines = text_of(stage.public_file());
  const std::string key = lines.substr(lines.find('\n') + 1, 56);
  const std::string json =
      toolgate.must({"verify", stage.name(), "--key", key, "--signature", output, "--json"});
  CHECK(member(json, "file") == stage.name());
  CHECK(member(json, "state") == "valid");
  CHECK(member(json, "comment") == "release \u202e 1");
  CHECK(contains(lines, member(json, "key")));
  CHECK(contains(toolgate.must({"verify", stage.name(), "--key", key, "--signature", output}),
                 "release \\u{202e} 1"));

  const std::string records = toolgate.must({"audit", "query", "--kind", "signature", "--json"});
  CHECK(test::lines(records) == 2);
  CHECK(contains(records, "file.txt"));
}

TEST_CASE("verify: 3 for what was not signed, 1 for what cannot be examined") {
  const Stage stage;
  const CommandLine& toolgate = stage.toolgate;
  toolgate.must({"sign", stage.name()});
  const auto signature = stage.name() + ".minisig";
  const std::string sound = text_of(signature);
  const auto other = SecretKey::generate().public_key().minisign_text();
  const std::string other_key = other.substr(other.find('\n') + 1, 56);
  const auto verify = [&](const std::string& key) {
    return toolgate({"verify", stage.name(), "--key", key, "--json"});
  };

  Outcome outcome = verify(other_key);
  CHECK(outcome.status == 3);
  CHECK(member(outcome.out, "state") == "invalid");
  CHECK(member(outcome.out, "comment") == "null");
  CHECK(contains(outcome.error, "and not by key"));

  write_file(stage.file, "two\n");
  outcome = verify(stage.public_file());
  CHECK(outcome.status == 3);
  CHECK(contains(outcome.error, "is not verified: its content is not what key"));

  write_file(stage.file, "one\n");
  write_file(signature, sound + "more");
  outcome = verify(stage.public_file());
  CHECK(outcome.status == 3);
  CHECK(contains(outcome.error, "something follows its fourth line"));
  write_file(signature, std::string(100'000, 'x'));
  CHECK(verify(stage.public_file()).status == 3);
  write_file(signature, sound);
  CHECK(verify(stage.public_file()).status == 0);

  std::filesystem::remove(signature);
  outcome = verify(stage.public_file());
  CHECK(outcome.status == 1);
  CHECK(outcome.out.empty());
  CHECK(contains(outcome.error, "file.txt.minisig: No such file"));
  write_file(signature, sound);
  const std::string folder = toolgate.home.path().string();
  CHECK(
      toolgate({"verify", folder, "--key", stage.public_file(), "--signature", signature}).status ==
      1);
  CHECK(toolgate({"verify", folder + "/none", "--key", stage.public_file()}).status == 1);
  outcome = verify(folder + "/none.pub");
  CHECK(outcome.status == 1);
  CHECK(contains(outcome.error, "or the 56 characters of base64"));
  CHECK(verify(signature).status == 1);
  CHECK(toolgate({"verify", stage.name()}).status == 2);
}

TEST_CASE("sign replaces nothing but a signature, and that when it is told to") {
  const Stage stage;
  const CommandLine& toolgate = stage.toolgate;
  toolgate.must({"sign", stage.name(), "--comment", "first"});
  const std::string signature = stage.name() + ".minisig";
  const std::string first = text_of(signature);
  Outcome outcome = toolgate({"sign", stage.name(), "--comment", "second"});
  CHECK(outcome.status == 1);
  CHECK(contains(outcome.error, "replace it with --force"));
  CHECK(text_of(signature) == first);
  toolgate.must({"sign", stage.name(), "--comment", "second", "--force"});
  CHECK(contains(text_of(signature), "trusted comment: second\n"));

  for (const std::string& victim :
       {stage.name(), stage.public_file(), (toolgate.folder() / "admin.key").string()}) {
    const std::string before = text_of(victim);
    outcome = toolgate({"sign", stage.name(), "--output", victim, "--force"});
    CHECK(outcome.status == 1);
    CHECK(contains(outcome.error, "it is no signature"));
    CHECK(text_of(victim) == before);
  }
}

TEST_CASE("sign: which key") {
  const Stage stage;
  CommandLine toolgate;  // another home
  const auto made = SecretKey::generate();
  const auto file = stage.toolgate.home.path() / "publisher.key";
  SecretBytes passphrase(4);
  std::ranges::copy(std::string_view("word"), passphrase.data());
  REQUIRE(made.save(file, &passphrase));

  Outcome outcome = toolgate({"sign", stage.name()});
  CHECK(outcome.status == 1);
  CHECK(contains(outcome.error, "run `toolgate init`, or name a key's file"));
  outcome = toolgate({"sign", stage.name(), "--key", "somebody"});
  CHECK(outcome.status == 1);
  CHECK(contains(outcome.error, "there is no key"));
  CHECK(toolgate({"sign", stage.name(), "--key", "a b"}).status != 0);
  CHECK(toolgate({"sign", stage.name(), "--key", stage.name()}).status == 1);

  outcome = toolgate({"sign", stage.name(), "--key", file.string()});
  CHECK(outcome.status == 1);
  CHECK(contains(outcome.error, "publisher.key needs its passphrase"));
  CHECK(contains(outcome.error, "TOOLGATE_PASSPHRASE_FILE"));
  const auto word = stage.toolgate.home.path() / "word";
  write_file(word, "word\n");
  REQUIRE(::chmod(word.c_str(), 0600) == 0);
  toolgate.environment["TOOLGATE_PASSPHRASE_FILE"] = word.string();
  // Without a home: a publisher needs none.
  toolgate.must({"sign", stage.name(), "--key", file.string()});
  CHECK(!std::filesystem::exists(toolgate.folder()));
  toolgate.must({"verify", stage.name(), "--key", file.string() + ".pub"});
}

TEST_CASE("sign: what cannot be signed") {
  const Stage stage;
  const CommandLine& toolgate = stage.toolgate;
  CHECK(toolgate({"sign"}).status == 2);
  CHECK(toolgate({"sign", stage.name() + ".none"}).status == 1);
  CHECK(toolgate({"sign", toolgate.home.path().string(), "--output",
                  (toolgate.home.path() / "x").string()})
            .status == 1);
  CHECK(toolgate({"sign", stage.name(), "--comment", "two\nlines"}).status == 2);
  const auto odd = toolgate.home.path() / "two\nlines";
  write_file(odd, "x");
  const Outcome outcome = toolgate({"sign", odd.string()});
  CHECK(outcome.status == 2);
  CHECK(contains(outcome.error, "say something else with --comment"));
  CHECK(!std::filesystem::exists(odd.string() + ".minisig"));
  toolgate.must({"sign", odd.string(), "--comment", "odd"});
}

TEST_CASE("progress is shown for large files, to those who look") {
  const Stage stage;
  std::filesystem::resize_file(stage.file, std::uintmax_t{65} << 20);
  std::ostringstream out;
  std::ostringstream error;
  Console console{.out = out, .error = error, .environment = [&](const std::string& name) {
                    return name == "TOOLGATE_HOME" ? std::optional(stage.toolgate.folder().string())
                                                   : std::nullopt;
                  }};
  CHECK(dispatch(local_commands(), {"sign", stage.name()}, console) == 0);
  CHECK(error.str().empty());
  console.error_is_terminal = true;
  CHECK(dispatch(local_commands(), {"verify", stage.name(), "--key", stage.public_file()},
                 console) == 0);
  CHECK(contains(error.str(), ": 50%"));
  CHECK(error.str().ends_with(": 100%\n"));
}

}  // namespace
}  // namespace toolgate
