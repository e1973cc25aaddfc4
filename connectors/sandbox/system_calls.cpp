#include "connectors/sandbox/system_calls.hpp"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "connectors/descriptor.hpp"
#include "connectors/sandbox/host.hpp"

namespace toolgate {
namespace {

constexpr std::uint64_t low_half = 0xffff'ffff;

// By name, since a name that this architecture does not have is then simply not there.
constexpr const char* not_permitted[] = {
    // namespaces and mounts
    "unshare", "setns", "mount", "umount", "umount2", "pivot_root", "chroot", "move_mount",
    "open_tree", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr",
    // the kernel and the machine
    "bpf", "perf_event_open", "kexec_load", "kexec_file_load", "init_module", "finit_module",
    "delete_module", "create_module", "query_module", "get_kernel_syms", "syslog", "acct", "swapon",
    "swapoff", "reboot", "quotactl", "quotactl_fd", "lookup_dcookie", "iopl", "ioperm",
    "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname",
    "vhangup", "nfsservctl", "uselib", "ustat", "sysfs", "vm86", "vm86old", "modify_ldt", "_sysctl",
    // keyrings, other processes, memory that nobody else may see
    "add_key", "request_key", "keyctl", "userfaultfd", "ptrace", "process_vm_readv",
    "process_vm_writev", "process_madvise", "kcmp", "pidfd_getfd", "memfd_secret", "move_pages",
    "migrate_pages", "mbind", "set_mempolicy", "set_mempolicy_home_node",
    // files past their path, and files that are no files
    "open_by_handle_at", "name_to_handle_at", "fanotify_init", "fanotify_mark", "mknod", "mknodat"};

// Newer than libseccomp 2.5; from 424 on the numbers are those of every architecture.
constexpr int not_permitted_numbers[] = {
    459 /* lsm_get_self_attr */, 460 /* lsm_set_self_attr */, 467 /* open_tree_attr */,
    469 /* file_setattr: what the ioctls below set */, 470 /* listns */};

constexpr const char* not_there[] = {"clone3", "openat2", "io_uring_setup", "io_uring_enter",
                                     "io_uring_register"};

constexpr std::uint64_t namespaces[] = {CLONE_NEWNS,  CLONE_NEWCGROUP, CLONE_NEWUTS,
                                        CLONE_NEWIPC, CLONE_NEWUSER,   CLONE_NEWPID,
                                        CLONE_NEWNET, CLONE_NEWTIME};

constexpr std::uint64_t denied_ioctls[] = {0x5412 /* TIOCSTI: types on the terminal */,
                                           0x541c /* TIOCLINUX: pastes on a console */,
                                           0x541d /* TIOCCONS: takes the console's output */,
                                           0x5423 /* TIOCSETD: changes the line discipline */};

// What ioctl(2) may be asked for: everything of terminals (and what every descriptor knows, which
// has their numbers) but the above, the interfaces of the sandbox, and of files what follows. File
// systems have ioctls of their own that make, move and remove names, past everything else here.
constexpr std::uint32_t ioctl_kinds[] = {0x5400 /* 'T' */, 0x8900 /* sockets */,
                                         0x2100 /* '!', the supervisor's */};
constexpr std::uint32_t kvm_ioctls = 0xae00;
constexpr std::uint32_t ioctl_kind_bits = 0xff00;
constexpr std::uint32_t file_ioctls[] = {0x4004'9409 /* FICLONE */,
                                         0x4020'940d /* FICLONERANGE */,
                                         0xc018'9436 /* FIDEDUPERANGE */,
                                         0x8008'6601 /* FS_IOC_GETFLAGS */,
                                         0x8008'7601 /* FS_IOC_GETVERSION */,
                                         0xc020'660b /* FS_IOC_FIEMAP */,
                                         0x801c'581f /* FS_IOC_FSGETXATTR */};

// Steps to go before a filter of libseccomp's, which has no rule with exceptions (seccomp(2)): an
// ioctl that is not in the lists gets ENOTTY, all else goes on there. Another architecture's calls
// end the process here already, since theirs have other numbers; those of x32, which is none of its
// own, have a bit that no call in the lists has, and end it there.
std::string ioctl_prelude(const std::vector<std::uint32_t>& kinds) {
  std::vector<sock_filter> steps;
  auto add = [&steps](int code, std::uint32_t value, std::size_t yes = 0, std::size_t no = 0) {
    steps.push_back({static_cast<std::uint16_t>(code), static_cast<std::uint8_t>(yes),
                     static_cast<std::uint8_t>(no), value});
  };
  const std::size_t lists = std::size(file_ioctls) + 1 + kinds.size();
  add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch));
  add(BPF_JMP | BPF_JEQ | BPF_K, ::seccomp_arch_native(), 1, 0);
  add(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr));
  add(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, lists + 2);
  add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args) + sizeof(std::uint64_t));
  std::size_t left = lists;
  for (std::uint32_t request : file_ioctls) add(BPF_JMP | BPF_JEQ | BPF_K, request, left--);
  add(BPF_ALU | BPF_AND | BPF_K, ioctl_kind_bits);
  --left;
  for (std::uint32_t kind : kinds) add(BPF_JMP | BPF_JEQ | BPF_K, kind, left--);
  add(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOTTY);
  return std::string(reinterpret_cast<const char*>(steps.data()),
                     steps.size() * sizeof(sock_filter));
}

