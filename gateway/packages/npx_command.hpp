#pragma once
// What a command that starts npx, or `npm exec`, asks for: which package of the registry, in which
// version, which of its programs, and with which arguments. Read as npm 10 and 11 read it
// (docs.npmjs.com/cli/commands/npx, npm-exec), and strictly: an option that changes where the
// package comes from or what is run is refused, never passed over.
//
//   npx [-y] PACKAGE[@VERSION] ARGUMENTS...
//   npx [-y] -p PACKAGE[@VERSION] [--] PROGRAM ARGUMENTS...
//   npm exec [-y] [--package=PACKAGE[@VERSION]] -- PACKAGE|PROGRAM ARGUMENTS...
//
// A name may come with an exact version, a range or a tag: `freeze` resolves it once. Git
// addresses, files, folders, tarballs and aliases are no names of the registry, and are refused.

#include <string>
#include <string_view>
#include <vector>

#include "gateway/core/result.hpp"

namespace toolgate {

struct NpxCommand {
  std::string package;  // "@scope/name", as the registry knows it
  std::string wanted;   // "1.2.3", "^1", "next"; empty: what the registry offers by default
  std::string program;  // the one that was named; empty: the package's own
  std::vector<std::string> arguments;  // of the program

  std::string spec() const;  // "@scope/name@^1"
};

// Is this npx or `npm exec`? Then what it runs comes from a registry.
bool is_npx(const std::vector<std::string>& argv);

// Refuses with `unsupported` what cannot be frozen, and says why.
Result<NpxCommand> parse_npx(const std::vector<std::string>& argv);

}  // namespace toolgate
