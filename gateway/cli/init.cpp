#include <unistd.h>

#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

#include "gateway/cli/commands.hpp"
#include "gateway/cli/home.hpp"
#include "gateway/config/edit.hpp"
#include "gateway/store/trust.hpp"

namespace toolgate {
namespace {

constexpr const char* first_configuration = R"({
  // `toolgate server add` and `toolgate import` write servers here; so may you.
  "$schema": "./toolgate.schema.json",
  "mcpServers": {}
}
)";

bool is_there(const std::filesystem::path& file) {
  std::error_code ignored;
  return std::filesystem::exists(std::filesystem::symlink_status(file, ignored));
}

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// What the steps tell, and what one leaves to the next.
struct Making {
  std::string told;
  std::optional<SecretKey> key;  // a new one, so that its passphrase is not asked for again
};

Status make_configuration(const Invocation& call, Making& making) {
  std::string& told = making.told;
  if (is_there(call.configuration)) {
    told += "configuration  " + call.configuration.string() + "  (kept)\n";
  } else {
    auto made = replace_file(call.configuration, first_configuration);
    if (!made) return made;
    told += "configuration  " + call.configuration.string() + "\n";
  }
  // The schema belongs to the program, not to the user: it always is this version's.
  const auto schema = call.configuration.parent_path() / "toolgate.schema.json";
  const std::string current(configuration_schema());
  return text_of(schema) == current ? done() : replace_file(schema, current);
}

// A new key; refused where the home trusts keys already, since it would be none of them.
Status make_key(const Invocation& call, Making& making) {
  const auto file = key_file(call);
  if (is_there(file)) {
    making.told += "key            " + file.string() + "  (kept)\n";
    return done();
  }
  auto store = open_store(call);
  if (!store) return store.refusal();
  auto decided = read_decided(call.home, **store);
  if (!decided) return decided.refusal();
  if (*decided) {
    return Refusal(Reason::storage, "the key " + file.string() +
                                        " is missing, and this home trusts keys already: put it "
                                        "back, or run `toolgate keys reset --lost`");
  }
  auto passphrase = new_passphrase(call);
  if (!passphrase) return passphrase.refusal();
  SecretKey key = SecretKey::generate();
  auto saved = key.save(file, *passphrase ? &**passphrase : nullptr);
  if (!saved) return saved;
  making.told += "key            " + file.string() + "  " + key.public_key().id() +
                 (*passphrase ? "  (with a passphrase)\n"
                              : "  (no passphrase: whoever reads it may approve)\n");
  making.key.emplace(std::move(key));
  return done();
}

// The administrator's key becomes the root of trust, where there is none: in a new home, in one of
// an earlier version, or where init was cut off.
Status make_trust(const Invocation& call, Making& making) {
  auto store = open_store(call);
  if (!store) return store.refusal();
  auto decided = read_decided(call.home, **store);
  if (!decided) return decided.refusal();
  const std::string line = "trust          " + (call.home / "trust.keys").string();
  if (*decided) {
    making.told += line + "  (kept)\n";
    return done();
  }
  auto outdated = count_outdated_approvals(**store);
  if (!outdated) return outdated.refusal();
  if (!making.key) {
    auto key = load_key(call);
    if (!key) return key.refusal();
    making.key.emplace(std::move(*key));
  }
  auto begun = begin_root(call, **store, *making.key, "is the root of trust of this home");
  if (!begun) return begun.refusal();
  making.told += line + "\n";
  if (*outdated == 0) return done();
  making.told += "approvals      " + std::to_string(*outdated) +
                 " of an earlier version do not count any more: review and approve each server "
                 "again\n";
  return done();
}

Status make_review_seal(const Invocation& call, Making&) {
  auto seal = review_seal(call);
  return seal ? done() : Status(seal.refusal());
}

}  // namespace

int init_command(const Invocation& call) {
  const bool is_new = !is_there(call.home / "store.db");
  auto store = Store::open(call.home, Store::Mode::create);
  if (!store) return fail(call.console, store.refusal());
  Making making;
  making.told =
      "store          " + (call.home / "store.db").string() + (is_new ? "\n" : "  (kept)\n");
  for (auto* step : {make_configuration, make_key, make_trust, make_review_seal}) {
    auto made = step(call, making);
    if (!made) return fail(call.console, made.refusal());
  }
  if (is_new) {
    Record record;
    record.kind = "configuration";
    record.decision = "allow";
    record.reason = "the home was made";
    auto recorded = record_act(call, std::move(record));
    if (!recorded) return fail(call.console, recorded.refusal());
  }
  call.console.out
      << making.told
      << "Next: `toolgate server add NAME -- COMMAND...` or `toolgate import FILE`, then "
         "`toolgate review`."
      << std::endl;
  return exit_status::done;
}

}  // namespace toolgate
