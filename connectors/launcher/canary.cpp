// The canary: a program that tries to get out. It is run inside a sandbox, made and started exactly
// as a server's, before the first server is; if a single attack succeeds it sings (names it on
// stdout) and no server runs in such a sandbox. Silence and exit status 0 mean that all was denied.
//
//   canary FILE PORT [FOLDER]
//
// FILE exists on the host, in no scope; PORT is listened on at 127.0.0.1 there. FOLDER holds two
// scopes, "free" (rw) and "held" (rw-no-delete, staged, with nobody who keeps content), filled by
// connectors/sandbox/canary_folder.cpp. If it cannot even write where it may, it ends with 3.
//
// Each attack is a few lines, named as in the output. What it changes if it succeeds it undoes.

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

const char* host_file;
unsigned short host_port;
const char* scopes;

bool opens(const char* path, int flags) {
  int file = open(path, flags | O_CLOEXEC, 0600);
  if (file >= 0) close(file);
  return file >= 0;
}

constexpr const char* loopback = "127.0.0.1";

bool is_accepted(int socket_) {
  pollfd watched{socket_, POLLOUT, 0};
  int error = 0;
  socklen_t size = sizeof error;
  constexpr int most_ms = 1000;
  return poll(&watched, 1, most_ms) != 1 ||
         getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error == 0;
}

bool connects(const char* address, unsigned short port) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  inet_pton(AF_INET, address, &to.sin_addr);
  int socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket_ < 0) return false;
  int result = connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  // "In progress" means that there is a way out, but on loopback, where the answer is at hand.
  bool out = result == 0 || errno == EINPROGRESS;
  if (out && result != 0 && std::strcmp(address, loopback) == 0) out = is_accepted(socket_);
  close(socket_);
  return out;
}

bool has_socket(int family, int type, int protocol) {
  int socket_ = socket(family, type, protocol);
  if (socket_ >= 0) close(socket_);
  return socket_ >= 0;
}

