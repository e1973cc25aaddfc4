// `toolgate keys`, and approvals by more keys than one, as a user meets them.

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <fstream>

#include "gateway/store/sqlite.hpp"
#include "tests/gateway/cli_support.hpp"

namespace toolgate {
namespace {

namespace fs = std::filesystem;
using test::CommandLine;
using test::contains;
using test::lines;
using test::member;
using test::Outcome;

struct Fixture {
  CommandLine toolgate;

  Fixture() {
    toolgate.must({"init"});
    configure("{}");
    show();
  }
  void configure(const std::string& approvals) const {
    std::ofstream(toolgate.folder() / "toolgate.json")
        << R"({"mcpServers": {"files": {"command": "cat", "toolgate": {"isolation": "none"}}},)" +
               std::string(R"("toolgate": {"approvals": )") + approvals + "}}";
  }
  void show() const { test::show(toolgate, "files", {{ItemKind::tool, "read"}}); }
  std::string file(const std::string& name) const { return (toolgate.home.path() / name).string(); }
  void write_secret(const std::string& name, const std::string& text) const {
    std::ofstream(file(name)) << text << '\n';
    REQUIRE(::chmod(file(name).c_str(), 0600) == 0);
  }
  void new_key(const std::string& name) const { toolgate.must({"keys", "new", file(name)}); }
  // The line of `keys list --json` about this key.
  std::string listed(const std::string& name) const {
    std::istringstream all(toolgate.must({"keys", "list", "--json"}));
    for (std::string line; std::getline(all, line);) {
      if (member(line, "key") == name) return line;
    }
    FAIL("there is no key ", name);
    return "";
  }
  std::string state() const { return member(toolgate.must({"status", "--json"}), "state"); }
  std::size_t records(const std::string& kind) const {
    return lines(toolgate.must({"audit", "query", "--kind", kind, "--json"}));
  }
  void refuses(const std::vector<std::string>& words, const std::string& says) const {
    const Outcome outcome = toolgate(words);
    CHECK(outcome.status != 0);
    INFO(outcome.error);
    CHECK(contains(outcome.error, says));
  }
};

TEST_CASE_FIXTURE(Fixture, "keys: added, listed, used, revoked") {
  new_key("bob.key");
  refuses({"approve", "files", "--key", file("bob.key")}, "is not trusted in this home");
  CHECK(records("approval.refused") == 1);
  refuses({"keys", "add", file("bob.key.pub")}, "--name NAME");
  refuses({"keys", "add", file("nobody.pub"), "--name", "bob"}, "56 characters");
  refuses({"keys", "add", file("bob.key.pub"), "--name", "bob", "--role", "boss"}, "--role is");
  refuses({"keys", "add", file("bob.key.pub"), "--name", "a b"}, "without spaces");
  refuses({"keys", "add", file("bob.key.pub"), "--name", "bob", "--expires", "2001-01-01"},
          "in the future");
  toolgate.must({"keys", "add", file("bob.key.pub"), "--name", "bob", "--expires", "30d"});
  refuses({"keys", "add", file("bob.key.pub"), "--name", "rob"}, "in the list already");
  CHECK(member(listed("bob"), "state") == "in force");
  CHECK(member(listed("bob"), "role") == "approver");
  CHECK(contains(toolgate.must({"keys", "list"}), "in force"));

  toolgate.must({"approve", "files", "--key", file("bob.key")});
  CHECK(state() == "approved");
  refuses({"keys", "revoke", "rob"}, "did you mean bob?");
  refuses({"keys", "revoke", "bob", "--key", file("bob.key")}, "keys rotate --distrust");
  CHECK(contains(toolgate.must({"keys", "revoke", "bob"}), "1 approvals were withdrawn"));
  CHECK(state() == "probed");
  CHECK(member(listed("bob"), "state") == "revoked");
  refuses({"keys", "revoke", "bob"}, "has ended already");
  refuses({"approve", "files", "--key", file("bob.key")}, "was revoked");
  refuses({"keys", "revoke", "admin", "--key", file("bob.key")}, "was not in force then");
  CHECK(records("keys") == 3);
}

TEST_CASE_FIXTURE(Fixture, "keys: a public key is as good as its file") {
  new_key("bob.key");
  std::ifstream in(file("bob.key.pub"));
  std::string comment;
  std::string text;
  std::getline(in, comment);
  std::getline(in, text);
  toolgate.must({"keys", "add", text, "--name", "bob"});
  CHECK(member(listed("bob"), "public") == text);
}

TEST_CASE_FIXTURE(Fixture, "keys: a revocation since a time spares what was signed before it") {
  new_key("bob.key");
  toolgate.must({"keys", "add", file("bob.key.pub"), "--name", "bob"});
  toolgate.must({"approve", "files", "--key", file("bob.key")});
  SUBCASE("since an hour ago: it was within it") {
    toolgate.must({"keys", "revoke", "bob", "--since", "1h"});
    CHECK(state() == "probed");
  }
  SUBCASE("since now") {
    toolgate.must({"keys", "revoke", "bob", "--since", "0s"});
    CHECK(state() == "approved");
    refuses({"approve", "files", "--expires", "1d", "--key", file("bob.key")}, "was revoked");
  }
}

TEST_CASE_FIXTURE(Fixture, "keys: what a revoked key added is named") {
  new_key("bob.key");
  new_key("eve.key");
  toolgate.must({"keys", "add", file("bob.key.pub"), "--name", "bob"});
  toolgate.must({"keys", "add", file("eve.key.pub"), "--name", "eve", "--key", file("bob.key")});
  const Outcome revoked = toolgate({"keys", "revoke", "bob"});
  CHECK(revoked.status == 0);
  CHECK(contains(revoked.error, "('eve') was added by that key and stays trusted"));
}

TEST_CASE_FIXTURE(Fixture, "keys: rotated, and what was approved before stays") {
  toolgate.must({"approve", "files"});
  const std::string before = toolgate.must({"keys", "show"});
  const std::string id = member(listed("admin"), "id");
  SUBCASE("retired") {
    toolgate.must({"keys", "rotate", "--name", "second"});
    CHECK(state() == "approved");
    CHECK(member(listed("admin"), "state") == "retired");
  }
  SUBCASE("distrusted") {
    toolgate.must({"keys", "rotate", "--name", "second", "--distrust"});
    CHECK(state() == "probed");
    CHECK(member(listed("admin"), "state") == "revoked");
  }
  CHECK(toolgate.must({"keys", "show"}) != before);
  CHECK(member(listed("second"), "file") == (toolgate.folder() / "admin.key.pub").string());
  CHECK(fs::exists(toolgate.folder() / ("retired-" + id + ".key")));
  CHECK(fs::exists(toolgate.folder() / ("retired-" + id + ".key.pub")));
  CHECK_FALSE(fs::exists(toolgate.folder() / "admin.key.next"));
  toolgate.must({"approve", "files", "--expires", "1d"});
  toolgate.must({"keys", "rotate"});
  CHECK(member(listed("admin-2"), "state") == "in force");
  CHECK(member(listed("second"), "state") == "retired");
  CHECK(state() == "approved");
}

// The decision is made; the files of the key are moved one after the other.
TEST_CASE_FIXTURE(Fixture, "keys: a rotation that was cut off is finished by the next command") {
  const auto home = toolgate.folder();
  fs::copy(home / "admin.key", file("old.key"));
  fs::copy(home / "admin.key.pub", file("old.pub"));
  toolgate.must({"keys", "rotate"});
  const std::string next = toolgate.must({"keys", "show"});
  const std::string id = member(listed("admin"), "id");
  auto move = [](const fs::path& from, const fs::path& to) { fs::rename(from, to); };
  SUBCASE("nothing was moved") {
    move(home / "admin.key", home / "admin.key.next");
    move(home / "admin.key.pub", home / "admin.key.next.pub");
    move(home / ("retired-" + id + ".key"), home / "admin.key");
    move(home / ("retired-" + id + ".key.pub"), home / "admin.key.pub");
  }
  SUBCASE("the former secret key was") {
    move(home / "admin.key", home / "admin.key.next");
    move(home / "admin.key.pub", home / "admin.key.next.pub");
    move(home / ("retired-" + id + ".key.pub"), home / "admin.key.pub");
  }
  SUBCASE("both secret keys were") {
    move(home / "admin.key.pub", home / "admin.key.next.pub");
    move(home / ("retired-" + id + ".key.pub"), home / "admin.key.pub");
  }
  SUBCASE("all but the last") { move(home / "admin.key.pub", home / "admin.key.next.pub"); }
  SUBCASE("everything, and one that never came to be decided is left") {
    fs::copy(file("old.key"), home / "admin.key.next");
  }
  toolgate.must({"approve", "files"});
  CHECK(toolgate.must({"keys", "show"}) == next);
  CHECK(state() == "approved");
  CHECK(fs::exists(home / ("retired-" + id + ".key")));
}

TEST_CASE_FIXTURE(Fixture, "keys: a passphrase is set, changed and removed") {
  write_secret("one", "open sesame");
  write_secret("two", "close sesame");
  refuses({"keys", "passphrase"}, "TOOLGATE_NEW_PASSPHRASE_FILE");
  toolgate.environment["TOOLGATE_NEW_PASSPHRASE_FILE"] = file("one");
  CHECK(contains(toolgate.must({"keys", "passphrase"}), "was set"));
  CHECK(member(listed("admin"), "secret") == "passphrase");
  refuses({"approve", "files"}, "TOOLGATE_PASSPHRASE_FILE");

  toolgate.environment["TOOLGATE_PASSPHRASE_FILE"] = file("one");
  toolgate.environment["TOOLGATE_NEW_PASSPHRASE_FILE"] = file("two");
  CHECK(contains(toolgate.must({"keys", "passphrase"}), "was changed"));
  refuses({"approve", "files"}, "passphrase is wrong");
  toolgate.environment["TOOLGATE_PASSPHRASE_FILE"] = file("two");
  toolgate.must({"approve", "files"});
  CHECK(state() == "approved");
  CHECK(contains(toolgate.must({"keys", "passphrase", "--remove"}), "was removed"));
  CHECK(member(listed("admin"), "secret") == "clear");
  toolgate.environment.erase("TOOLGATE_PASSPHRASE_FILE");
  toolgate.must({"revoke", "files"});
  CHECK(records("keys") == 4);
}

TEST_CASE_FIXTURE(Fixture, "keys: a lost key with a recovery key") {
  new_key("vault.key");
  toolgate.must({"keys", "add", file("vault.key.pub"), "--name", "vault", "--role", "recovery"});
  toolgate.must({"approve", "files"});
  refuses({"approve", "files", "--expires", "1d", "--key", file("vault.key")}, "a recovery key");
  refuses({"revoke", "files", "--key", file("vault.key")}, "may decide nothing");
  fs::remove(toolgate.folder() / "admin.key");
  refuses({"init"}, "keys reset --lost");
  refuses({"keys", "reset", "--lost"}, "--recovery-key FILE");
  new_key("other.key");
  refuses({"keys", "reset", "--lost", "--recovery-key", file("other.key")}, "is no recovery key");
  SUBCASE("what was approved stays") {
    toolgate.must({"keys", "reset", "--lost", "--recovery-key", file("vault.key")});
    CHECK(state() == "approved");
    CHECK(member(listed("admin"), "state") == "retired");
    CHECK(member(listed("admin-2"), "added_by") == member(listed("vault"), "id"));
  }
  SUBCASE("unless it is distrusted") {
    toolgate.must({"keys", "reset", "--lost", "--recovery-key", file("vault.key"), "--distrust"});
    CHECK(state() == "probed");
    CHECK(member(listed("admin"), "state") == "revoked");
  }
  SUBCASE("or the recovery key is lost, too") {
    CHECK(contains(toolgate.must({"keys", "reset", "--lost", "--no-recovery"}),
                   "every approval was withdrawn (1 of them)"));
    CHECK(state() == "probed");
  }
  toolgate.must({"approve", "files", "--expires", "1d"});
  CHECK(state() == "approved");
}

TEST_CASE_FIXTURE(Fixture, "keys: a lost key without a recovery key begins a new trust") {
  toolgate.must({"approve", "files"});
  const std::string id = member(listed("admin"), "id");
  fs::remove(toolgate.folder() / "admin.key");
  refuses({"keys", "reset", "--lost", "--recovery-key", file("x.key")}, "cannot open");
  CHECK(contains(toolgate.must({"keys", "reset", "--lost"}), "every approval was withdrawn"));
  CHECK(member(listed("admin"), "id") != id);
  CHECK(state() == "probed");
  CHECK(contains(toolgate.must({"audit", "query", "--kind", "keys", "--json"}),
                 "new root of trust, since the former key was lost; 1 approvals were withdrawn"));
  toolgate.must({"approve", "files"});
  CHECK(state() == "approved");
}

TEST_CASE_FIXTURE(Fixture, "keys: a store that was tampered with is refused, until a reset") {
  toolgate.must({"approve", "files"});
  REQUIRE(toolgate.store()->database().run("DELETE FROM approvals"));
  const Outcome status = toolgate({"status", "--json"});
  CHECK(status.status == 3);
  CHECK(member(status.out, "state") == "changed");
  CHECK(contains(member(status.out, "last_error"), "a row was edited, removed or put back"));
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"approve", "files"}, {"revoke", "files"}, {"keys", "list"}, {"keys", "rotate"}}) {
    refuses(words, "toolgate keys reset");
  }
  CHECK(records("approvals.refused") == 4);
  CHECK(contains(toolgate.must({"keys", "reset"}), "every approval was withdrawn (0 of them)"));
  CHECK(state() == "probed");
  toolgate.must({"approve", "files"});
  CHECK(state() == "approved");
}

