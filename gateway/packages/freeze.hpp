#pragma once
// Freezing: npm resolves and installs a server's package once, with install scripts off, or a
// server's folder, script or program is copied; what came is checked, made read-only, described by
// a manifest that also names the interpreter, and kept under the manifest's digest (frozen.hpp says
// where). Two freezes at once do not disturb each other; one that is killed leaves
// a folder that the next one sweeps away, never half a package.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/config/configuration.hpp"
#include "gateway/core/result.hpp"
#include "signing/digest.hpp"
#include "signing/manifest.hpp"
#include "signing/minisign.hpp"

namespace toolgate {

struct Frozen {
  Digest digest;
  ManifestHead head;
  std::string wanted;  // what the command asks of npm: a version, a range, a tag, or nothing
  std::filesystem::path folder;
  std::size_t packages = 0;  // of the registry
  std::size_t files = 0;
  std::uint64_t bytes = 0;
};

// Told what happens next: "npm installs ...". For a terminal.
using FreezeProgress = std::function<void(std::string_view)>;

// Freezes a local server and says so on its record. A package needs the network. Blocking, for as
// long as npm takes. Refuses with `unsupported` what cannot be frozen, with `unavailable` what
// npm could not get, with `storage` when the home cannot hold it.
//
// A signature is kept beside the manifest, if it is one by the server's publisher, which it must
// have then, over what was frozen now. Otherwise that is refused with `bad_signature`, and nothing
// has changed. Without one, what comes is frozen all the same, so that there is a manifest to sign;
// a signature that lies there and holds, stays.
Result<Frozen> freeze_server(const ServerEntry& entry, const std::filesystem::path& home,
                             const Environment& environment, const FreezeProgress& progress,
                             const std::optional<FileSignature>& signature = std::nullopt);

// The program and options in the first line of a script, as "#!/usr/bin/env node" has them. Refuses
// with `unsupported` any program but node and python3, and options that would load other code.
Result<std::vector<std::string>> interpreter_of(std::string_view first_line);

}  // namespace toolgate
