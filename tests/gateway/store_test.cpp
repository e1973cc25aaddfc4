#include "gateway/store/store.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/store/sqlite.hpp"
#include "tests/gateway/store_home.hpp"
#include "tests/gateway/trusted_home.hpp"

namespace toolgate {
namespace {

using test::TemporaryHome;
using test::TrustedHome;

unsigned mode_of(const std::filesystem::path& path) {
  struct stat status{};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777U;
}

// Another process that opens the store, adds an agent and closes it, each time it is told to. Made
// before this one opens the store: a child that is forked later inherits what SQLite knows of its
// locks, and is no stranger.
class OtherProcess {
 public:
  explicit OtherProcess(const std::filesystem::path& home) {
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_) == 0);
    child_ = ::fork();
    if (child_ == 0) ::_exit(serve(home));
    ::close(std::exchange(ends_[1], -1));
  }
  ~OtherProcess() {
    ::close(ends_[0]);
    ::waitpid(child_, nullptr, 0);
  }
  OtherProcess(const OtherProcess&) = delete;

  bool add_agent(char name) {
    char answer = 0;
    return ::write(ends_[0], &name, 1) == 1 && ::read(ends_[0], &answer, 1) == 1 && answer == 1;
  }

 private:
  int serve(const std::filesystem::path& home) {
    ::close(ends_[0]);
    char name = 0;
    while (::read(ends_[1], &name, 1) == 1) {
      auto store = Store::open(home, Store::Mode::existing);
      const std::string text = std::string("other-") + name;
      const char answer = store && (*store)->add_agent(AgentName(text), text, 1) ? 1 : 0;
      store = Refusal(Reason::storage, "closed");
      if (::write(ends_[1], &answer, 1) != 1) return 1;
    }
    return 0;
  }

  int ends_[2] = {-1, -1};
  pid_t child_ = -1;
};

TEST_CASE("a store that is open twice here survives other processes that come and go") {
  TemporaryHome home;
  OtherProcess other(home.path());
  auto first = Store::open(home.path(), Store::Mode::create);
  REQUIRE(first);
  auto second = Store::open(home.path(), Store::Mode::existing);
  REQUIRE(second);
  std::size_t expected = 0;
  for (const char turn : std::string("abcde")) {
    CHECK(other.add_agent(turn));
    CHECK((*first)->add_agent(AgentName(std::string("own-") + turn), std::string(1, turn), 1));
    expected += 2;
    for (auto* store : {first->get(), second->get()}) {
      auto agents = store->agents();
      REQUIRE(agents);
      CHECK(agents->size() == expected);
    }
  }
}

TEST_CASE("a new store is private, and is found again") {
  TemporaryHome home;
  const auto inner = home.path() / "deep" / "home";
  auto missing = Store::open(inner, Store::Mode::existing);
  REQUIRE(!missing);
  CHECK(missing.refusal().reason == Reason::storage);
  CHECK(missing.refusal().detail.find("toolgate init") != std::string::npos);

  auto made = Store::open(inner, Store::Mode::create);
  REQUIRE(made);
  CHECK(mode_of(inner) == 0700);
  REQUIRE((*made)->add_agent(AgentName("a"), "hash", 7));
  for (const char* file : {"store.db", "store.db-wal", "store.db-shm"}) {
    CHECK(mode_of(inner / file) == 0600);
  }
  auto again = Store::open(inner, Store::Mode::existing);
  REQUIRE(again);
  auto agents = (*again)->agents();
  REQUIRE(agents);
  CHECK(agents->size() == 1);
}

TEST_CASE("a home that others can write to is refused") {
  TemporaryHome home;
  REQUIRE(::chmod(home.path().c_str(), 0777) == 0);
  auto store = Store::open(home.path(), Store::Mode::create);
  REQUIRE(!store);
  CHECK(store.refusal().detail.find("chmod 700") != std::string::npos);
}

