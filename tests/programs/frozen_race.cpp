// Starts a frozen server again and again while another process of the same user rewrites, relinks
// and renames the files of its tree: each time it is refused, or what ran are exactly the verified
// bytes.
//
//   frozen_race TRIES none|process FOLDER
//
// The "server" is cat(1), which prints what it is given to run: the entry and a second file. FOLDER
// is an empty directory. Prints how many starts ran and how many were refused; ends with 1 when
// anything else ran.

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "connectors/child_process.hpp"
#include "connectors/frozen/tree_file.hpp"
#include "connectors/frozen/view.hpp"
#include "connectors/keeper.hpp"
#include "connectors/sandbox/orders.hpp"
#include "gateway/core/task_group.hpp"
#include "gateway/core/within.hpp"

namespace {

using namespace toolgate;
namespace fs = std::filesystem;

constexpr const char* program = "lib/program.txt";
constexpr const char* second = "lib/second.txt";
constexpr Milliseconds output_ms{30'000};

// Long enough that a writer can come between two of its pieces.
std::string content(char letter) { return std::string(300'000, letter) + '\n'; }

void write(const fs::path& file, const std::string& text, mode_t mode) {
  std::ofstream(file, std::ios::binary) << text;
  ::chmod(file.c_str(), mode);
}

std::array<std::uint8_t, 32> hash_of(const std::string& text) {
  Sha256 hash;
  hash.add(text);
  return hash.finish();
}

ManifestEntry file_entry(const std::string& path, const std::string& text) {
  ManifestEntry entry;
  entry.path = path;
  entry.bytes = text.size();
  entry.sha256 = hash_of(text);
  return entry;
}

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// FOLDER/package with its manifest, and FOLDER/other with what the attackers put in its place.
FrozenSource make_package(const fs::path& folder) {
  const fs::path tree = folder / "package" / "tree";
  fs::create_directories(tree / "lib");
  fs::create_directories(folder / "other" / "lib");
  Manifest manifest;
  manifest.origin = {ManifestOrigin::Kind::directory, "race", "", ""};
  manifest.entry = program;
  ManifestEntry lib;
  lib.type = ManifestEntry::Type::directory;
  lib.path = "lib";
  manifest.entries = {lib, file_entry(program, content('A')), file_entry(second, content('B'))};
  const fs::path cat = fs::canonical("/bin/cat");
  const std::string bytes = text_of(cat);
  manifest.interpreter = ManifestInterpreter{cat.string(), bytes.size(), hash_of(bytes)};
  const auto text = manifest_text(manifest);
  if (!text) throw std::runtime_error(text.refusal().detail);
  write(tree / program, content('A'), 0444);
  write(tree / second, content('B'), 0444);
  write(folder / "other" / program, content('X'), 0444);
  write(folder / "other" / second, content('Y'), 0444);
  for (const fs::path& one : {tree / "lib", tree, folder / "other/lib", folder / "other"}) {
    ::chmod(one.c_str(), 0555);
  }
  write(folder / "package" / manifest_name_in_package, *text, 0444);
  FrozenSource source;
  source.package = (folder / "package").string();
  source.manifest = manifest_digest(*text);
  source.bytes = view_bytes({manifest, manifest.entries.size(), manifest.bytes()});
  source.at = source.package + "/tree";
  return source;
}

unsigned seed = 1;

// Between a change and its undoing, and between two changes.
void wait_up_to(unsigned microseconds) {
  ::usleep(static_cast<useconds_t>(::rand_r(&seed)) % microseconds);
}

// Each puts everything back after its change, so that many starts find the tree as it should be.
void rewrite(const fs::path& tree) {
  const fs::path file = tree / program;
  ::chmod(file.c_str(), 0644);
  const int number = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
  const std::string bad(4096, 'X');
  const std::string good(4096, 'A');
  for (off_t at : {off_t{0}, off_t{270'000}}) {
    if (::pwrite(number, bad.data(), bad.size(), at) < 0) break;
    wait_up_to(500);
    if (::pwrite(number, good.data(), good.size(), at) < 0) break;
  }
  ::close(number);
  ::chmod(file.c_str(), 0444);
}

void relink(const fs::path& tree, const fs::path& other) {
  ::chmod((tree / "lib").c_str(), 0755);
  const fs::path aside = tree / "lib/aside";
  ::rename((tree / second).c_str(), aside.c_str());
  std::error_code ignored;
  fs::create_symlink(other / second, tree / second, ignored);
  wait_up_to(500);
  fs::remove(tree / second, ignored);
  fs::create_hard_link(other / second, tree / second, ignored);
  wait_up_to(500);
  ::rename(aside.c_str(), (tree / second).c_str());
  ::chmod((tree / "lib").c_str(), 0555);
}

// Of the whole tree at once, back and forth: what is opened by path a moment later is the other.
void exchange(const fs::path& tree, const fs::path& other) {
  ::renameat2(AT_FDCWD, tree.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE);
  wait_up_to(500);
  ::renameat2(AT_FDCWD, tree.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE);
}

// One after the other, so that none leaves behind what another has to put back.
pid_t attack(const fs::path& folder) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  const fs::path tree = folder / "package/tree";
  const fs::path other = folder / "other";
  for (;;) {
    const int kind = ::rand_r(&seed) % 3;
    if (kind == 0) rewrite(tree);
    if (kind == 1) relink(tree, other);
    if (kind == 2) exchange(tree, other);
    wait_up_to(1'500);
  }
}

struct Outcome {
  std::string output;
  std::string refusal;
};

Task<Status> read_all(asio::posix::stream_descriptor& output, std::string& into) {
  std::string part(65'536, '\0');
  for (;;) {
    auto [error, count] = co_await output.async_read_some(asio::buffer(part), as_result);
    if (error || count == 0) co_return done();
    into.append(part, 0, count);
  }
}

Task<> start(KeeperOrders orders, Outcome& outcome) {
  auto executor = co_await asio::this_coro::executor;
  ChildProcess process(executor, "/proc/self/exe", "race");
  Status status = co_await process.start(std::move(orders));
  if (status) {
    asio::posix::stream_descriptor output(executor, process.output().release());
    status = co_await within(output_ms, read_all(output, outcome.output), "its output");
  }
  if (!status) outcome.refusal = status.refusal().detail;
  co_await process.finish();
}

KeeperOrders orders_for(FrozenSource source, bool sandboxed) {
  KeeperOrders orders;
  if (!sandboxed) source.at = place_without_sandbox().operator*() + "/tree";
  const std::string cat = fs::canonical("/bin/cat").string();
  orders.argv = {cat, source.at + '/' + program, source.at + '/' + second};
  orders.env = {{"PATH", "/usr/bin:/bin"}};
  if (sandboxed) {
    orders.cwd = sandbox_home;
    orders.sandbox.emplace();
    orders.sandbox->programs = {source.at, cat};
  }
  orders.frozen = std::move(source);
  return orders;
}

int race(int tries, bool sandboxed, const fs::path& folder) {
  const KeeperOrders orders = orders_for(make_package(folder), sandboxed);
  const pid_t attacker = attack(folder);
  const std::string wanted = content('A') + content('B');
  int ran = 0;
  int refused = 0;
  int others = 0;
  for (int i = 0; i < tries; ++i) {
    asio::io_context loop(1);
    TaskGroup group(loop.get_executor(), "race");
    Outcome outcome;
    group.spawn(start(orders, outcome));
    loop.run();
    if (!outcome.refusal.empty()) {
      ++refused;
    } else if (outcome.output == wanted) {
      ++ran;
    } else {
      ++others;
      std::fprintf(stderr, "try %d ran something else, of %zu bytes\n", i, outcome.output.size());
    }
  }
  ::kill(attacker, SIGKILL);
  ::waitpid(attacker, nullptr, 0);
  std::printf("%d tries: %d ran the verified bytes, %d were refused, %d ran others\n", tries, ran,
              refused, others);
  const bool is_race = ran > 0 && refused > 0;
  if (!is_race)
    std::fputs("the race was none: it must run sometimes and be refused sometimes\n", stderr);
  return others == 0 && is_race ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (is_keeper(argc, argv)) return keeper_main(argc, argv);
  const int tries = argc == 4 ? std::atoi(argv[1]) : 0;
  const std::string tier = argc == 4 ? argv[2] : "";
  if (tries < 1 || (tier != "none" && tier != "process")) {
    std::fputs("usage: frozen_race TRIES none|process FOLDER\n", stderr);
    return 2;
  }
  try {
    return race(tries, tier == "process", argv[3]);
  } catch (const std::exception& fault) {
    std::fprintf(stderr, "frozen_race: %s\n", fault.what());
    return 1;
  }
}
