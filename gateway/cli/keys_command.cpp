#include <algorithm>

#include "gateway/cli/commands.hpp"
#include "gateway/cli/home.hpp"
#include "gateway/core/document.hpp"

namespace toolgate {
namespace {

Result<PublicKey> read_public_key(const std::filesystem::path& file) {
  std::error_code ignored;
  if (!std::filesystem::exists(std::filesystem::symlink_status(file, ignored))) {
    return Refusal(Reason::not_found, "there is no key " + file.string() + ": run `toolgate init`");
  }
  return PublicKey::load(file);
}

// How the secret half is kept.
std::string protection(const std::filesystem::path& secret) {
  std::error_code ignored;
  if (!std::filesystem::exists(secret, ignored)) return "absent";
  return SecretKey::needs_passphrase(secret) ? "passphrase" : "clear";
}

}  // namespace

int keys_list_command(const Invocation& call) {
  std::error_code failed;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(call.home, failed)) {
    if (entry.path().extension() == ".pub") files.push_back(entry.path());
  }
  if (failed) {
    return fail(call.console, Refusal(Reason::storage, "the home " + call.home.string() +
                                                           " cannot be read: run `toolgate init`"));
  }
  std::ranges::sort(files);
  Table table({{"KEY", Table::Fit::keep},
               {"ID", Table::Fit::keep},
               {"SECRET", Table::Fit::keep},
               {"FILE", Table::Fit::shrink}});
  for (const auto& file : files) {
    auto key = read_public_key(file);
    if (!key) return fail(call.console, key.refusal());
    const auto secret = std::filesystem::path(file).replace_extension();
    const std::string name = secret.stem().string();
    if (call.has("json")) {
      call.console.out << "{\"key\":" << json_quote(name) << ",\"id\":" << json_quote(key->id())
                       << ",\"secret\":" << json_quote(protection(secret))
                       << ",\"file\":" << json_quote(file.string()) << "}\n";
    } else {
      table.add({name, key->id(), protection(secret), file.string()});
    }
  }
  if (!table.empty()) table.print(call.console);
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

}  // namespace toolgate