TEST_CASE("a store behind a symbolic link is refused") {
  TemporaryHome home;
  TemporaryHome elsewhere;
  auto real = elsewhere.open();
  std::filesystem::create_symlink(elsewhere.path() / "store.db", home.path() / "store.db");
  CHECK(!Store::open(home.path(), Store::Mode::existing));
}

TEST_CASE("files that this version must not touch") {
  struct Row {
    const char* name;
    const char* statement;
    const char* says;
  };
  for (const Row& row :
       {Row{"a newer schema", "PRAGMA user_version=4", "newer toolgate (schema 4"},
        Row{"another program's database", "PRAGMA application_id=5", "no toolgate store"}}) {
    CAPTURE(row.name);
    TemporaryHome home;
    {
      auto store = home.open();
      REQUIRE(store->database().run(row.statement));
    }
    auto store = Store::open(home.path(), Store::Mode::create);
    REQUIRE(!store);
    CHECK(store.refusal().reason == Reason::storage);
    CHECK(store.refusal().detail.find(row.says) != std::string::npos);
  }
}

TEST_CASE("a file of garbage is refused, and left alone") {
  TemporaryHome home;
  const std::string garbage(8192, 'x');
  const auto file = home.path() / "store.db";
  std::FILE* out = std::fopen(file.c_str(), "w");
  REQUIRE(out);
  std::fwrite(garbage.data(), 1, garbage.size(), out);
  std::fclose(out);
  auto store = Store::open(home.path(), Store::Mode::create);
  REQUIRE(!store);
  CHECK(store.refusal().detail.find("store.db") != std::string::npos);
  CHECK(std::filesystem::file_size(file) == garbage.size());
}

TEST_CASE_FIXTURE(TrustedHome, "approvals: stored, superseded, revoked") {
  REQUIRE(
      put({approval("files", "read", "1"), approval("files", "write", "2"),
           approval("files", "", "3", ItemKind::instructions), approval("other", "read", "4")}));
  CHECK(items().size() == 4);

  SUBCASE("a new one takes the place of the old one") {
    const StoredApproval later = approval("files", "read", "5");
    REQUIRE(put({later}));
    auto all = store->approvals();
    REQUIRE(all);
    REQUIRE(all->size() == 4);
    CHECK(all->back().record == later.record);
    CHECK(all->back().definition == later.definition);
  }
  SUBCASE("the same key of another kind is another thing") {
    REQUIRE(put({approval("files", "read", "5", ItemKind::prompt)}));
    CHECK(items().size() == 5);
  }
  SUBCASE("revoking named ones") {
    CHECK(*count_approvals(*store, "files",
                           {{ItemKind::tool, "write"}, {ItemKind::tool, "nothing"}}) == 1);
    auto count = revoke("files", {"write", "nothing"});
    REQUIRE(count);
    CHECK(*count == 1);
    CHECK(items().size() == 3);
  }
  SUBCASE("the empty key means the instructions, not everything") {
    auto count = revoke_items("files", {{ItemKind::instructions, ""}});
    REQUIRE(count);
    CHECK(*count == 1);
  }
  SUBCASE("revoking all of a server") {
    auto count = revoke("files", {});
    REQUIRE(count);
    CHECK(*count == 3);
    auto again = revoke("files", {});
    REQUIRE(again);
    CHECK(*again == 0);
    CHECK(items() == std::vector<std::string>{"read"});
  }
}

TEST_CASE_FIXTURE(TrustedHome, "approvals are stored all or none") {
  StoredApproval bad = approval("files", "b", "2");
  bad.record.text = "{}";
  CHECK_FALSE(put({approval("files", "a", "1"), bad}));
  CHECK(items().empty());
}

