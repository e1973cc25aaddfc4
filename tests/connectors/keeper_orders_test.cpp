#include "connectors/keeper_orders.hpp"

#include <doctest/doctest.h>

namespace toolgate {
namespace {

KeeperOrders full_orders() {
  KeeperOrders orders;
  orders.argv = {"server", "", "two words"};
  orders.env = {{"A", "b=c"}, {"EMPTY", ""}};
  orders.cwd = "/srv";
  SandboxPlan plan;
  plan.files = {{"/a", FileMode::ro, false},
                {"/b", FileMode::rw, true},
                {"/c", FileMode::rw_no_delete, false}};
  plan.programs = {"/opt/x"};
  plan.protect = {".env", "!.vscode"};
  plan.forbidden = {"/home/me/.toolgate"};
  plan.home = "/home/me";
  plan.limits = {.memory_mb = 1,
                 .processes = 2,
                 .cpu_s = 3,
                 .open_files = 4,
                 .file_mb = 5,
                 .tree = TreeLimit::required};
  plan.home_files = {{".claude.json", "{}\n"}};
  plan.terminal = true;
  plan.doors = {8808, 65535};
  orders.sandbox = plan;
  orders.frozen = FrozenSource{"/home/me/.toolgate/packages/ab", plain_sha256("manifest"),
                               "/home/me/.toolgate/packages/ab/tree", 4096};
  return orders;
}

// Any bytes.
const CallFilters some_filters{std::string("a\0b", 3), "", std::string(9, '\0')};

TEST_CASE("keeper orders: what is written is what is read") {
  const KeeperOrders orders = full_orders();
  const auto read = parse_keeper_orders(keeper_orders_text(orders, some_filters, 42));
  REQUIRE(read);
  CHECK(read->parent == 42);
  CHECK(read->argv == orders.argv);
  CHECK(read->env == std::vector<std::string>{"A=b=c", "EMPTY="});
  CHECK(read->cwd == "/srv");
  REQUIRE(read->sandbox);
  CHECK(read->sandbox->files == orders.sandbox->files);
  CHECK(read->sandbox->programs == orders.sandbox->programs);
  CHECK(read->sandbox->protect == orders.sandbox->protect);
  CHECK(read->sandbox->forbidden == orders.sandbox->forbidden);
  CHECK(read->sandbox->home == "/home/me");
  CHECK(read->sandbox->limits == orders.sandbox->limits);
  CHECK(read->sandbox->home_files == orders.sandbox->home_files);
  CHECK(read->sandbox->terminal);
  CHECK(read->sandbox->doors == orders.sandbox->doors);
  CHECK(read->filters == some_filters);
  CHECK(read->frozen == orders.frozen);
}

TEST_CASE("keeper orders: one without a sandbox stays without one") {
  KeeperOrders orders = full_orders();
  orders.sandbox.reset();
  orders.frozen.reset();
  const auto read = parse_keeper_orders(keeper_orders_text(orders, some_filters, 42));
  REQUIRE(read);
  CHECK_FALSE(read->sandbox);
  CHECK_FALSE(read->frozen);
}

// A sandbox must never be lost on the way: half a text is no orders, not orders without one.
TEST_CASE("keeper orders: a text that was cut anywhere, or goes on, is refused") {
  const std::string text = keeper_orders_text(full_orders(), some_filters, 42);
  for (std::size_t length = 0; length < text.size(); ++length) {
    CAPTURE(length);
    CHECK_FALSE(parse_keeper_orders(text.substr(0, length)));
  }
  CHECK_FALSE(parse_keeper_orders(text + '\0'));
  CHECK_FALSE(parse_keeper_orders(text + "x"));
}

}  // namespace
}  // namespace toolgate
