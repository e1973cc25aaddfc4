// Somebody swaps links while a path is looked at. CVE-2026-39861 and its kin.

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "tests/gateway/scopes_tree.hpp"

namespace toolgate::test {
namespace {

FileIdentity identity_of(const fs::path& path) {
  struct stat status{};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return {status.st_dev, status.st_ino};
}

FileIdentity identity_of(const Descriptor& descriptor) {
  struct stat status{};
  REQUIRE(::fstat(descriptor.number(), &status) == 0);
  return {status.st_dev, status.st_ino};
}

struct Counts {
  std::size_t inside = 0;
  std::size_t refused = 0;
  std::size_t wrong = 0;
};

// `one` and `other` change places 100,000 times, each time in one step.
Counts race(const ScopesTree& tree, const fs::path& one, const fs::path& other,
            const fs::path& looked_at, const std::vector<FileIdentity>& good) {
  FileScopes scopes({{tree / "notes", FileMode::rw}}, tree / "work");
  std::atomic<bool> over{false};
  std::thread swapper([&] {
    for (int times = 0; times < 100'000; ++times) {
      ::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE);
    }
    over = true;
  });
  Counts counts;
  const PathReading reading{path_names(looked_at.string())};
  while (!over) {
    std::size_t steps = 1'000;
    auto place = scopes.locate(reading, steps);
    if (!place) {
      ++counts.refused;
      continue;
    }
    ++counts.inside;
    const FileIdentity reached = identity_of(place->reached);
    bool known = false;
    for (const FileIdentity& one_good : good) known = known || one_good == reached;
    if (!known) ++counts.wrong;
  }
  swapper.join();
  MESSAGE(counts.inside, " inside, ", counts.refused, " refused, ", counts.wrong, " wrong");
  return counts;
}

TEST_CASE("file scopes: links that are swapped 100,000 times never lead out") {
  ScopesTree tree;
  SUBCASE("a folder and a link to a folder outside") {
    fs::create_directory(tree / "notes/folder");
    std::ofstream(tree / "notes/folder/key") << "mine";
    fs::create_symlink("../secret", tree / "notes/swap");
    // The walk may see the link at `folder` and what it leads to, then the folder: all refused, or
    // the folder's own file, or a file that is not there yet.
    const auto counts = race(tree, tree / "notes/folder", tree / "notes/swap",
                             tree / "notes/folder/key", {identity_of(tree / "notes/folder/key")});
    CHECK(counts.wrong == 0);
    CHECK(counts.inside > 0);
    CHECK(counts.refused > 0);
  }
  SUBCASE("a file and a link to a file outside") {
    std::ofstream(tree / "notes/file") << "mine";
    fs::create_symlink("../secret/key", tree / "notes/swap");
    const auto counts = race(tree, tree / "notes/file", tree / "notes/swap", tree / "notes/file",
                             {identity_of(tree / "notes/file")});
    CHECK(counts.wrong == 0);
    CHECK(counts.inside > 0);
    CHECK(counts.refused > 0);
  }
  SUBCASE("the scope's own name and a link") {
    fs::create_symlink("secret", tree / "swap");
    std::ofstream(tree / "notes/key") << "mine";
    const auto counts = race(tree, tree / "notes", tree / "swap", tree / "notes/key",
                             {identity_of(tree / "notes/key")});
    CHECK(counts.wrong == 0);
    CHECK(counts.inside > 0);
    CHECK(counts.refused > 0);
  }
}

// What a look costs: gateway_tests --no-skip --test-case='*what a look costs*'
TEST_CASE("file scopes: what a look costs" * doctest::skip()) {
  ScopesTree tree;
  ServerEntry entry;
  entry.name = ServerName("files");
  entry.files = tree.all();
  entry.cwd = tree / "notes";
  ArgumentScopes scopes(entry);
  const auto time = [&](const char* what, const std::string& text) {
    constexpr int times = 100'000;
    const std::vector<PathArgument> arguments{{"argument \"/path\"", text}};
    const auto start = std::chrono::steady_clock::now();
    bool good = true;
    for (int at = 0; at < times; ++at) good = static_cast<bool>(scopes.confine(arguments)) && good;
    const std::chrono::duration<double, std::micro> taken =
        std::chrono::steady_clock::now() - start;
    const std::string told = std::string(what) + ": " + std::to_string(taken.count() / times) +
                             (good ? " us" : " us, no");
    MESSAGE(told);
  };
  time("absolute, 5 names", (tree / "notes/sub/deep").string());
  time("a new file", (tree / "notes/sub/new.txt").string());
  time("a link and ..", (tree / "notes/in_abs/../a.txt").string());
  time("relative, 4 names", "a.txt");
  time("outside", "/etc/passwd");
}

}  // namespace
}  // namespace toolgate::test