TEST_CASE("what was shown is replaced as a whole, in its order") {
  TemporaryHome home;
  auto store = home.open();
  const Digest identity = digest("test", "server");
  std::vector<Shown> items;
  for (const char* key : {"z", "a", "m"}) {
    Shown item;
    item.definition.key = key;
    item.definition.json = std::string(R"({"name":")") + key + "\"}";
    item.pin = digest("test", key);
    item.identity = identity;
    item.scopes = digest("test", "scopes");
    item.findings = "[]";
    item.time_ns = 42;
    items.push_back(item);
  }
  const ReviewSeal seal = ReviewSeal::generate();
  REQUIRE(store->put_shown("files", items, seal));
  REQUIRE(store->put_shown("other", {items[0]}, seal));
  auto shown = store->shown("files");
  REQUIRE(shown);
  REQUIRE(shown->size() == 3);
  CHECK((*shown)[0].definition.key == "z");
  CHECK((*shown)[1].definition.key == "a");
  CHECK((*shown)[1].pin == digest("test", "a"));
  CHECK((*shown)[1].identity == identity);
  CHECK((*shown)[1].server == "files");
  CHECK((*shown)[1].findings == "[]");
  CHECK((*shown)[1].time_ns == 42);
  CHECK((*shown)[1].scopes == digest("test", "scopes"));
  CHECK((*shown)[1].place == 1);
  CHECK(is_sealed((*shown)[1], seal));

  REQUIRE(store->put_shown("files", {items[2]}, seal));
  shown = store->shown("files");
  REQUIRE(shown);
  REQUIRE(shown->size() == 1);
  shown = store->shown("other");
  REQUIRE(shown);
  CHECK(shown->size() == 1);
}

TEST_CASE("servers and agents") {
  TemporaryHome home;
  auto store = home.open();
  StoredServer server{.server = "files",
                      .identity = digest("test", "one"),
                      .capabilities = "{}",
                      .server_info = R"({"name":"x"})",
                      .revision = "2025-11-25"};
  REQUIRE(store->put_server(server));
  server.revision = "2026-07-28";
  REQUIRE(store->put_server(server));
  auto servers = store->servers();
  REQUIRE(servers);
  REQUIRE(servers->size() == 1);
  CHECK(servers->front().revision == "2026-07-28");
  CHECK(servers->front().identity == server.identity);
  CHECK(servers->front().server_info == server.server_info);

  REQUIRE(store->add_agent(AgentName("claude"), "hash-1", 7));
  CHECK(!store->add_agent(AgentName("claude"), "hash-2", 8));
  auto known = store->agent_by_token_hash("hash-1");
  REQUIRE(known);
  REQUIRE(known->has_value());
  CHECK((*known)->text() == "claude");
  auto unknown = store->agent_by_token_hash("hash-2");
  REQUIRE(unknown);
  CHECK(!unknown->has_value());
  auto removed = store->remove_agent(AgentName("claude"));
  REQUIRE(removed);
  CHECK(*removed);
  removed = store->remove_agent(AgentName("claude"));
  REQUIRE(removed);
  CHECK(!*removed);
  known = store->agent_by_token_hash("hash-1");
  REQUIRE(known);
  CHECK(!known->has_value());
}

TEST_CASE("a store that counts no changes is refused: a revocation would go unnoticed") {
  TemporaryHome home;
  auto store = home.open();
  REQUIRE(store->database().run("DELETE FROM changes"));
  CHECK_FALSE(store->data_version());
  REQUIRE(store->database().run("DROP TABLE changes"));
  CHECK_FALSE(store->data_version());
}

TEST_CASE_FIXTURE(TrustedHome,
                  "data_version changes with approvals, agents and reviews of another connection") {
  auto mine = home.open();
  auto other = home.open();
  auto version = [&] {
    auto number = mine->data_version();
    REQUIRE(number);
    return *number;
  };
  auto before = version();
  CHECK(version() == before);
  REQUIRE(other->add_agent(AgentName("a"), "h", 1));
  CHECK(version() != before);
  before = version();
  REQUIRE(put({approval("s", "t", "1")}));
  CHECK(version() != before);
  before = version();
  REQUIRE(revoke("s", {}));
  CHECK(version() != before);
}

}  // namespace
}  // namespace toolgate
