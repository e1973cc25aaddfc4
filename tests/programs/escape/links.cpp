// Attacks with names: links, renames, and races between a name that is swapped and one that is
// used.

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "tests/programs/escape/attacks.hpp"

namespace escape {
namespace {

constexpr unsigned no_replace = 1, exchange_flag = 2, whiteout_flag = 4;

long rename_with(const char* from, const char* to, unsigned flags) {
  return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
}

long move(char** a) { return rename(a[0], a[1]); }
long move_no_replace(char** a) { return rename_with(a[0], a[1], no_replace); }
long exchange(char** a) { return rename_with(a[0], a[1], exchange_flag); }
long move_whiteout(char** a) { return rename_with(a[0], a[1], whiteout_flag); }
long hard_link(char** a) { return link(a[0], a[1]); }
long symbolic_link(char** a) { return symlink(a[0], a[1]); }
// Made without a name in FOLDER, named TO afterwards.
long link_unnamed(char** a) {
  int file = open(a[0], O_WRONLY | O_TMPFILE, 0600);
  if (file < 0) return -1;
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  return linkat(AT_FDCWD, path.c_str(), AT_FDCWD, a[1], AT_SYMLINK_FOLLOW);
}
long link_open_file(char** a) {
  int file = open(a[0], O_RDONLY);
  if (file < 0) return -1;
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  return linkat(AT_FDCWD, path.c_str(), AT_FDCWD, a[1], AT_SYMLINK_FOLLOW);
}
// A link to TARGET at PATH, then read through it.
long read_through_link(char** a) {
  if (symlink(a[0], a[1]) != 0) return -1;
  int file = open(a[1], O_RDONLY);
  return file;
}
long write_through_link(char** a) {
  if (symlink(a[0], a[1]) != 0) return -1;
  int file = open(a[1], O_WRONLY | O_CREAT, 0600);
  return file;
}
// LAST is reached over ten links beside PATH.
long read_through_chain(char** a) {
  std::string target = a[0];
  for (int i = 0; i < 10; ++i) {
    const std::string name = std::string(a[1]) + std::to_string(i);
    if (symlink(target.c_str(), name.c_str()) != 0) return -1;
    target = name;
  }
  return open(target.c_str(), O_RDONLY);
}

// While FOLDER/turn is in turns a directory with a file "f" of its own and a link to OUTSIDE, it is
// entered and "f" read and written, TRIES times. Succeeds when outside was ever reached.
long race(char** a) {
  const std::string folder = a[0];
  const std::string outside = a[1];
  const int tries = std::atoi(a[2]);
  const std::string own = folder + "/own", turn = folder + "/turn", link = folder + "/link";
  if (mkdir(own.c_str(), 0755) != 0 || mkdir(turn.c_str(), 0755) != 0) return denied(ENOTDIR);
  if (symlink(outside.c_str(), link.c_str()) != 0) return denied(ENOTDIR);
  for (const std::string& each : {own, turn}) {
    int file = open((each + "/f").c_str(), O_WRONLY | O_CREAT, 0644);
    if (file < 0 || write(file, "own\n", 4) != 4) return denied(ENOTDIR);
    close(file);
  }
  std::atomic<bool> stop = false;
  std::thread swapping([&] {
    while (!stop) rename_with(link.c_str(), turn.c_str(), exchange_flag);
  });
  const std::string name = turn + "/f";
  int reached = 0, entered = 0;
  for (int i = 0; i < tries; ++i) {
    int file = open(name.c_str(), i % 2 == 0 ? O_RDONLY : O_RDWR);
    if (file < 0) continue;
    ++entered;
    char text[8] = {};
    if (read(file, text, 3) != 3 || std::strncmp(text, "own", 3) != 0) ++reached;
    if (i % 2 == 1 && pwrite(file, "own\n", 4, 0) != 4) ++reached;
    close(file);
  }
  stop = true;
  swapping.join();
  if (entered < tries / 100) return denied(EAGAIN);  // then nothing was raced
  if (reached == 0) return denied(EACCES);
  say("%d", reached);
  return 0;
}

// Between what was protected at the start and another name: many threads rename at once.
long rename_race(char** a) {
  std::atomic<int> moved = 0;
  auto work = [&] {
    for (int i = 0; i < 10'000; ++i) {
      if (rename(a[0], a[1]) == 0) ++moved;
      if (rename_with(a[0], a[1], exchange_flag) == 0) ++moved;
    }
  };
  std::thread one(work), other(work);
  one.join();
  other.join();
  return moved > 0 ? 0 : denied(EBUSY);
}

constexpr auto attacks = std::to_array<Attack>({
    {"rename", move},
    {"rename_no_replace", move_no_replace},
    {"exchange", exchange},
    {"rename_whiteout", move_whiteout},
    {"link", hard_link},
    {"link_unnamed", link_unnamed},
    {"link_open_file", link_open_file},
    {"symlink", symbolic_link},
    {"read_through_link", read_through_link},
    {"write_through_link", write_through_link},
    {"read_through_chain", read_through_chain},
    {"race", race},
    {"rename_race", rename_race},
});

}  // namespace

std::span<const Attack> link_attacks() { return attacks; }

}  // namespace escape
