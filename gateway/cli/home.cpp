#include "gateway/cli/home.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <cstring>
#include <utility>

#include "gateway/broker/approved.hpp"
#include "gateway/cli/signing_key.hpp"
#include "gateway/core/clock.hpp"
#include "gateway/packages/frozen.hpp"
#include "gateway/store/decisions.hpp"
#include "gateway/store/trust.hpp"

namespace toolgate {
namespace {

constexpr const char* passphrase_variable = "TOOLGATE_PASSPHRASE_FILE";
constexpr const char* new_passphrase_variable = "TOOLGATE_NEW_PASSPHRASE_FILE";

Refusal bad_passphrase_file(const std::string& file, const char* variable, std::string_view why) {
  return Refusal(Reason::bad_signature,
                 "the file " + file + ", named by " + variable + ", " + std::string(why));
}

// All but one line end of the file. A pipe will do; a plain file must be private.
Result<SecretBytes> read_passphrase(const std::string& file, const char* variable) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return bad_passphrase_file(file, variable, "cannot be opened: make it readable for this user");
  struct stat status{};
  const bool is_open_to_others =
      ::fstat(descriptor, &status) != 0 || (S_ISREG(status.st_mode) && (status.st_mode & 077) != 0);
  SecretBytes read(1'024);
  std::size_t size = 0;
  ssize_t got = 1;
  while (!is_open_to_others && size < read.size() && got > 0) {
    got = ::read(descriptor, read.data() + size, read.size() - size);
    if (got > 0) size += static_cast<std::size_t>(got);
  }
  ::close(descriptor);
  if (is_open_to_others)
    return bad_passphrase_file(file, variable, "can be read by others: run `chmod 600` on it");
  if (got < 0 || size == read.size()) {
    return bad_passphrase_file(file, variable, "holds no passphrase of less than 1,024 bytes");
  }
  if (size > 0 && read.data()[size - 1] == '\n') --size;
  if (size == 0)
    return bad_passphrase_file(file, variable, "is empty: write the passphrase into it");
  SecretBytes exact(size);
  std::memcpy(exact.data(), read.data(), size);
  return exact;
}

std::optional<std::string> passphrase_file(const Invocation& call, const char* variable) {
  auto file = call.console.environment(variable);
  if (file && file->empty()) file.reset();
  return file;
}

// Asked twice on the terminal; none where it is empty, or where there is no terminal.
Result<std::optional<SecretBytes>> asked_passphrase(const Invocation& call) {
  if (!call.console.ask_secret) return std::optional<SecretBytes>();
  auto first = call.console.ask_secret("A passphrase for the administrator's key (empty: none): ");
  if (!first) return first.refusal();
  if (first->size() == 0) return std::optional<SecretBytes>();
  auto again = call.console.ask_secret("The same again: ");
  if (!again) return again.refusal();
  if (!constant_time_equal(first->view(), again->view())) {
    return Refusal(Reason::usage, "the two passphrases differ: run `toolgate " +
                                      std::string(call.command.name) + "` again");
  }
  return std::optional<SecretBytes>(std::move(*first));
}

}  // namespace

Result<Configuration> load_configuration(const Invocation& call) {
  auto configuration = load_configuration(call.configuration, call.console.environment);
  if (!configuration) return configuration;
  set_gateway_home(*configuration, call.home);
  attach_artefacts(*configuration, call.home);
  return configuration;
}

Result<ServerEntry> find_server(const Invocation& call, const Configuration& configuration,
                                const std::string& name) {
  const ServerEntry* found = configuration.find(ServerName(name));
  if (found) return *found;
  std::vector<std::string> known;
  for (const ServerEntry& server : configuration.servers) known.push_back(server.name.text());
  const std::string near = suggestion(name, known);
  return Refusal(Reason::not_found,
                 "there is no server " + visible(name) + " in " + call.configuration.string() +
                     (near.empty() ? ": `toolgate server list` shows those that there are"
                                   : ": did you mean " + near + "?"));
}

Result<std::unique_ptr<Store>> open_store(const Invocation& call) {
  return Store::open(call.home, Store::Mode::existing);
}

std::filesystem::path key_file(const Invocation& call) { return call.home / "admin.key"; }

Result<std::optional<SecretBytes>> new_passphrase(const Invocation& call) {
  if (const auto file = passphrase_file(call, passphrase_variable)) {
    auto read = read_passphrase(*file, passphrase_variable);
    if (!read) return read.refusal();
    return std::optional<SecretBytes>(std::move(*read));
  }
  return asked_passphrase(call);
}

Result<std::optional<SecretBytes>> next_passphrase(const Invocation& call) {
  const auto file = passphrase_file(call, new_passphrase_variable);
  if (!file) return new_passphrase(call);
  auto read = read_passphrase(*file, new_passphrase_variable);
  if (!read) return read.refusal();
  return std::optional<SecretBytes>(std::move(*read));
}

Result<SecretBytes> known_passphrase(const Invocation& call, const std::filesystem::path& file) {
  const auto named = passphrase_file(call, passphrase_variable);
  if (named) return read_passphrase(*named, passphrase_variable);
  if (!call.console.ask_secret) {
    return Refusal(Reason::bad_signature,
                   "the key " + file.string() +
                       " needs its passphrase, and there is no terminal to ask on: set "
                       "TOOLGATE_PASSPHRASE_FILE to a file that holds it");
  }
  return call.console.ask_secret(file == key_file(call)
                                     ? "Passphrase of the administrator's key: "
                                     : "Passphrase of " + visible(file.string()) + ": ");
}

Result<SecretKey> load_key(const Invocation& call, const std::filesystem::path& file) {
  if (!SecretKey::needs_passphrase(file)) return SecretKey::load(file, nullptr);
  auto passphrase = known_passphrase(call, file);
  if (!passphrase) return passphrase.refusal();
  return SecretKey::load(file, &*passphrase);
}

Result<SecretKey> load_key(const Invocation& call) {
  const auto file = key_file(call);
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) {
    return Refusal(Reason::storage, "there is no key " + file.string() + ": run `toolgate init`");
  }
  return load_key(call, file);
}

