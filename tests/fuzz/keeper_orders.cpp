// Orders of a keeper. Arbitrary bytes: no crash, and what is accepted says something (a server or
// leftovers), holds values that exist, and is the same once written and read again. Orders made of
// the bytes: what is written is what is read, and half of it is never orders.

#include "connectors/keeper_orders.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <utility>

namespace toolgate {
namespace {

void check(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

void check_same(const SandboxPlan& one, const SandboxPlan& other) {
  check(one.tier == other.tier, "the tier stays");
  check(one.files == other.files, "the scopes stay");
  check(one.programs == other.programs && one.protect == other.protect &&
            one.forbidden == other.forbidden && one.home == other.home,
        "the names stay");
  check(one.limits == other.limits, "the limits stay");
  check(one.home_files == other.home_files, "the small files stay");
  check(one.terminal == other.terminal && one.doors == other.doors, "terminal and doors stay");
}

void check_values(const ReceivedOrders& orders) {
  check(!orders.argv.empty() || !orders.leftovers.empty(),
        "there is a server, or something to remove");
  check(orders.parent >= 0, "a process id is none that means a group");
  if (!orders.sandbox) return;
  const SandboxTier tier = orders.sandbox->tier;
  check(tier == SandboxTier::process || tier == SandboxTier::gvisor || tier == SandboxTier::vm,
        "the tier is one that there is");
  for (const FileScope& scope : orders.sandbox->files) {
    check(scope.mode == FileMode::ro || scope.mode == FileMode::rw ||
              scope.mode == FileMode::rw_no_delete,
          "the mode is one that there is");
  }
}

// The orders that are written so, where the environment is one: each name once.
std::optional<KeeperOrders> as_sent(const ReceivedOrders& received) {
  KeeperOrders orders;
  for (const std::string& entry : received.env) {
    const std::size_t equals = entry.find('=');
    if (equals == std::string::npos) return std::nullopt;
    if (!orders.env.emplace(entry.substr(0, equals), entry.substr(equals + 1)).second) {
      return std::nullopt;
    }
  }
  orders.argv = received.argv;
  orders.cwd = received.cwd;
  orders.umask = received.umask;
  orders.leftovers = received.leftovers;
  orders.sandbox = received.sandbox;
  return orders;
}

void check_same(const KeeperOrders& sent, int parent, const ReceivedOrders& received) {
  check(received.parent == parent && received.umask == sent.umask, "numbers stay");
  check(received.argv == sent.argv && received.leftovers == sent.leftovers &&
            received.cwd == sent.cwd,
        "texts stay");
  check(received.env.size() == sent.env.size(), "the environment stays");
  std::size_t at = 0;
  for (const auto& [name, value] : sent.env) {
    check(received.env[at++] == name + "=" + value, "each of its values stays");
  }
  check(received.sandbox.has_value() == sent.sandbox.has_value(), "a sandbox is never lost");
  if (sent.sandbox) check_same(*sent.sandbox, *received.sandbox);
}

void check_received(const std::string& text) {
  const auto received = parse_keeper_orders(text);
  if (!received) return;
  check_values(*received);
  const auto sent = as_sent(*received);
  if (!sent) return;
  const auto again =
      parse_keeper_orders(keeper_orders_text(*sent, received->filters, received->parent));
  check(again.has_value(), "what was read can be written");
  check_same(*sent, received->parent, *again);
  check(again->filters == received->filters, "the filters stay");
}

// Makes orders of bytes.
class Maker {
 public:
  Maker(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  KeeperOrders orders() {
    KeeperOrders made;
    made.argv = list();
    made.cwd = text();
    made.umask = static_cast<std::uint32_t>(number());
    for (int count = byte() % 4; count > 0; --count) {
      std::string name = text();
      if (name.find('=') == std::string::npos) made.env[std::move(name)] = text();
    }
    if (made.argv.empty()) {
      made.leftovers = list();
      if (made.leftovers.empty()) made.argv = {"server"};
    }
    if (byte() % 4 != 0) made.sandbox = plan();
    return made;
  }
  std::string bytes() {
    std::string made;
    for (int length = byte() % 32; length > 0; --length) made += static_cast<char>(byte());
    return made;
  }
  std::uint8_t byte() { return at_ == size_ ? 0 : data_[at_++]; }

 private:
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (int count = byte() % 9; count > 0; --count) value = value << 8 | byte();
    return value;
  }
  std::string text() {
    std::string made;
    for (int length = byte() % 32; length > 0; --length) {
      const char next = static_cast<char>(byte());
      if (next != '\0') made += next;  // no text of an execve has one
    }
    return made;
  }
  std::vector<std::string> list() {
    std::vector<std::string> made;
    for (int count = byte() % 4; count > 0; --count) made.push_back(text());
    return made;
  }
  SandboxPlan plan() {
    SandboxPlan made;
    made.tier = static_cast<SandboxTier>(byte() % 3);
    for (int count = byte() % 4; count > 0; --count) {
      const std::uint8_t kind = byte();
      made.files.push_back(FileScope{text(), static_cast<FileMode>(kind % 3), kind > 127});
    }
    made.programs = list();
    made.protect = list();
    made.forbidden = list();
    made.home = text();
    made.limits = {number(), number(), number(), number(), number()};
    for (int count = byte() % 3; count > 0; --count) {
      std::string name = text();
      made.home_files.emplace_back(std::move(name), text());
    }
    made.terminal = byte() % 2 != 0;
    for (int count = byte() % 3; count > 0; --count) {
      made.doors.push_back(static_cast<std::uint16_t>(number()));
    }
    return made;
  }

  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t at_ = 0;
};

}  // namespace
}  // namespace toolgate

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace toolgate;
  check_received(std::string(reinterpret_cast<const char*>(data), size));

  Maker maker(data, size);
  const int parent = maker.byte();
  const KeeperOrders sent = maker.orders();
  const CallFilters filters =
      sent.sandbox ? CallFilters{maker.bytes(), maker.bytes(), maker.bytes()} : CallFilters();
  const std::string text = keeper_orders_text(sent, filters, parent);
  const auto received = parse_keeper_orders(text);
  check(received.has_value(), "what was written can be read");
  check_values(*received);
  check_same(sent, parent, *received);
  check(received->filters == filters, "the filters stay");
  const std::size_t cut = (std::size_t{maker.byte()} << 8 | maker.byte()) % text.size();
  check(!parse_keeper_orders(text.substr(0, cut)), "half of the orders is no orders");
  return 0;
}
