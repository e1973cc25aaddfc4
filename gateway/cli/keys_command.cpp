// `toolgate keys list|show|new|passphrase`: the keys that are trusted, and their files.

#include <algorithm>
#include <map>

#include "gateway/cli/commands.hpp"
#include "gateway/cli/home.hpp"
#include "gateway/cli/signing_key.hpp"
#include "gateway/core/clock.hpp"
#include "gateway/core/document.hpp"

namespace toolgate {
namespace {

namespace fs = std::filesystem;

Result<PublicKey> read_public_key(const fs::path& file) {
  std::error_code ignored;
  if (!fs::exists(fs::symlink_status(file, ignored))) {
    return Refusal(Reason::not_found, "there is no key " + file.string() + ": run `toolgate init`");
  }
  return PublicKey::load(file);
}

// How the secret half is kept.
std::string protection(const fs::path& secret) {
  std::error_code ignored;
  if (!fs::exists(secret, ignored)) return "absent";
  return SecretKey::needs_passphrase(secret) ? "passphrase" : "clear";
}

// The public halves in the home, by their keys' ids.
Result<std::map<std::string, fs::path>> key_files(const fs::path& home) {
  std::error_code failed;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(home, failed)) {
    if (entry.path().extension() == ".pub") files.push_back(entry.path());
  }
  if (failed) {
    return Refusal(Reason::storage,
                   "the home " + home.string() + " cannot be read: run `toolgate init`");
  }
  std::ranges::sort(files);
  std::map<std::string, fs::path> by_id;
  for (const fs::path& file : files) {
    auto key = read_public_key(file);
    if (!key) return key.refusal();
    by_id.emplace(key->id(), file);
  }
  return by_id;
}

// One line of the list.
struct Row {
  std::string name;
  std::string id;
  std::string role;
  std::string state;  // "in force", "expired", "retired", "revoked", "not trusted"
  const TrustedKey* trusted = nullptr;
  std::string secret = "absent";
  std::string file = {};
};

std::string state_of(const TrustedKey& key, std::int64_t now_ns) {
  if (key.ended) return key.ended->why == TrustedKey::End::Why::revoked ? "revoked" : "retired";
  return key.is_in_force(now_ns) ? "in force" : "expired";
}

std::vector<Row> rows_of(const Keyring& keyring, std::map<std::string, fs::path> files) {
  std::vector<Row> rows;
  const std::int64_t now_ns = now_utc_ns();
  for (const TrustedKey& key : keyring.keys()) {
    Row row{.name = key.name,
            .id = key.key.id(),
            .role = std::string(key_role_name(key.role)),
            .state = state_of(key, now_ns),
            .trusted = &key};
    if (const auto file = files.find(row.id); file != files.end()) {
      row.secret = protection(fs::path(file->second).replace_extension());
      row.file = file->second.string();
      files.erase(file);
    }
    rows.push_back(std::move(row));
  }
  for (const auto& [id, file] : files) {
    const fs::path secret = fs::path(file).replace_extension();
    rows.push_back(Row{.name = secret.stem().string(),
                       .id = id,
                       .role = {},
                       .state = "not trusted",
                       .secret = protection(secret),
                       .file = file.string()});
  }
  return rows;
}

std::string time_or_null(std::int64_t time_ns) {
  return time_ns == 0 ? "null" : json_quote(utc_text(time_ns));
}

std::string json_of(const Row& row) {
  std::string line = "{\"key\":" + json_quote(row.name) + ",\"id\":" + json_quote(row.id) +
                     ",\"role\":" + (row.role.empty() ? "null" : json_quote(row.role)) +
                     ",\"state\":" + json_quote(row.state);
  if (row.trusted) {
    const TrustedKey& key = *row.trusted;
    line += ",\"added\":" + json_quote(utc_text(key.added_ns)) +
            ",\"added_by\":" + json_quote(key.added_by) +
            ",\"expires\":" + time_or_null(key.expires_ns) + ",\"ended\":" +
            (key.ended ? "{\"time\":" + json_quote(utc_text(key.ended->time_ns)) +
                             ",\"since\":" + time_or_null(key.ended->since_ns) + "}"
                       : "null") +
            ",\"public\":" + json_quote(public_key_text(key.key));
  }
  return line + ",\"secret\":" + json_quote(row.secret) +
         ",\"file\":" + (row.file.empty() ? "null" : json_quote(row.file)) + "}";
}

void print(const Invocation& call, const std::vector<Row>& rows) {
  Table table({{"KEY", Table::Fit::keep},
               {"ID", Table::Fit::keep},
               {"ROLE", Table::Fit::keep},
               {"STATE", Table::Fit::keep},
               {"ADDED", Table::Fit::keep},
               {"EXPIRES", Table::Fit::keep},
               {"SECRET", Table::Fit::keep},
               {"FILE", Table::Fit::shrink}});
  for (const Row& row : rows) {
    if (call.has("json")) {
      call.console.out << json_line(call.console, json_of(row)) << '\n';
      continue;
    }
    const TrustedKey* key = row.trusted;
    table.add({row.name, row.id, row.role.empty() ? "-" : row.role, row.state,
               key ? short_time(key->added_ns) : "-",
               key && key->expires_ns != 0 ? short_time(key->expires_ns) : "-", row.secret,
               row.file.empty() ? "-" : row.file},
              row.state == "in force" ? Style::plain : Style::faint);
  }
  if (!table.empty()) table.print(call.console);
  call.console.out << std::flush;
}

}  // namespace