class Filter {
 public:
  Filter() : context_(::seccomp_init(SCMP_ACT_ALLOW)) {
    if (!context_) failed_ = ENOMEM;
    keep(::seccomp_attr_set(context_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
    keep(::seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2));
  }

  template <class... Conditions>
  void deny(const char* name, int error, Conditions... conditions) {
    int number = ::seccomp_syscall_resolve_name(name);
    if (number != __NR_SCMP_ERROR) deny_number(number, error, conditions...);
  }
  template <class... Conditions>
  void deny_number(int number, int error, Conditions... conditions) {
    add(number, SCMP_ACT_ERRNO(static_cast<std::uint32_t>(error)), conditions...);
  }
  // The call waits for whoever holds the filter's listener.
  template <class... Conditions>
  void stop(const char* name, Conditions... conditions) {
    int number = ::seccomp_syscall_resolve_name(name);
    if (number != __NR_SCMP_ERROR) add(number, SCMP_ACT_NOTIFY, conditions...);
  }

  Result<std::string> text() const {
    Descriptor file(::memfd_create("filter", MFD_CLOEXEC));
    int failed = failed_;
    if (failed == 0 && !file) failed = errno;
    if (failed == 0) failed = -::seccomp_export_bpf(context_.get(), file.number());
    struct stat about{};
    if (failed == 0 && ::fstat(file.number(), &about) != 0) failed = errno;
    std::string text(static_cast<std::size_t>(about.st_size), '\0');
    if (failed == 0 && ::pread(file.number(), text.data(), text.size(), 0) != about.st_size) {
      failed = EIO;
    }
    if (failed == 0) return text;
    return Refusal(Reason::unsupported, "libseccomp cannot express the filter of system calls (" +
                                            std::string(std::strerror(failed)) + ")");
  }

 private:
  struct Release {
    void operator()(void* context) const { ::seccomp_release(context); }
  };
  template <class... Conditions>
  void add(int number, std::uint32_t action, Conditions... conditions) {
    if constexpr (sizeof...(conditions) == 0) {
      keep(::seccomp_rule_add_array(context_.get(), action, number, 0, nullptr));
    } else {
      const scmp_arg_cmp list[] = {conditions...};
      keep(::seccomp_rule_add_array(context_.get(), action, number, sizeof...(conditions), list));
    }
  }
  void keep(int result) {
    if (result != 0 && failed_ == 0) failed_ = -result;
  }

  std::unique_ptr<std::remove_pointer_t<scmp_filter_ctx>, Release> context_;
  int failed_ = 0;
};

scmp_arg_cmp is(unsigned argument, std::uint64_t value) {
  return scmp_arg_cmp{argument, SCMP_CMP_MASKED_EQ, low_half, value};
}
scmp_arg_cmp has(unsigned argument, std::uint64_t bits) {
  return scmp_arg_cmp{argument, SCMP_CMP_MASKED_EQ, bits, bits};
}

scmp_arg_cmp is_type(unsigned argument, int type) {
  constexpr std::uint64_t type_bits = 0xf;
  return scmp_arg_cmp{argument, SCMP_CMP_MASKED_EQ, type_bits, static_cast<std::uint64_t>(type)};
}

// One end of a pair of datagram sockets (which "raw" is too) sends to any path that it is told, and
// descriptors with it, as if it had been made with socket(2). A stream's cannot.
void deny_socket_pairs(Filter& filter) {
  for (std::uint64_t bit = 1; bit <= low_half; bit <<= 1) {
    if (bit != AF_UNIX) filter.deny("socketpair", EAFNOSUPPORT, has(0, bit));
  }
  filter.deny("socketpair", EPERM, is_type(1, SOCK_DGRAM));
  filter.deny("socketpair", EPERM, is_type(1, SOCK_RAW));
}

enum class For { server, runsc, machine };

void deny_sockets(Filter& filter, For program) {
  constexpr int most_families = 64;  // AF_MAX is below; a larger number has one of the high bits
  for (int family = 0; family < most_families; ++family) {
    if (family == AF_INET || family == AF_INET6 || family == AF_NETLINK) continue;
    if (family == AF_UNIX && program == For::runsc) continue;
    filter.deny("socket", EAFNOSUPPORT, is(0, static_cast<std::uint64_t>(family)));
  }
  for (std::uint64_t bit = most_families; bit <= low_half; bit <<= 1) {
    filter.deny("socket", EAFNOSUPPORT, has(0, bit));
  }
  if (program == For::runsc) {
    for (int type : {SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET}) {
      filter.deny("socket", EAFNOSUPPORT, is(0, AF_UNIX), is_type(1, type));
    }
  }
  // A netlink socket is raw when getifaddrs(3) makes it, and means the same as any other.
  for (int type : {SOCK_RAW, SOCK_RDM, SOCK_SEQPACKET, SOCK_DCCP, SOCK_PACKET}) {
    filter.deny("socket", EPERM, is(0, AF_INET), is_type(1, type));
    filter.deny("socket", EPERM, is(0, AF_INET6), is_type(1, type));
  }
  constexpr std::uint64_t protocols[] = {33 /* DCCP */, 132 /* SCTP */, 136 /* UDP-Lite */,
                                         256 /* SMC */, 262 /* MPTCP */};
  for (std::uint64_t protocol : protocols) {
    filter.deny("socket", EPROTONOSUPPORT, is(0, AF_INET), is(2, protocol));
    filter.deny("socket", EPROTONOSUPPORT, is(0, AF_INET6), is(2, protocol));
  }
  // Of netlink the routing family alone, which lists the interfaces.
  for (std::uint64_t bit = 1; bit <= low_half; bit <<= 1) {
    filter.deny("socket", EPROTONOSUPPORT, is(0, AF_NETLINK), has(2, bit));
  }
  // TCP Fast Open connects past what Landlock judges.
  filter.deny("sendto", EOPNOTSUPP, has(3, MSG_FASTOPEN));
  filter.deny("sendmsg", EOPNOTSUPP, has(2, MSG_FASTOPEN));
  filter.deny("sendmmsg", EOPNOTSUPP, has(3, MSG_FASTOPEN));
  constexpr std::uint64_t tcp = 6;
  constexpr std::uint64_t fast_open = 23;
  constexpr std::uint64_t fast_open_connect = 30;
  filter.deny("setsockopt", EPERM, is(1, tcp), is(2, fast_open));
  filter.deny("setsockopt", EPERM, is(1, tcp), is(2, fast_open_connect));
}

// They would stay when the files leave the sandbox, in a scope that is the host's.
void deny_set_user_id(Filter& filter) {
  constexpr std::uint64_t tmpfile_bit = 020000000;  // __O_TMPFILE
  for (std::uint64_t bit : {std::uint64_t{S_ISUID}, std::uint64_t{S_ISGID}}) {
    filter.deny("chmod", EPERM, has(1, bit));
    filter.deny("fchmod", EPERM, has(1, bit));
    filter.deny("fchmodat", EPERM, has(2, bit));
    filter.deny_number(452 /* fchmodat2 */, EPERM, has(2, bit));
    filter.deny("creat", EPERM, has(1, bit));
    for (std::uint64_t creating : {std::uint64_t{O_CREAT}, tmpfile_bit}) {
      filter.deny("open", EPERM, has(1, creating), has(2, bit));
      filter.deny("openat", EPERM, has(2, creating), has(3, bit));
    }
  }
}

bool is_runsc_allowed(std::string_view name) { return name == "ptrace" || name == "chroot"; }

Result<std::string> filter_for(For program) {
  Filter filter;
  for (const char* name : not_permitted) {
    if (program != For::runsc || !is_runsc_allowed(name)) filter.deny(name, EPERM);
  }
  constexpr int says_yes = 0;
  if (program == For::runsc) filter.deny("chroot", says_yes);
  for (int number : not_permitted_numbers) filter.deny_number(number, EPERM);
  for (const char* name : not_there) filter.deny(name, ENOSYS);
  for (std::uint64_t flag : namespaces) filter.deny("clone", EPERM, has(0, flag));
  for (std::uint64_t request : denied_ioctls) filter.deny("ioctl", EPERM, is(1, request));
  // A whiteout is a device node, which Landlock lets a rename make.
  constexpr std::uint64_t whiteout = 4;
  filter.deny("renameat2", EPERM, has(4, whiteout));
  // Another process's limits: the supervisor's are nobody's to lower.
  filter.deny("prlimit64", EPERM, scmp_arg_cmp{0, SCMP_CMP_NE, 0, 0});
  // A lease makes whoever opens the file on the host wait, for up to a minute.
  filter.deny("fcntl", EPERM, is(1, F_SETLEASE));
  constexpr std::uint64_t no_randomisation = 0x0040000;
  constexpr std::uint64_t read_implies_execute = 0x0400000;
  filter.deny("personality", EPERM, has(0, no_randomisation));
  filter.deny("personality", EPERM, has(0, read_implies_execute));
  deny_sockets(filter, program);
  deny_socket_pairs(filter);
  deny_set_user_id(filter);
  auto text = filter.text();
  if (!text) return text.refusal();
  std::vector<std::uint32_t> kinds(std::begin(ioctl_kinds), std::end(ioctl_kinds));
  if (program == For::machine) kinds.push_back(kvm_ioctls);
  return ioctl_prelude(kinds) + *text;
}

Result<std::string> known_filter(For program) {
  static std::mutex mutex;
  static std::map<For, std::string> known;
  const std::lock_guard lock(mutex);
  const auto found = known.find(program);
  if (found != known.end()) return found->second;
  auto made = filter_for(program);
  if (made) known[program] = *made;
  return made;
}

}  // namespace

