#pragma once
// The seal on what `review` showed. The store holds it until `approve` signs it, and who can write
// the store could put something else there; the seal tells. It is a keyed BLAKE2b-256 over every
// column of a row, under a key of the home's own.
//
//   auto seal = ReviewSeal::load_or_make(home / "review.key");
//   std::string mac = seal->seal({server, key, definition});
//   bool same = seal->holds(mac, {server, key, definition});
//
// It does not protect against somebody who can read that key, nor does it tell a row from an
// earlier one that was put back in its place (gateway/cli/last_review.hpp does).

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/core/result.hpp"
#include "signing/keys.hpp"

namespace toolgate {

class ReviewSeal {
 public:
  // The key in this file, which is made where there is none (signing/sealing_key.hpp).
  static Result<ReviewSeal> load_or_make(const std::filesystem::path& path);
  // A key that ends with this object.
  static ReviewSeal generate();

  // 64 hex digits. Columns that differ in any byte, or in where one ends, have another seal.
  std::string seal(const std::vector<std::string>& columns) const;
  bool holds(std::string_view seal, const std::vector<std::string>& columns) const;

 private:
  explicit ReviewSeal(SecretBytes key);
  SecretBytes key_;
};

}  // namespace toolgate
