#include <unistd.h>

#include <fstream>
#include <sstream>

#include "gateway/cli/commands.hpp"
#include "gateway/cli/home.hpp"
#include "gateway/config/edit.hpp"

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

Status make_configuration(const Invocation& call, std::string& told) {
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

Status make_key(const Invocation& call, std::string& told) {
  const auto file = key_file(call);
  if (is_there(file)) {
    told += "key            " + file.string() + "  (kept)\n";
    return done();
  }
  auto passphrase = new_passphrase(call);
  if (!passphrase) return passphrase.refusal();
  const SecretKey key = SecretKey::generate();
  auto saved = key.save(file, *passphrase ? &**passphrase : nullptr);
  if (!saved) return saved;
  told += "key            " + file.string() + "  " + key.public_key().id() +
          (*passphrase ? "  (with a passphrase)\n"
                       : "  (no passphrase: whoever reads it may approve)\n");
  return done();
}

Status make_review_seal(const Invocation& call, std::string&) {
  auto seal = review_seal(call);
  return seal ? done() : Status(seal.refusal());
}

}  // namespace

int init_command(const Invocation& call) {
  const bool is_new = !is_there(call.home / "store.db");
  auto store = Store::open(call.home, Store::Mode::create);
  if (!store) return fail(call.console, store.refusal());
  std::string told =
      "store          " + (call.home / "store.db").string() + (is_new ? "\n" : "  (kept)\n");
  for (auto* step : {make_configuration, make_key, make_review_seal}) {
    auto made = step(call, told);
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
      << told
      << "Next: `toolgate server add NAME -- COMMAND...` or `toolgate import FILE`, then "
         "`toolgate review`."
      << std::endl;
  return exit_status::done;
}

}  // namespace toolgate
