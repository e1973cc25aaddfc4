// A manifest that was read has one text, its own; every path in it stays beneath the tree, and so
// does every link.

#include "signing/manifest.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool is_beneath(const std::filesystem::path& path) {
  return !path.is_absolute() && *path.begin() != "..";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  auto manifest = toolgate::parse_manifest(toolgate::Untrusted<std::string>(text));
  if (!manifest) return 0;
  auto again = toolgate::manifest_text(*manifest);
  require(again && *again == text);
  require(manifest->find(manifest->entry) != nullptr);
  for (const auto& entry : manifest->entries) {
    const std::filesystem::path path(entry.path);
    require(!path.empty() && is_beneath(path) && path == path.lexically_normal());
    require(manifest->find(entry.path) == &entry);
    if (entry.type != toolgate::ManifestEntry::Type::link) continue;
    const std::filesystem::path leads = (path.parent_path() / entry.target).lexically_normal();
    require(is_beneath(leads));
  }
  return 0;
}