int keys_list_command(const Invocation& call) {
  auto store = open_store(call);
  if (!store) return fail(call.console, store.refusal());
  auto approved = approved_here(call, **store, ApprovalRules());
  if (!approved) return fail(call.console, approved.refusal());
  auto files = key_files(call.home);
  if (!files) return fail(call.console, files.refusal());
  print(call, rows_of(*(*approved)->keyring, std::move(*files)));
  return exit_status::done;
}

int keys_show_command(const Invocation& call) {
  const std::string name = call.arguments.empty() ? "admin" : call.arguments[0];
  auto plain = check_plain_name(name, "a key's");
  if (!plain) return fail(call.console, plain.refusal());
  auto key = read_public_key(call.home / (name + ".key.pub"));
  if (!key) return fail(call.console, key.refusal());
  const std::string text = key->minisign_text();
  call.console.out << text << (text.ends_with('\n') ? "" : "\n");
  return exit_status::done;
}

int keys_new_command(const Invocation& call) {
  const fs::path file = fs::absolute(call.arguments[0]);
  auto passphrase = next_passphrase(call);
  if (!passphrase) return fail(call.console, passphrase.refusal());
  const SecretKey key = SecretKey::generate();
  auto saved = key.save(file, *passphrase ? &**passphrase : nullptr);
  if (!saved) return fail(call.console, saved.refusal());
  call.console.out << "made key " << key.public_key().id() << ": " << visible(file.string())
                   << (*passphrase ? "" : " (no passphrase: whoever reads it may sign)")
                   << "\nIt is trusted nowhere yet: `toolgate keys add " << visible(file.string())
                   << ".pub --name NAME`" << std::endl;
  return exit_status::done;
}

// The file is written anew as a whole; the key in it stays the same, and so does all that it
// signed.
int keys_passphrase_command(const Invocation& call) {
  Console& console = call.console;
  auto file = file_of_key(call, call.arguments.empty() ? "admin" : call.arguments[0]);
  if (!file) return fail(console, file.refusal());
  const bool had_one = SecretKey::needs_passphrase(*file);
  auto key = load_key(call, *file);
  if (!key) return fail(console, key.refusal());
  std::optional<SecretBytes> passphrase;
  if (!call.has("remove")) {
    auto next = next_passphrase(call);
    if (!next) return fail(console, next.refusal());
    if (!*next) {
      return fail(console, Refusal(Reason::usage,
                                   "there is no new passphrase: set TOOLGATE_NEW_PASSPHRASE_FILE "
                                   "to a file that holds it, or say --remove"));
    }
    passphrase.emplace(std::move(**next));
  }
  auto written = key->reseal(*file, passphrase ? &*passphrase : nullptr);
  if (!written) return fail(console, written.refusal());
  const std::string what = !passphrase ? "removed" : had_one ? "changed" : "set";
  std::error_code ignored;
  if (fs::equivalent(file->parent_path(), call.home, ignored)) {
    Record record;
    record.kind = "keys";
    record.decision = "allow";
    record.reason = "the passphrase of the key " + key->public_key().id() + " was " + what;
    auto recorded = record_act(call, std::move(record));
    if (!recorded) return fail(console, recorded.refusal());
  }
  console.out << "the passphrase of " << visible(file->string()) << " was " << what
              << (passphrase ? "" : ": whoever reads the file may sign") << std::endl;
  return exit_status::done;
}

}  // namespace toolgate
