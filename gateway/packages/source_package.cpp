// bring_package(): what npm installs.

#include <utility>

#include "gateway/packages/lock_file.hpp"
#include "gateway/packages/npm.hpp"
#include "gateway/packages/npm_sandbox.hpp"
#include "gateway/packages/own_file.hpp"
#include "gateway/packages/source.hpp"
#include "gateway/packages/tarballs.hpp"
#include "gateway/packages/tree.hpp"

namespace toolgate {
namespace {

constexpr std::size_t lock_bytes_most = std::size_t{64} << 20;

}  // namespace

// The folder is one in which npm works: only the package is a dependency of it.
Result<Brought> bring_package(const NpxCommand& command, const std::filesystem::path& staging,
                              const std::filesystem::path& tree, const Environment& environment) {
  Status written =
      write_package_file(tree / "package.json", "{\"private\":true}\n", Replacing::yes);
  if (!written) return written.refusal();
  Status installed = install_package(tree, command.spec(), staging, environment);
  if (!installed) return installed.refusal();
  auto text = read_package_file(tree / "package-lock.json", lock_bytes_most);
  if (!text) return text.refusal();
  auto locked = read_lock_file(Untrusted<std::string>(std::move(*text)), command);
  if (!locked) return locked.refusal();
  const std::filesystem::path cache = staging / npm_cache;
  const Status same = verify_tarballs(cache, *locked);
  if (!same) return same.refusal();
  remove_tree(cache);
  remove_tree(staging / npm_settings_of_user);
  remove_tree(staging / npm_settings_of_system);
  Brought brought;
  brought.origin = {ManifestOrigin::Kind::npm, command.package, locked->version, locked->integrity};
  brought.entry = locked->entry;
  brought.packages = locked->packages.size();
  return brought;
}

}  // namespace toolgate
