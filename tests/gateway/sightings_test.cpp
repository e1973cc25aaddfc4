// What was seen and not approved: how it gets into the store, and what ends it.

#include "gateway/store/sightings.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "gateway/core/clock.hpp"
#include "gateway/store/decisions.hpp"
#include "gateway/store/sqlite.hpp"
#include "tests/gateway/store_home.hpp"
#include "tests/gateway/trusted_home.hpp"

namespace toolgate::test {
namespace {

const ServerIdentity files = digest("test", "files");
const ServerIdentity other = digest("test", "other");

std::string definition_of(const std::string& key, const std::string& text) {
  return R"({"name":")" + key + R"(","description":")" + text + R"("})";
}

std::string pin_of(const std::string& key, const std::string& text) {
  return pin(files, Definition{ItemKind::tool, key, definition_of(key, text)})->pin.text();
}

Seen seen_of(const std::string& key, const std::string& text,
             SightingWhy why = SightingWhy::changed) {
  const bool is_there = why != SightingWhy::missing;
  return Seen{.why = why,
              .kind = ItemKind::tool,
              .key = key,
              .pin = is_there ? pin_of(key, text) : "",
              .approved = pin_of(key, "approved"),
              .definition = is_there ? definition_of(key, text) : ""};
}

// A process on the home: its own connection, and its own idea of what the store holds.
struct Process {
  std::unique_ptr<Store> store;
  SightingBook book;
  std::int64_t version = 0;

  explicit Process(const TemporaryHome& home)
      : store(home.open(Store::Mode::existing)), book(*store) {
    load();
  }
  void load() { version = *store->data_version(); }
  OpenSightings open() const { return *open_sightings(*store); }
  bool holds(const std::string& key) const { return open().of(files, ItemKind::tool, key); }

  bool note_once(const Seen& seen, const ServerIdentity& server = files) {
    auto noted = book.note("files", server, {seen}, version);
    if (!noted) FAIL(noted.refusal().detail);
    if (*noted) version = (*noted)->version;
    return noted->has_value();
  }
  // As a gateway does it: where the store has changed, it reads the approvals first.
  void note(const Seen& seen, const ServerIdentity& server = files) {
    while (!note_once(seen, server)) load();
  }
};

// Somebody who looks, and then decides. Approvals are no matter here, only what they settle.
struct Administrator {
  Store& store;
  std::vector<Shown> items;
  std::vector<std::int64_t> rows;

  void look(const std::vector<std::string>& keys, const std::string& text) {
    items.clear();
    rows.clear();
    const std::int64_t now = now_utc_ns();
    for (const std::string& key : keys) {
      Shown item;
      item.server = "files";
      item.identity = files;
      item.definition = Definition{ItemKind::tool, key, definition_of(key, text)};
      item.pin = pin(files, item.definition)->pin;
      item.findings = "[]";
      item.time_ns = now;
      items.push_back(std::move(item));
    }
    auto open = open_sightings(store);
    REQUIRE(open);
    for (const Sighting* one : open->all_of(files)) rows.push_back(one->row);
  }
  void finish_look() const { REQUIRE(mark_shown(store, rows, items.front().time_ns)); }
  void review(const std::vector<std::string>& keys, const std::string& text = "approved") {
    look(keys, text);
    finish_look();
  }
  Status approve() const {
    auto transaction = Transaction::begin(store.database());
    if (!transaction) return transaction.refusal();
    auto known = check_sightings(store.database(), items);
    if (!known) return known;
    auto settled = settle_sightings(store.database(), items, true);
    if (!settled) return settled;
    return transaction->commit();
  }
};

struct Fixture {
  TemporaryHome home;
  std::unique_ptr<Store> made = home.open();
  Process one{home};
  Process two{home};
  Administrator admin{*made, {}, {}};

