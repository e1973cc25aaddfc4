#include "gateway/cli/signing_key.hpp"

#include <cerrno>
#include <cstring>

#include "gateway/cli/home.hpp"
#include "gateway/core/clock.hpp"
#include "signing/minisign_key.hpp"

namespace toolgate {
namespace {

namespace fs = std::filesystem;

constexpr const char* admin_file = "admin.key";
constexpr const char* next_file = "admin.key.next";

bool is_there(const fs::path& file) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(file, ignored));
}

Status rename_file(const fs::path& from, const fs::path& to) {
  if (std::rename(from.c_str(), to.c_str()) == 0) return done();
  return Refusal(Reason::storage, "cannot rename " + from.string() + " to " + to.string() + ": " +
                                      std::strerror(errno));
}

// Where what stands in the place of the administrator's key goes. Nothing is replaced.
fs::path place_for_former(const fs::path& home, const std::string& id, const std::string& ending) {
  fs::path place = home / ("retired-" + id + ".key" + ending);
  for (int count = 2; is_there(place); ++count) {
    place = home / ("retired-" + id + "-" + std::to_string(count) + ".key" + ending);
  }
  return place;
}

}  // namespace

Result<fs::path> file_of_key(const Invocation& call, const std::string& chosen) {
  if (chosen.find('/') != chosen.npos || chosen.ends_with(".key")) return fs::absolute(chosen);
  auto plain = check_plain_name(chosen, "a key's");
  if (!plain) return plain.refusal();
  fs::path file = call.home / (chosen + ".key");
  if (is_there(file)) return file;
  return Refusal(Reason::not_found,
                 "there is no key " + file.string() +
                     (chosen == "admin" ? ": run `toolgate init`, or name a key's file with --key"
                                        : ": `toolgate keys list` shows those of the home; a file "
                                          "is named with a slash or .key in its name"));
}

Result<fs::path> file_of_key(const Invocation& call) {
  return file_of_key(call, call.option_or("key", "admin"));
}

Result<SecretKey> load_signing_key(const Invocation& call, const fs::path& file) {
  auto minisign = MinisignKeyFile::read(file);
  if (!minisign) return minisign.refusal();
  if (!*minisign) return load_key(call, file);
  if (!(*minisign)->is_encrypted()) return (*minisign)->open(nullptr);
  auto passphrase = known_passphrase(call, file);
  if (!passphrase) return passphrase.refusal();
  return (*minisign)->open(&*passphrase);
}

Result<SecretKey> load_signing_key(const Invocation& call) {
  auto file = file_of_key(call);
  if (!file) return file.refusal();
  return load_signing_key(call, *file);
}

Result<PublicKey> public_key_given(const std::string& given) {
  auto itself = parse_public_key_text(given);
  if (itself) return itself;
  auto loaded = PublicKey::load(given);
  if (loaded || loaded.refusal().reason != Reason::storage) return loaded;
  return Refusal(loaded.refusal().reason,
                 loaded.refusal().detail +
                     " (a key is a .pub file of minisign's format, or the 56 characters of base64 "
                     "in it)");
}

Status save_next_admin_key(const fs::path& home, const SecretKey& key,
                           const SecretBytes* passphrase) {
  // One that the keyring had come to trust would be in its place already.
  for (const char* ending : {"", ".pub"}) {
    std::error_code ignored;
    fs::remove(home / (next_file + std::string(ending)), ignored);
  }
  return key.save(home / next_file, passphrase);
}

Status settle_admin_key(const fs::path& home, const Keyring& keyring) {
  const fs::path next = home / next_file;
  const fs::path next_public = home / (next_file + std::string(".pub"));
  if (!is_there(next_public)) return done();  // it is moved last
  auto key = PublicKey::load(next_public);
  if (!key) return key.refusal();
  const TrustedKey* trusted = keyring.find(*key);
  if (trusted == nullptr || !trusted->is_in_force(now_utc_ns())) return done();
  for (const char* ending : {"", ".pub"}) {
    const fs::path from = home / (next_file + std::string(ending));
    const fs::path to = home / (admin_file + std::string(ending));
    if (!is_there(from)) continue;
    if (is_there(to)) {
      auto former = PublicKey::load(home / (admin_file + std::string(".pub")));
      const std::string id = former ? former->id() : "unknown";
      auto kept = rename_file(to, place_for_former(home, id, ending));
      if (!kept) return kept;
    }
    auto moved = rename_file(from, to);
    if (!moved) return moved;
  }
  return done();
}

}  // namespace toolgate