Result<std::string> system_call_filter() { return known_filter(For::server); }
Result<std::string> runsc_call_filter() { return known_filter(For::runsc); }
Result<std::string> machine_call_filter() { return known_filter(For::machine); }

Result<std::string> supervised_calls_filter() {
  Filter filter;
  for (const char* name :
       {"creat", "mkdir", "mkdirat", "symlink", "symlinkat", "link", "linkat", "rename", "renameat",
        "renameat2", "unlink", "unlinkat", "rmdir", "truncate"}) {
    filter.stop(name);
  }
  // What a process takes from itself by Landlock, the supervisor would still do for it: a program
  // that confines its children so must not believe that it did.
  for (int number : {444 /* landlock_create_ruleset */, 445, 446 /* landlock_restrict_self */}) {
    filter.deny_number(number, ENOSYS);
  }
  for (int flag : {O_WRONLY, O_RDWR, O_CREAT, O_TRUNC}) {
    filter.stop("open", has(1, static_cast<std::uint64_t>(flag)));
    filter.stop("openat", has(2, static_cast<std::uint64_t>(flag)));
  }
  return filter.text();
}

Result<CallFilters> call_filters(const SandboxPlan& plan) {
  if (const auto lacking = lacking_seccomp()) return Refusal(Reason::uncontained, *lacking);
  CallFilters filters;
  auto calls = plan.tier == SandboxTier::gvisor ? runsc_call_filter()
               : plan.tier == SandboxTier::vm   ? machine_call_filter()
                                                : system_call_filter();
  if (!calls) return calls.refusal();
  filters.calls = std::move(*calls);
  if (plan.tier != SandboxTier::process) {
    auto guest = system_call_filter();
    if (!guest) return guest.refusal();
    filters.guest = std::move(*guest);
  }
  if (!plan.writes()) return filters;
  auto stops = supervised_calls_filter();
  if (!stops) return stops.refusal();
  filters.stops = std::move(*stops);
  return filters;
}

}  // namespace toolgate