TEST_CASE_FIXTURE(Fixture, "keys: two keys for one class") {
  new_key("bob.key");
  toolgate.must({"keys", "add", file("bob.key.pub"), "--name", "bob"});
  configure(R"({"dual": ["new"], "key_classes": {"bob": ["new"]}})");
  show();
  CHECK(contains(toolgate.must({"approve", "files"}), "a second key is needed"));
  CHECK(contains(toolgate.must({"status"}), "1 of files waits for a second key"));
  const std::string waiting = toolgate.must({"status", "--json"});
  CHECK(contains(member(waiting, "last_error"), "waits for a second key"));
  CHECK(contains(waiting, "\"second_key\":1"));
  refuses({"approve", "files"}, "has approved this already");
  const std::string second =
      toolgate.must({"approve", "files", "--key", file("bob.key"), "--json"});
  CHECK(member(second, "waits") == "null");
  CHECK(member(second, "class") == "new");
  CHECK(state() == "approved");
  CHECK(contains(toolgate.must({"approve", "files"}), "nothing of files waits"));
}

TEST_CASE_FIXTURE(Fixture, "keys: a class that a key may not approve") {
  new_key("bob.key");
  toolgate.must({"keys", "add", file("bob.key.pub"), "--name", "bob"});
  configure(R"({"key_classes": {"bob": ["cosmetic"]}})");
  show();
  refuses({"approve", "files", "--key", file("bob.key")},
          "may not approve a change of the class 'new'");
  CHECK(records("approval.refused") == 1);
  configure(R"({"key_classes": {"bop": ["cosmetic"]}})");
  refuses({"approve", "files"}, "restricts the key 'bop'");
}

TEST_CASE_FIXTURE(Fixture, "a server with approvals is not removed without the key") {
  toolgate.must({"approve", "files"});
  fs::rename(toolgate.folder() / "admin.key", file("away.key"));
  refuses({"server", "remove", "files"}, "there is no key");
  CHECK(state() == "approved");
  toolgate.must({"server", "remove", "files", "--key", file("away.key")});
  CHECK(toolgate.store()->approvals()->empty());
}

}  // namespace
}  // namespace toolgate