Result<std::shared_ptr<const Approved>> approved_here(const Invocation& call, Store& store,
                                                      const ApprovalRules& rules) {
  auto approved = load_approved(call.home, store, rules);
  if (!approved) return approved;
  if ((*approved)->keyring) {
    auto settled = settle_admin_key(call.home, *(*approved)->keyring);
    if (!settled) return settled.refusal();
  }
  if ((*approved)->refused.empty()) return approved;
  const Refusal why(Reason::bad_signature, (*approved)->refused);
  auto recorded = record_act(call, refused_approvals(why));
  return recorded ? why : recorded.refusal();
}

Result<std::size_t> begin_root(const Invocation& call, Store& store, const SecretKey& key,
                               const std::string& why) {
  auto keyring = Keyring::begin(key, "admin", now_utc_ns());
  if (!keyring) return keyring.refusal();
  const auto records = [&](std::size_t withdrawn) {
    Record record;
    record.kind = "keys";
    record.decision = "allow";
    record.reason = "the key " + key.public_key().id() + " " + why;
    if (withdrawn > 0) {
      record.reason += "; " + std::to_string(withdrawn) + " approvals were withdrawn";
    }
    return std::vector{by_administrator(std::move(record))};
  };
  const std::string who = user_name();
  return begin_trust(store, Decider{call.home, key, who}, *keyring, records);
}

Result<ReviewSeal> review_seal(const Invocation& call) {
  return ReviewSeal::load_or_make(call.home / "review.key");
}

Record by_administrator(Record record) {
  if (record.rule.empty()) record.rule = "administrator " + user_name();
  return record;
}

Status record_acts(const Invocation& call, std::vector<Record> records) {
  auto store = open_store(call);
  if (!store) return store.refusal();
  asio::io_context loop;
  AuditSettings settings;
  settings.durability = AuditSettings::Durability::fsync;
  AuditLog log(loop.get_executor(), **store, settings);
  for (Record& record : records) {
    auto receipt = log.write_now(by_administrator(std::move(record)));
    if (!receipt) return receipt.refusal();
  }
  return done();
}

Status record_act(const Invocation& call, Record record) {
  std::vector<Record> one;
  one.push_back(std::move(record));
  return record_acts(call, std::move(one));
}

std::string user_name() {
  std::array<char, 4'096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  const uid_t user = ::getuid();
  if (::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found) == 0 && found)
    return found->pw_name;
  return "uid " + std::to_string(user);
}

std::string item_text(const Definition& definition) {
  switch (definition.kind) {
    case ItemKind::capabilities:
    case ItemKind::instructions:
      return std::string(item_kind_name(definition.kind));
    case ItemKind::tool:
      return definition.key;
    default:
      return std::string(item_kind_name(definition.kind)) + ":" + definition.key;
  }
}

bool names_item(const std::string& text, const Definition& definition) {
  const bool is_only_one =
      definition.kind == ItemKind::instructions || definition.kind == ItemKind::capabilities;
  if (is_only_one) return text == item_kind_name(definition.kind);
  return text == definition.key ||
         text == std::string(item_kind_name(definition.kind)) + ":" + definition.key;
}

std::string short_time(std::int64_t utc_ns) {
  std::string text = utc_text(utc_ns).substr(0, 19);
  std::ranges::replace(text, 'T', ' ');
  return text;
}

}  // namespace toolgate
