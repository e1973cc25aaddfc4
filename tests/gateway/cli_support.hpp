#pragma once
// Commands as a user calls them, with streams and an environment that a test can see.

#include <algorithm>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "gateway/cli/commands.hpp"
#include "gateway/cli/last_review.hpp"
#include "gateway/config/configuration.hpp"
#include "gateway/core/clock.hpp"
#include "gateway/core/document.hpp"
#include "signing/keys.hpp"
#include "signing/review_seal.hpp"
#include "tests/gateway/store_home.hpp"

namespace toolgate::test {

struct Outcome {
  int status = -1;
  std::string out;
  std::string error;
};

class CommandLine {
 public:
  CommandLine() {
    start_cryptography();
    environment["TOOLGATE_HOME"] = (home.path() / "home").string();
  }

  Outcome operator()(const std::vector<std::string>& words) const {
    std::ostringstream out;
    std::ostringstream error;
    Console console{.out = out, .error = error, .environment = [this](const std::string& name) {
                      const auto found = environment.find(name);
                      return found == environment.end() ? std::nullopt
                                                        : std::optional<std::string>(found->second);
                    }};
    console.columns = columns;
    const int status = dispatch(local_commands(), words, console);
    return Outcome{status, out.str(), error.str()};
  }
  // The same, which must succeed.
  std::string must(const std::vector<std::string>& words) const {
    const Outcome outcome = (*this)(words);
    if (outcome.status != 0) FAIL(words[0], " ended with ", outcome.status, ": ", outcome.error);
    return outcome.out;
  }
  std::filesystem::path folder() const { return home.path() / "home"; }
  std::unique_ptr<Store> store() const {
    auto opened = Store::open(folder(), Store::Mode::existing);
    if (!opened) FAIL(opened.refusal().detail);
    return std::move(*opened);
  }

  TemporaryHome home;
  std::map<std::string, std::string> environment;
  std::size_t columns = 0;
};

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

inline std::size_t lines(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

// The value of a member of the first JSON line.
inline std::string member(const std::string& line, std::string_view name) {
  auto document =
      parse_document(Untrusted<std::string>(line.substr(0, line.find('\n'))), JsonLimits{});
  REQUIRE(document);
  const auto value = document->root().find(name);
  if (!value) return "(none)";
  return value->is_string() ? value->text() : std::string(value->raw());
}

struct Offer {
  ItemKind kind;
  std::string key;
  std::string findings = "[]";
  std::string change_class = "new";
};

// The seal of that home's reviews.
inline ReviewSeal seal_of(const CommandLine& toolgate) {
  auto seal = ReviewSeal::load_or_make(toolgate.folder() / "review.key");
  if (!seal) FAIL(seal.refusal().detail);
  return std::move(*seal);
}

// As `review` does with what it showed of one server.
inline void put_shown(const CommandLine& toolgate, const std::vector<Shown>& items) {
  const std::string& server = items.front().server;
  const ReviewSeal seal = seal_of(toolgate);
  auto store = toolgate.store();
  REQUIRE(store->put_shown(server, items, seal));
  auto shown = store->shown(server);
  REQUIRE(shown);
  REQUIRE(remember_review(toolgate.folder(), server, *shown, seal));
}

// What `review` leaves in the store: the server's offers, pinned.
inline void show(const CommandLine& toolgate, const std::string& server,
                 const std::vector<Offer>& offers) {
  auto configuration = load_configuration(toolgate.folder() / "toolgate.json",
                                          [](const std::string&) { return std::nullopt; });
  REQUIRE(configuration);
  const ServerEntry* entry = configuration->find(ServerName(server));
  REQUIRE(entry);
  std::vector<Shown> items;
  for (const Offer& offer : offers) {
    Definition definition;
    definition.kind = offer.kind;
    definition.key = offer.key;
    definition.json = offer.kind == ItemKind::instructions
                          ? "\"Be nice\""
                          : "{\"name\":" + json_quote(offer.key) + "}";
    auto pinned = pin(entry->identity(), definition);
    REQUIRE(pinned);
    Shown item;
    item.server = server;
    item.identity = entry->identity();
    item.scopes = entry->scope_digest();
    item.definition = definition;
    item.pin = pinned->pin;
    item.findings = offer.findings;
    item.change_class = offer.change_class;
    item.time_ns = now_utc_ns();
    items.push_back(item);
  }
  put_shown(toolgate, items);
  StoredServer stored{.server = server,
                      .identity = entry->identity(),
                      .capabilities = "{}",
                      .server_info = "{}",
                      .revision = "2025-11-25"};
  REQUIRE(toolgate.store()->put_server(stored));
}

}  // namespace toolgate::test
