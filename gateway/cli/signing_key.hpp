#pragma once
// Which key a command signs with (--key NAME|FILE), and the files of the administrator's key.

#include <filesystem>
#include <string>

#include "gateway/cli/commands.hpp"
#include "gateway/core/result.hpp"
#include "signing/keyring.hpp"
#include "signing/keys.hpp"

namespace toolgate {

// The file of the key that --key names, admin.key by default: a word with a slash or ".key" in it
// is a file, another one the name of a key of the home.
Result<std::filesystem::path> file_of_key(const Invocation& call);
Result<std::filesystem::path> file_of_key(const Invocation& call, const std::string& chosen);
// That key, toolgate's own or minisign's, opened; asks for its passphrase where it needs one.
Result<SecretKey> load_signing_key(const Invocation& call);
Result<SecretKey> load_signing_key(const Invocation& call, const std::filesystem::path& file);

// The 56 characters of a public key, or the name of its file.
Result<PublicKey> public_key_given(const std::string& given);

// A key that takes the place of the administrator's: first beside it (admin.key.next), and once the
// keyring trusts it, in its place. What was there before goes to retired-ID.key.
Status save_next_admin_key(const std::filesystem::path& home, const SecretKey& key,
                           const SecretBytes* passphrase);
// Puts it in its place if the keyring trusts it. A command that was killed left it to the next one.
Status settle_admin_key(const std::filesystem::path& home, const Keyring& keyring);

}  // namespace toolgate