  std::size_t records(const std::string& kind) const {
    auto rows = made->database().query("SELECT count(*) FROM records WHERE kind = ?");
    REQUIRE(rows);
    rows->bind(1, kind);
    REQUIRE(*rows->step());
    return static_cast<std::size_t>(rows->number(0));
  }
};

TEST_CASE_FIXTURE(Fixture, "sightings: each is written once, with one record, whoever sees it") {
  struct Row {
    SightingWhy why;
    const char* record;
  };
  for (const Row& row :
       {Row{SightingWhy::changed, "definition.changed"}, Row{SightingWhy::fresh, "definition.new"},
        Row{SightingWhy::duplicate, "definition.duplicate"},
        Row{SightingWhy::missing, "definition.missing"},
        Row{SightingWhy::unreadable, "definition.unreadable"}}) {
    CAPTURE(row.record);
    const std::string key = std::string("tool-") + row.record;
    one.note(seen_of(key, "evil", row.why));
    two.note(seen_of(key, "evil", row.why));
    one.note(seen_of(key, "evil", row.why));
    CHECK(Process(home).holds(key));  // a process that starts later
    CHECK(records(row.record) == 1);
    const OpenSightings open = two.open();
    const Sighting* sighting = open.of(files, ItemKind::tool, key);
    REQUIRE(sighting);
    CHECK(sighting->server == "files");
    CHECK(sighting->why == row.why);
    CHECK(sighting_text(*sighting).find(sighting->record) != std::string::npos);
  }
  one.note(seen_of("tool-definition.changed", "worse"));
  CHECK(records("definition.changed") == 2);
  CHECK_FALSE(one.open().of(other, ItemKind::tool, "tool-definition.changed"));
  CHECK_FALSE(one.open().of(files, ItemKind::prompt, "tool-definition.changed"));
}

TEST_CASE_FIXTURE(Fixture, "sightings: the records name both pins") {
  one.note(seen_of("read", "evil"));
  auto rows = made->database().query("SELECT body FROM records");
  REQUIRE(rows);
  REQUIRE(*rows->step());
  const std::string body(rows->text(0));
  for (const std::string& part : {pin_of("read", "approved"), pin_of("read", "evil"),
                                  std::string(R"("server":"files","tool":"read")")}) {
    CAPTURE(part);
    CHECK(body.find(part) != std::string::npos);
  }
}

TEST_CASE_FIXTURE(Fixture,
                  "sightings: other processes notice, and nobody writes on old approvals") {
  const std::int64_t before = *two.store->data_version();
  one.note(seen_of("read", "evil"));
  CHECK(*two.store->data_version() != before);
  CHECK_FALSE(two.note_once(seen_of("write", "evil")));
  CHECK_FALSE(two.holds("write"));
  two.load();
  CHECK(two.note_once(seen_of("write", "evil")));
}

TEST_CASE_FIXTURE(Fixture,
                  "sightings: what the last review showed and nobody approved is not new") {
  admin.look({"read"}, "shown");
  REQUIRE(made->put_shown("files", admin.items, ReviewSeal::generate()));
  one.note(seen_of("read", "shown", SightingWhy::fresh));
  CHECK(one.open().size() == 0);
  one.note(seen_of("read", "other", SightingWhy::fresh));
  CHECK(one.open().size() == 1);
  CHECK(records("definition.new") == 1);
}

TEST_CASE_FIXTURE(Fixture,
                  "sightings: an approval ends those that were shown, of its items alone") {
  one.note(seen_of("read", "evil"));
  one.note(seen_of("write", "evil"));
  admin.review({"read"});
  REQUIRE(admin.approve());
  CHECK_FALSE(two.holds("read"));
  CHECK(two.holds("write"));
  two.note(seen_of("read", "evil"));  // and again: it is seen anew
  CHECK(one.holds("read"));
  CHECK(records("definition.changed") == 3);
}

TEST_CASE_FIXTURE(Fixture,
                  "sightings: an approval in ignorance of one is refused, and lifts nothing") {
  SUBCASE("seen after the review") {
    admin.review({"read"});
    one.note(seen_of("read", "evil"));
  }
  SUBCASE("seen while the review was printed") {
    admin.look({"read"}, "approved");
    one.note(seen_of("read", "evil"));
    admin.finish_look();
  }
  SUBCASE("shown by another review than the one that is approved") {
    one.note(seen_of("read", "evil"));
    admin.review({"read"});
    admin.items.front().time_ns -= 1;
  }
  SUBCASE("one was shown, and another was not") {
    one.note(seen_of("read", "evil"));
    admin.review({"read"});
    one.note(seen_of("read", "worse"));
  }
  Status approved = admin.approve();
  REQUIRE_FALSE(approved);
  CHECK(approved.refusal().reason == Reason::held);
  CHECK(approved.refusal().detail.find("`toolgate review files`") != std::string::npos);
  CHECK(two.holds("read"));
  admin.review({"read"});
  CHECK(admin.approve());
  CHECK_FALSE(two.holds("read"));
}

TEST_CASE_FIXTURE(Fixture, "sightings: the definition that is approved need not be shown twice") {
  admin.review({"read"}, "better");
  one.note(seen_of("read", "better"));
  CHECK(admin.approve());
  CHECK_FALSE(two.holds("read"));
}

TEST_CASE("sightings: put_approvals takes them into its transaction") {
  TrustedHome trusted;
  Process one{trusted.home};
  Process two{trusted.home};
  Administrator admin{*trusted.store, {}, {}};
  admin.look({"read"}, "approved");
  const ReviewSeal seal = ReviewSeal::generate();
  REQUIRE(trusted.store->put_shown("files", admin.items, seal));
  auto shown = trusted.store->shown("files");
  REQUIRE(shown);
  const auto approve = [&] {
    return put_approvals(*trusted.store, trusted.by(trusted.key), {}, *shown, {}, {});
  };
  one.note(seen_of("read", "evil"));
  CHECK_FALSE(approve());
  CHECK(two.holds("read"));
  auto open = open_sightings(*trusted.store);
  REQUIRE(mark_shown(*trusted.store, {open->all_of(files).front()->row}, shown->front().time_ns));
  CHECK(approve());
  CHECK_FALSE(two.holds("read"));
}

TEST_CASE_FIXTURE(Fixture, "sightings: a server that shows new things without end is held whole") {
  for (std::size_t at = 0; at < most_sightings + 100; ++at) {
    one.note(seen_of("tool-" + std::to_string(at), "x", SightingWhy::fresh));
  }
  CHECK(one.open().size() == most_sightings + 1);
  CHECK(records("definition.new") == most_sightings);
  CHECK(records("server.held") == 1);
  REQUIRE(one.open().of_server(files));
  CHECK(one.open().of_server(files)->why == SightingWhy::flood);
  CHECK_FALSE(one.open().of_server(other));

  // The others go on; and whoever was shown that it floods ends it by an approval.
  two.load();
  two.note(seen_of("read", "evil"), other);
  CHECK(two.open().of(other, ItemKind::tool, "read"));
  admin.look({"read"}, "approved");
  CHECK_FALSE(admin.approve());
  admin.finish_look();
  CHECK(admin.approve());
  CHECK_FALSE(one.open().of_server(files));
  CHECK(one.open().size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "sightings: an item that changes without end fills nothing") {
  for (std::size_t at = 0; at < 100; ++at) one.note(seen_of("read", std::to_string(at)));
  CHECK(one.open().size() == most_sightings_of_item);
  CHECK(records("definition.changed") == most_sightings_of_item);
  CHECK_FALSE(one.open().of_server(files));
  Seen large = seen_of("write", std::string(most_sighted_bytes, 'x'));
  one.note(large);
  CHECK(one.open().of(files, ItemKind::tool, "write")->definition.empty());
}

TEST_CASE_FIXTURE(Fixture, "sightings: rows that toolgate did not write are refused, not skipped") {
  for (const char* change : {"kind = 'toy'", "why = 'because'", "identity = 'me'"}) {
    CAPTURE(change);
    one.note(seen_of("read", "evil"));
    REQUIRE(made->database().run((std::string("UPDATE sightings SET ") + change).c_str()));
    auto open = open_sightings(*made);
    REQUIRE_FALSE(open);
    CHECK(open.refusal().reason == Reason::storage);
    REQUIRE(made->database().run("DELETE FROM sightings"));
    one.load();
  }
}

TEST_CASE_FIXTURE(Fixture, "sightings: without a log there is none") {
  REQUIRE(made->database().run(
      "CREATE TRIGGER full BEFORE INSERT ON records BEGIN SELECT RAISE(ABORT, 'disk full'); END;"));
  CHECK_FALSE(one.book.note("files", files, {seen_of("read", "evil")}, one.version));
  CHECK_FALSE(one.holds("read"));
}

// A gateway sees a change while an administrator, who was not shown it, approves the old text: over
// two connections in two threads, thousands of times. Whatever comes first, the change is held.
TEST_CASE_FIXTURE(Fixture, "sightings: against approvals in another process, no hold is lost") {
  constexpr int rounds = 3'000;
  std::atomic<int> turn = 0;
  std::atomic<int> done_with = 0;
  std::jthread gateway([&] {
    Process process(home);
    for (int round = 1; round <= rounds; ++round) {
      while (turn.load() < round) std::this_thread::yield();
      process.note(seen_of("read", "evil" + std::to_string(round)));
      done_with = round;
    }
  });
  // How long the administrator waits: longer after each that came first, so that both come at
  // once.
  std::chrono::nanoseconds lead{0};
  int refused = 0;
  int approved_first = 0;
  for (int round = 1; round <= rounds; ++round) {
    admin.review({"read"});
    turn = round;
    const auto begin = std::chrono::steady_clock::now() + lead;
    while (std::chrono::steady_clock::now() < begin) std::this_thread::yield();
    Status approved = admin.approve();
    while (done_with.load() < round) std::this_thread::yield();
    ++(approved ? approved_first : refused);
    lead = std::max(lead + std::chrono::nanoseconds(approved ? 20'000 : -20'000),
                    std::chrono::nanoseconds(0));
    const OpenSightings open = one.open();
    const Sighting* held = open.of(files, ItemKind::tool, "read");
    bool is_held = false;
    for (const Sighting* sighting : open.all_of(files)) {
      is_held = is_held || sighting->pin == pin_of("read", "evil" + std::to_string(round));
    }
    if (!held || !is_held) FAIL("round ", round, ": the change is held no more");
    admin.review({"read"});
    REQUIRE(admin.approve());  // for the next round
  }
  CHECK(records("definition.changed") == rounds);
  MESSAGE("approved before it was seen ", approved_first, ", refused ", refused);
  CHECK(approved_first > 0);
  CHECK(refused > 0);
}

// Every order of the steps of a review with approval and of two gateways that see two changes.
TEST_CASE("sightings: every order of the steps of review, approve and two gateways") {
  std::vector<int> order = {0, 0, 0, 1, 1, 2, 2};  // whose step is next
  int orders = 0;
  do {
    Fixture at;
    bool approved = false;
    std::map<int, int> step;
    std::string trace;
    bool shown[2] = {false, false};
    for (int who : order) {
      const int next = step[who]++;
      trace += static_cast<char>('a' + who);
      Process& process = who == 1 ? at.one : at.two;
      const Seen seen = seen_of("read", who == 1 ? "first" : "second");
      if (who == 0 && next == 0) at.admin.look({"read"}, "approved");
      if (who == 0 && next == 0) {
        shown[0] = at.one.open().has(files, seen_of("read", "first"));
        shown[1] = at.one.open().has(files, seen_of("read", "second"));
      }
      if (who == 0 && next == 1) at.admin.finish_look();
      if (who == 0 && next == 2) approved = static_cast<bool>(at.admin.approve());
      if (who != 0 && next == 0) process.load();
      if (who != 0 && next == 1) process.note(seen);
    }
    CAPTURE(trace);
    const OpenSightings open = at.one.open();
    for (int change : {0, 1}) {
      const bool is_open = open.has(files, seen_of("read", change == 0 ? "first" : "second"));
      // Only what the approver was shown may be gone.
      CHECK((is_open || (approved && shown[change])));
    }
    ++orders;
  } while (std::ranges::next_permutation(order).found);
  CHECK(orders == 210);
}

}  // namespace
}  // namespace toolgate::test