bool reads_host_file() { return opens(host_file, O_RDONLY); }
bool reads_host_file_through_init() {
  char path[4096];
  std::snprintf(path, sizeof path, "/proc/1/root/%s", host_file);
  return opens(path, O_RDONLY);
}
bool writes_programs() { return opens("/usr/canary", O_WRONLY | O_CREAT); }
bool writes_root() { return opens("/canary", O_WRONLY | O_CREAT); }
bool writes_configuration() { return opens("/etc/canary", O_WRONLY | O_CREAT); }
bool writes_core_pattern() { return opens("/proc/sys/kernel/core_pattern", O_WRONLY); }
bool reads_shadow() { return opens("/etc/shadow", O_RDONLY); }
bool connects_to_host() { return connects(loopback, host_port); }
bool connects_out() { return connects("192.0.2.1", 80); }
bool reaches_metadata() { return connects("169.254.169.254", 80); }
bool has_unix_sockets() { return has_socket(AF_UNIX, SOCK_STREAM, 0); }
bool has_vsock() { return has_socket(40, SOCK_STREAM, 0); }
bool has_packet_sockets() { return has_socket(AF_PACKET, SOCK_RAW, 0); }
bool makes_user_namespace() { return unshare(CLONE_NEWUSER) == 0; }
bool makes_mount_namespace() { return unshare(CLONE_NEWNS) == 0; }
bool mounts() { return mount("none", "/tmp", "tmpfs", 0, "") == 0; }
bool changes_root() { return chroot("/tmp") == 0; }
bool traces() { return ptrace(PTRACE_SEIZE, 1, nullptr, nullptr) == 0; }
bool has_io_uring() {
  char room[256] = {};
  long ring = syscall(SYS_io_uring_setup, 4, room);
  return ring >= 0;
}
bool has_keyring() {
  return syscall(SYS_add_key, "user", "canary", "x", 1, KEY_SPEC_SESSION_KEYRING) >= 0;
}
bool makes_set_user_id() {
  int file = open("/tmp/canary", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  bool made = file >= 0 && fchmod(file, 04755) == 0;
  if (file >= 0) {
    close(file);
    unlink("/tmp/canary");
  }
  return made;
}
bool makes_device() { return mknod("/tmp/canary-device", S_IFCHR | 0600, 0x103) == 0; }
bool has_capabilities() {
  for (int capability = 0; capability < 64; ++capability) {
    if (prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1) return true;
  }
  return false;
}
bool may_gain_privileges() { return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1; }
bool is_unfiltered() { return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != 2; }
bool is_root() { return getuid() == 0 || geteuid() == 0; }
bool has_terminal() { return opens("/dev/tty", O_RDWR); }
bool has_inherited_descriptors() {
  for (int number = 3; number < 256; ++number) {
    if (fcntl(number, F_GETFD) >= 0) return true;
  }
  return false;
}

// A path in the scopes, valid until the next but one.
const char* in_scope(const char* name) {
  static char paths[2][4096];
  static int turn = 0;
  turn = 1 - turn;
  std::snprintf(paths[turn], sizeof paths[turn], "%s/%s", scopes, name);
  return paths[turn];
}

bool makes(const char* name) {
  const char* path = in_scope(name);
  const bool made = opens(path, O_WRONLY | O_CREAT | O_EXCL);
  if (made) unlink(path);
  return made;
}
bool moves(const char* from, const char* to) {
  const char* old_path = in_scope(from);
  const char* new_path = in_scope(to);
  if (rename(old_path, new_path) != 0) return false;
  rename(new_path, old_path);
  return true;
}
bool makes_protected_name() { return makes("free/.envrc"); }
bool makes_protected_link() {
  const char* path = in_scope("free/.vscode");
  const bool made = symlink("/tmp", path) == 0;
  if (made) unlink(path);
  return made;
}
bool moves_to_protected_name() { return moves("free/own", "free/.mcp.json"); }
bool moves_protected_folder() { return moves("free/.git", "free/git"); }
bool writes_protected_file() { return opens(in_scope("free/.git/config"), O_WRONLY); }
bool makes_hook() { return makes("free/.git/hooks/pre-commit"); }
bool writes_through_link() {
  const char* way = in_scope("free/way");
  if (symlink(".git", way) != 0) return false;
  const bool wrote = opens(in_scope("free/way/config"), O_WRONLY);
  unlink(way);
  return wrote;
}
bool writes_from_folder() {
  const int folder = open(in_scope("free/.git"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const int file = openat(folder, "../.git/config", O_WRONLY | O_CLOEXEC);
  if (folder >= 0) close(folder);
  if (file >= 0) close(file);
  return file >= 0;
}
bool writes_beside_scope() { return makes("beside"); }
bool leaves_scope_upwards() { return makes("free/../beside"); }
bool removes_held_name() {
  const char* path = in_scope("held/own");
  return unlink(path) == 0 && opens(path, O_WRONLY | O_CREAT);
}
bool moves_held_name() { return moves("held/own", "held/other"); }
bool replaces_held_file() {
  return opens(in_scope("held/new"), O_WRONLY | O_CREAT) &&
         rename(in_scope("held/new"), in_scope("held/own")) == 0;
}
bool empties_held_file() { return opens(in_scope("held/own"), O_WRONLY | O_TRUNC); }

struct Attack {
  const char* name;
  bool (*succeeds)();
};

constexpr Attack attacks[] = {
    {"inherited_descriptors", has_inherited_descriptors},
    {"host_file", reads_host_file},
    {"host_file_through_init", reads_host_file_through_init},
    {"write_programs", writes_programs},
    {"write_root", writes_root},
    {"write_configuration", writes_configuration},
    {"core_pattern", writes_core_pattern},
    {"shadow", reads_shadow},
    {"host_loopback", connects_to_host},
    {"network", connects_out},
    {"metadata", reaches_metadata},
    {"unix_sockets", has_unix_sockets},
    {"vsock", has_vsock},
    {"packet_sockets", has_packet_sockets},
    {"user_namespace", makes_user_namespace},
    {"mount_namespace", makes_mount_namespace},
    {"mount", mounts},
    {"chroot", changes_root},
    {"ptrace", traces},
    {"io_uring", has_io_uring},
    {"keyring", has_keyring},
    {"set_user_id", makes_set_user_id},
    {"device", makes_device},
    {"capabilities", has_capabilities},
    {"new_privileges", may_gain_privileges},
    {"no_filter", is_unfiltered},
    {"root", is_root},
    {"terminal", has_terminal},
};

constexpr Attack attacks_in_scopes[] = {
    {"make_protected_name", makes_protected_name},
    {"make_protected_link", makes_protected_link},
    {"move_to_protected_name", moves_to_protected_name},
    {"move_protected_folder", moves_protected_folder},
    {"write_protected_file", writes_protected_file},
    {"make_hook", makes_hook},
    {"write_through_link", writes_through_link},
    {"write_from_folder", writes_from_folder},
    {"write_beside_scope", writes_beside_scope},
    {"leave_scope_upwards", leaves_scope_upwards},
    {"remove_held_name", removes_held_name},
    {"move_held_name", moves_held_name},
    {"replace_held_file", replaces_held_file},
    {"empty_held_file", empties_held_file},
};

bool sings(const Attack* attack, std::size_t count) {
  bool sung = false;
  for (std::size_t i = 0; i < count; ++i) {
    if (!attack[i].succeeds()) continue;
    std::puts(attack[i].name);
    sung = true;
  }
  return sung;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) return 2;
  host_file = argv[1];
  host_port = static_cast<unsigned short>(std::atoi(argv[2]));
  bool sung = false;
  if (argc == 4) {  // first, since some of the others change what this process may do
    scopes = argv[3];
    if (!opens(in_scope("free/new"), O_WRONLY | O_CREAT)) return 3;
    sung = sings(attacks_in_scopes, sizeof attacks_in_scopes / sizeof *attacks_in_scopes);
  }
  sung = sings(attacks, sizeof attacks / sizeof *attacks) || sung;
  return sung ? 1 : 0;
}
