#pragma once
// Secret keys in files of minisign's own, as `minisign -G` writes them: a comment and a line of
// base64, in mode 0600. Source: the format as minisign documents it
// (https://jedisct1.github.io/minisign/, "Secret key format").
//
//   algorithm "Ed" (2) | derivation "Sc" or zeros (2) | checksum "B2" (2) | salt (32)
//   | operations (8) | memory (8) | key id, seed, public key, checksum (8 + 32 + 32 + 32)
// Integers are little-endian. With "Sc" the last 104 bytes are encrypted: XOR with what scrypt
// makes of the passphrase and salt. The checksum is BLAKE2b-256 of the algorithm, id and key; a
// file that was never encrypted (`minisign -G -W`) has zeros there.
//
//   auto file = MinisignKeyFile::read(path);
//   if (file && *file) auto key = (*file)->open(&passphrase);

#include <filesystem>
#include <optional>

#include "gateway/core/result.hpp"
#include "signing/keys.hpp"

namespace toolgate {

class MinisignKeyFile {
 public:
  // Nothing when it is another kind of file. Refuses with `storage` what cannot be read or is not
  // this user's alone.
  static Result<std::optional<MinisignKeyFile>> read(const std::filesystem::path& path);
  bool is_encrypted() const;
  // Takes up to 1 GiB and some seconds where it is encrypted. A passphrase for a file in the clear
  // is not looked at. Refuses with `bad_signature` a wrong or missing passphrase, costs that
  // minisign never writes, and a public key that is not the seed's: signing with such a pair would
  // give the seed away.
  Result<SecretKey> open(const SecretBytes* passphrase) const;

 private:
  MinisignKeyFile(std::filesystem::path path, SecretBytes payload);
  Status decrypt(SecretBytes& secret, const SecretBytes& passphrase) const;
  Refusal damaged() const;

  std::filesystem::path path_;
  SecretBytes payload_;
};

}  // namespace toolgate
