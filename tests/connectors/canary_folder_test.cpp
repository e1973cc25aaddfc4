// The canary's folder is given away to the user that root's sandboxes write as; other processes of
// that user must not get hold of it before it is complete.

#include "connectors/sandbox/canary_folder.hpp"

#include <dirent.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <string>
#include <string_view>

namespace toolgate {
namespace {

namespace fs = std::filesystem;

constexpr unsigned nobody = 65534;
constexpr char place[] = "/var/tmp";
constexpr char victim[] = "/var/tmp/victim";
constexpr int rounds = 2'000;

// As long as the folder is there: in the moment after a folder in it was made, a link to the victim
// takes its place, through which what comes next would be made and given away.
void attack(const std::string& folder) {
  const std::string free = folder + "/free";
  for (int turn = 0; turn < 100'000; ++turn) {
    if (::rename(free.c_str(), (free + std::to_string(turn)).c_str()) != 0) {
      if (::access(folder.c_str(), F_OK) != 0) return;
      continue;
    }
    if (::symlink(victim, free.c_str()) == 0) ::mkdir((folder + "/attacked").c_str(), 0700);
    return;
  }
}

[[noreturn]] void attack_all() {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::setresgid(nobody, nobody, nobody) != 0 || ::setresuid(nobody, nobody, nobody) != 0) {
    ::_exit(1);
  }
  for (;;) {
    DIR* all = ::opendir(place);
    while (const dirent* entry = all == nullptr ? nullptr : ::readdir(all)) {
      if (std::string_view(entry->d_name).starts_with("toolgate-canary-")) {
        attack(std::string(place) + "/" + entry->d_name);
      }
    }
    if (all != nullptr) ::closedir(all);
  }
}

bool is_attacked(const CanaryFolder& folder) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!fs::exists(folder.path() / "attacked")) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    ::sched_yield();
  }
  return true;
}

// Of root, with nothing but what was put there.
bool is_untouched() {
  for (const std::string& path : {std::string(victim), std::string(victim) + "/config"}) {
    struct stat about{};
    if (::lstat(path.c_str(), &about) != 0 || about.st_uid != 0 || about.st_gid != 0) return false;
  }
  const auto entries = fs::directory_iterator(victim);
  return std::distance(begin(entries), end(entries)) == 1;
}

// In a mount namespace of its own: others have canaries, too. What went wrong, or 0.
int try_all() {
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("none", place, "tmpfs", 0, "mode=1777") != 0) {
    return 1;
  }
  ::umask(022);
  fs::create_directory(victim);
  std::ofstream(std::string(victim) + "/config") << "of root";
  const pid_t attacker = ::fork();
  if (attacker == 0) attack_all();
  int wrong = 0;
  for (int i = 0; i < rounds && wrong == 0; ++i) {
    auto folder = CanaryFolder::make();
    if (!folder) wrong = 2;
    // It is theirs once it is there, or nothing was tried.
    if (folder && i % 100 == 0 && !is_attacked(*folder)) wrong = 3;
  }
  ::kill(attacker, SIGKILL);
  ::waitpid(attacker, nullptr, 0);
  return wrong == 0 && !is_untouched() ? 4 : wrong;
}

}  // namespace

TEST_CASE("canary folder: no process of the user that it is given to leads root elsewhere") {
  if (::geteuid() != 0) return;  // it is given away by root alone
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(try_all());
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

}  // namespace toolgate
