// The canary: a program that tries to get out. It is run inside a sandbox, made and started exactly
// as a server's, before the first server is; if a single attack succeeds it sings (names it on
// stdout) and no server runs in such a sandbox. Silence and exit status 0 mean that all was denied.
//
//   canary FILE PORT    FILE exists on the host, in no scope; PORT is listened on at 127.0.0.1
//   there
//
// Each attack is a few lines, named as in the output. What it changes if it succeeds it undoes.

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <netinet/in.h>
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

bool opens(const char* path, int flags) {
  int file = open(path, flags | O_CLOEXEC, 0600);
  if (file >= 0) close(file);
  return file >= 0;
}

bool connects(const char* address, unsigned short port) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  inet_pton(AF_INET, address, &to.sin_addr);
  int socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket_ < 0) return false;
  int result = connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  // On loopback the answer comes at once; elsewhere "in progress" means that there is a way out.
  bool out = result == 0 || errno == EINPROGRESS;
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
bool connects_to_host() { return connects("127.0.0.1", host_port); }
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

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  host_file = argv[1];
  host_port = static_cast<unsigned short>(std::atoi(argv[2]));
  int sung = 0;
  for (const Attack& attack : attacks) {
    if (!attack.succeeds()) continue;
    std::puts(attack.name);
    sung = 1;
  }
  return sung;
}
