// Attacks on the supervisor of names: what it judges is changed by other threads between the
// moment in which it looks and the moment in which it acts. Each has FOLDER, a writable scope in
// which ".envrc" and ".git/hooks/pre-commit" must never appear, and succeeds when one of them did.

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <thread>

#include "tests/programs/escape/attacks.hpp"

namespace escape {
namespace {

bool exists(const std::string& path) { return faccessat(AT_FDCWD, path.c_str(), F_OK, 0) == 0; }

// Runs `use` TRIES times while a thread runs `change`. EAGAIN when one way of the race was hardly
// ever taken (`use` says whether what it did was allowed), for then nothing was raced.
long race_of(int tries, const std::function<void()>& change, const std::function<bool()>& use,
             const std::string& forbidden) {
  std::atomic<bool> stop = false;
  std::thread changing([&] {
    while (!stop) change();
  });
  int allowed = 0, refused = 0;
  bool appeared = false;
  for (int i = 0; i < tries && !appeared; ++i) {
    ++(use() ? allowed : refused);
    appeared = exists(forbidden);
  }
  stop = true;
  changing.join();
  if (appeared) return 0;
  say("%d allowed, %d refused: ", allowed, refused);
  const int least = tries / 100;
  return denied(allowed < least || refused < least ? EAGAIN : EPERM);
}

bool makes(int folder, const char* path) {
  const int file = openat(folder, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (file >= 0) close(file);
  return file >= 0;
}

// The text of the path changes: FOLDER/.envrc, FOLDER/_envrc.
long race_text(char** a) {
  std::string path = std::string(a[0]) + "/_envrc";
  volatile char* first = &path[path.size() - std::strlen("_envrc")];
  return race_of(
      std::atoi(a[1]),
      [=] {
        *first = '.';
        *first = '_';
      },
      [&] { return makes(AT_FDCWD, path.c_str()); }, std::string(a[0]) + "/.envrc");
}

// The same of the path that a name is moved to.
long race_move(char** a) {
  const std::string from = std::string(a[0]) + "/from";
  std::string path = std::string(a[0]) + "/_envrc";
  volatile char* first = &path[path.size() - std::strlen("_envrc")];
  return race_of(
      std::atoi(a[1]),
      [=] {
        *first = '.';
        *first = '_';
      },
      [&] {
        makes(AT_FDCWD, from.c_str());
        return rename(from.c_str(), path.c_str()) == 0;
      },
      std::string(a[0]) + "/.envrc");
}

// The descriptor leads to another folder: FOLDER/plain, FOLDER/.git/hooks.
long race_descriptor(char** a) {
  const std::string base = a[0];
  const int plain = open((base + "/plain").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const int hooks = open((base + "/.git/hooks").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const int turn = dup(plain);
  if (plain < 0 || hooks < 0 || turn < 0) return denied(ENOTDIR);
  return race_of(
      std::atoi(a[1]),
      [=] {
        dup2(hooks, turn);
        dup2(plain, turn);
      },
      [=] { return makes(turn, "pre-commit"); }, base + "/.git/hooks/pre-commit");
}

// The working directory, which all threads share, is another one.
long race_working_directory(char** a) {
  const std::string base = a[0];
  const std::string plain = base + "/plain", hooks = base + "/.git/hooks";
  return race_of(
      std::atoi(a[1]),
      [&] {
        if (chdir(hooks.c_str()) != 0 || chdir(plain.c_str()) != 0) std::abort();
      },
      [] { return makes(AT_FDCWD, "pre-commit"); }, hooks + "/pre-commit");
}

// A link on the way leads to another folder.
long race_link(char** a) {
  const std::string base = a[0];
  const std::string turn = base + "/turn", other = base + "/other", path = turn + "/pre-commit";
  if (symlink("plain", turn.c_str()) != 0 || symlink(".git/hooks", other.c_str()) != 0) return -1;
  constexpr unsigned exchange = 2;
  return race_of(
      std::atoi(a[1]),
      [&] { syscall(SYS_renameat2, AT_FDCWD, turn.c_str(), AT_FDCWD, other.c_str(), exchange); },
      [&] { return makes(AT_FDCWD, path.c_str()); }, base + "/.git/hooks/pre-commit");
}

// A folder gets the name ".git" while "hooks" is made in it. SUB has no ".git" yet.
long race_beginning(char** a) {
  const std::string base = std::string(a[0]) + "/sub";
  const std::string plain = base + "/g", git = base + "/.git", hooks = plain + "/hooks";
  if (mkdir(base.c_str(), 0755) != 0 || mkdir(plain.c_str(), 0755) != 0) return -1;
  return race_of(
      std::atoi(a[1]),
      [&] {
        rename(plain.c_str(), git.c_str());
        rename(git.c_str(), plain.c_str());
      },
      [&] {
        const bool made = mkdir(hooks.c_str(), 0755) == 0;
        if (made) rmdir(hooks.c_str());
        return made;
      },
      git + "/hooks");
}

constexpr auto attacks = std::to_array<Attack>({
    {"race_text", race_text},
    {"race_move", race_move},
    {"race_descriptor", race_descriptor},
    {"race_working_directory", race_working_directory},
    {"race_link", race_link},
    {"race_beginning", race_beginning},
});

}  // namespace

std::span<const Attack> race_attacks() { return attacks; }

}  // namespace escape
