#include "connectors/sandbox/orders.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>
#include <string_view>
#include <system_error>

#include "connectors/ended_fields.hpp"
#include "connectors/launcher/orders.hpp"
#include "connectors/launcher/programs.hpp"
#include "connectors/launcher/runsc_orders.hpp"
#include "connectors/sandbox/machine.hpp"
#include "connectors/sandbox/runsc.hpp"

namespace toolgate {
namespace {

// Beside /usr: what libraries and interpreters look for. None of it is secret.
constexpr auto etc_folders = std::to_array<const char*>(
    {"/etc/alternatives", "/etc/ld.so.conf.d", "/etc/ssl/certs", "/etc/ca-certificates",
     "/etc/fonts", "/etc/java-17-openjdk", "/etc/python3", "/etc/chromium.d"});
constexpr auto etc_files = std::to_array<const char*>(
    {"/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ssl/openssl.cnf", "/etc/localtime",
     "/etc/mime.types", "/etc/magic", "/etc/protocols", "/etc/services"});
constexpr std::size_t most_etc_bytes = 1'000'000;

constexpr auto merged_folders =
    std::to_array<const char*>({"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"});

constexpr auto devices = std::to_array<const char*>(
    {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"});

// The server's own, gone with the sandbox.
constexpr auto private_folders = std::to_array<const char*>({"/tmp", "/dev/shm", sandbox_home});

// Of /proc, what no namespace divides: the names of the user's keys, with all their users.
constexpr auto told_of_the_host = std::to_array<const char*>({"/proc/keys", "/proc/key-users"});

bool exists(const char* path) {
  struct stat about{};
  return ::lstat(path, &about) == 0;
}

bool is_link(const char* path) {
  struct stat about{};
  return ::lstat(path, &about) == 0 && S_ISLNK(about.st_mode);
}

// A quarter of the memory, since both are memory.
std::string memory_file_system_bytes(const SandboxLimits& limits) {
  return std::to_string(std::max<std::size_t>(limits.memory_mb / 4, 1) << 20);
}

// At the beginning of where things are mounted: nothing, or the root of what a machine sees.
using Root = const std::string&;

void add_system(EndedFields& arguments, Root root) {
  for (const char* folder : {"/etc", "/etc/ssl"}) {
    arguments.add("--perms", "0755", "--dir", root + folder);
  }
  arguments.add("--ro-bind", "/usr", root + "/usr");
  for (const char* folder : merged_folders) {
    if (is_link(folder)) {
      char target[256];
      const ssize_t length = ::readlink(folder, target, sizeof target);
      if (length > 0) {
        arguments.add("--symlink", std::string(target, static_cast<std::size_t>(length)),
                      root + folder);
      }
    } else if (exists(folder)) {
      arguments.add("--ro-bind", folder, root + folder);
    }
  }
  for (const char* name : etc_folders) {
    if (exists(name)) arguments.add("--ro-bind", name, root + name);
  }
}

// A file of the root itself, which becomes read-only when all is in it. (A mount for each would
// take most of the time that a sandbox needs.)
void add_file(EndedFields& arguments, int content, const char* mode, const std::string& path) {
  arguments.add("--perms", mode, "--file", content, path);
}

// Of the host as it is now; what is too large, or cannot be read, is left out.
std::string small_file(const char* path) {
  const Descriptor file(::open(path, O_RDONLY | O_CLOEXEC));
  struct stat about{};
  if (!file || ::fstat(file.number(), &about) != 0 || !S_ISREG(about.st_mode) ||
      static_cast<std::size_t>(about.st_size) > most_etc_bytes) {
    return "";
  }
  std::string text(static_cast<std::size_t>(about.st_size), '\0');
  const ssize_t count = ::pread(file.number(), text.data(), text.size(), 0);
  text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  return text;
}

void add_small_files(EndedFields& arguments, SandboxFiles& files, Root root) {
  for (const char* name : etc_files) {
    const std::string text = small_file(name);
    if (!text.empty()) add_file(arguments, files.add(text), "0444", root + name);
  }
  const std::string user = std::to_string(::getuid());
  const std::string group = std::to_string(::getgid());
  auto file = [&](std::string_view bytes, const char* path) {
    add_file(arguments, files.add(bytes), "0444", root + path);
  };
  file("toolgate:x:" + user + ":" + group + "::" + sandbox_home + ":/bin/sh\n", "/etc/passwd");
  file("toolgate:x:" + group + ":\n", "/etc/group");
  file("127.0.0.1 localhost\n::1 localhost\n", "/etc/hosts");
  file("passwd: files\ngroup: files\nhosts: files dns\n", "/etc/nsswitch.conf");
  file("", "/etc/resolv.conf");
  file("sandbox\n", "/etc/hostname");
}

void add_programs(EndedFields& arguments, const SandboxedProgram& program, SandboxFiles& files,
                  Root root) {
  auto own = [&](std::span<const char> bytes, const std::string& path) {
    add_file(arguments, files.add(std::string_view(bytes.data(), bytes.size())), "0555", path);
  };
  own(launcher_program(), launcher_path);
  if (program.argv.front() == canary_path) own(canary_program(), root + canary_path);
  if (!root.empty()) own(attendant_program(), attendant_path);
}

void add_home_files(EndedFields& arguments, const SandboxPlan& plan, SandboxFiles& files) {
  for (const auto& [path, content] : plan.home_files) {
    arguments.add("--perms", "0600", "--file", files.add(content),
                  std::string(sandbox_home) + "/" + path);
  }
}

// The root of what a machine sees: the places that it mounts something of its own on.
void add_guest_places(EndedFields& arguments, Root root) {
  for (const char* folder : {"/proc", "/dev", "/dev/shm", "/tmp", sandbox_home, "/run/toolgate"}) {
    arguments.add("--dir", root + folder);
  }
}

void add_machine(EndedFields& arguments, const Machine& machine, SandboxFiles& files) {
  arguments.add("--ro-bind", machine.kernel, machine_kernel_path, "--perms", "0444",
                "--ro-bind-data", files.add(machine.initial_files), initial_files_path);
  if (has_kvm()) arguments.add("--dev-bind", kvm_device, kvm_device);
}

// The folder directly in a private one that a path lies beneath; empty where there is none. What
// stands above a scope must not be moved, or the scope would have another path than the supervisor
// of names knows it by: so this is a mount of its own, and nothing in it changes.
std::string pinned_above(std::string_view path) {
  for (const std::string_view folder : private_folders) {
    if (!path.starts_with(folder) || path.substr(folder.size(), 1) != "/") continue;
    const std::size_t slash = path.find('/', folder.size() + 1);
    if (slash != std::string_view::npos) return std::string(path.substr(0, slash));
  }
  return "";
}

// What is read-only has that from its stage, and passes it on to nothing that lies within it. What
// a machine sees lies beneath nothing that it may write to.
void add_mounts(EndedFields& arguments, const Mounts& mounts, Root root) {
  std::set<std::string> pins;
  for (const Mount& mount : mounts.all()) {
    const std::string pin = root.empty() ? pinned_above(mount.path) : "";
    if (!pin.empty() && pins.insert(pin).second) {
      arguments.add("--perms", "0755", "--size", "65536", "--tmpfs", pin);
    }
    arguments.add("--bind-fd", mount.source.number(), root + mount.path);
  }
  for (const std::string& pin : pins) arguments.add("--remount-ro", pin);
}

std::string root_of(const SandboxPlan& plan) {
  return plan.tier == SandboxTier::vm ? guest_root : "";
}

// What a machine executes, it reads.
char class_of(const FileScope& scope, bool executes) {
  LandlockClass result = executes ? LandlockClass::execute : LandlockClass::read;
  if (scope.mode == FileMode::rw || scope.is_staged) {
    result = executes ? LandlockClass::write_execute : LandlockClass::write;
  } else if (scope.mode == FileMode::rw_no_delete) {
    result = executes ? LandlockClass::keep_execute : LandlockClass::keep;
  }
  return static_cast<char>(result);
}

using Rules = std::vector<std::pair<char, std::string>>;

Rules landlock_rules(const SandboxPlan& plan) {
  constexpr char read = static_cast<char>(LandlockClass::read);
  constexpr char execute = static_cast<char>(LandlockClass::execute);
  constexpr char write = static_cast<char>(LandlockClass::write);
  Rules rules;
  rules.emplace_back(execute, "/usr");
  for (const char* folder : merged_folders) {
    if (exists(folder) && !is_link(folder)) rules.emplace_back(execute, folder);
  }
  for (const char* folder : {"/etc", "/proc", "/dev"}) rules.emplace_back(read, folder);
  rules.emplace_back(execute, "/run/toolgate");
  for (const char* device : devices) {
    rules.emplace_back(static_cast<char>(LandlockClass::device), device);
  }
  if (plan.terminal) {
    constexpr char terminal = static_cast<char>(LandlockClass::terminal);
    for (const char* device : {"/dev/tty", "/dev/console"}) rules.emplace_back(terminal, device);
  }
  const std::string root = root_of(plan);
  if (!root.empty()) {
    rules.emplace_back(read, root);
    if (has_kvm()) rules.emplace_back(static_cast<char>(LandlockClass::terminal), kvm_device);
  } else {
    for (const char* folder : private_folders) rules.emplace_back(write, folder);
    for (const std::string& program : plan.programs) rules.emplace_back(execute, program);
  }
  for (const FileScope& scope : plan.files) {
    rules.emplace_back(class_of(scope, scope.exec && root.empty()), root + scope.path.string());
  }
  if (plan.tier == SandboxTier::gvisor) rules.emplace_back(write, runsc_word_folder);
  return rules;
}

std::vector<std::string> writable_scopes(const SandboxPlan& plan) {
  std::vector<std::string> scopes;
  for (const FileScope& scope : plan.files) {
    if (scope.is_writable()) scopes.push_back(root_of(plan) + scope.path.string());
  }
  return scopes;
}

// Of 0 the kernel takes no notice when a program of the host takes the cores (core(5), "piping");
// of 1 it does, and a file gets no core of one byte either.
constexpr std::size_t no_core = 1;

}  // namespace

ResourceLimits resource_limits(const SandboxLimits& limits) {
  ResourceLimits list = {
      {RLIMIT_CORE, no_core},
      {RLIMIT_DATA, limits.memory_mb << 20},
      {RLIMIT_NPROC, limits.processes},
      {RLIMIT_NOFILE, limits.open_files},
      {RLIMIT_FSIZE, limits.file_mb << 20},
      {RLIMIT_MSGQUEUE, 0},
      {RLIMIT_RTPRIO, 0},
      {RLIMIT_NICE, 0},
      {RLIMIT_MEMLOCK, std::size_t{1} << 20},
  };
  if (limits.cpu_s > 0) list.emplace_back(RLIMIT_CPU, limits.cpu_s);
  return list;
}

int SandboxFiles::add(std::string_view bytes) {
  Descriptor file(::memfd_create("toolgate", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) throw std::system_error(errno, std::system_category(), "memfd_create");
  while (!bytes.empty()) {
    const ssize_t count = ::write(file.number(), bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR) {
      throw std::system_error(errno, std::system_category(), "write to memfd");
    }
    if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  ::fcntl(file.number(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
  ::lseek(file.number(), 0, SEEK_SET);
  ::fcntl(file.number(), F_SETFD, 0);
  const int number = file.number();
  files_.push_back(std::move(file));
  return number;
}

std::string bubblewrap_arguments(const SandboxPlan& plan, const Mounts& mounts,
                                 const SandboxedProgram& program, const Machine* machine,
                                 SandboxFiles& files) {
  const std::string root = root_of(plan);
  const std::string bytes = memory_file_system_bytes(plan.limits);
  EndedFields arguments;
  arguments.add("--unshare-user", "--unshare-all", "--disable-userns", "--die-with-parent",
                "--new-session", "--cap-drop", "ALL", "--clearenv", "--hostname", "sandbox");
  add_system(arguments, "");
  arguments.add("--proc", "/proc");
  for (const char* file : told_of_the_host) {
    if (exists(file)) arguments.add("--perms", "0444", "--ro-bind-data", files.add(""), file);
  }
  arguments.add("--remount-ro", "/proc", "--dev", "/dev");
  for (const char* folder : private_folders) {
    arguments.add("--perms", "0700", "--size", bytes, "--tmpfs", folder);
  }
  add_small_files(arguments, files, "");
  if (machine != nullptr) {
    add_system(arguments, root);
    add_small_files(arguments, files, root);
    add_guest_places(arguments, root);
    add_machine(arguments, *machine, files);
  }
  add_home_files(arguments, plan, files);
  add_mounts(arguments, mounts, root);
  add_programs(arguments, program, files, root);
  arguments.add("--remount-ro", "/dev", "--remount-ro", "/", "--chdir",
                machine != nullptr ? "/" : program.cwd);
  return std::move(arguments).text();
}

std::string launcher_orders(const SandboxPlan& plan, const SandboxedProgram& program,
                            const LauncherRules& held) {
  EndedFields orders;
  orders.add(launcher_orders_version, plan.terminal ? "terminal" : "");
  orders.add(plan.tier == SandboxTier::process ? "" : "speaks", root_of(plan));
  orders.add(plan.doors.size());
  for (std::uint16_t port : plan.doors) orders.add(port);
  SandboxLimits own = plan.limits;
  own.processes += plan.writes() ? 1 : 0;  // the supervisor
  const ResourceLimits limits = plan.tier == SandboxTier::vm       ? machine_limits(plan)
                                : plan.tier == SandboxTier::gvisor ? runsc_limits(plan)
                                                                   : resource_limits(own);
  orders.add(limits.size());
  for (const auto& [resource, value] : limits) {
    orders.add(resource, value);
  }
  const Rules rules = landlock_rules(plan);
  orders.add(rules.size());
  for (const auto& [of_rule, path] : rules) orders.add(std::string(1, of_rule), path);
  orders.add(plan.doors.size());
  for (std::uint16_t port : plan.doors) orders.add(port);
  const std::vector<std::string> scopes = writable_scopes(plan);
  orders.add_list(scopes);
  orders.add(static_cast<std::size_t>(std::ranges::count_if(plan.files, &FileScope::is_staged)));
  for (const FileScope& scope : plan.files) {
    if (scope.is_staged) orders.add(root_of(plan) + scope.path.string());
  }
  orders.add(held.names.all().size());
  for (const ProtectedName& name : held.names.all()) orders.add(name.name);
  orders.add_list(program.argv);
  orders.add_list(program.env);
  constexpr std::size_t instruction_bytes = 8;
  orders.add(held.filter.size() / instruction_bytes);
  orders.add(held.stops.size() / instruction_bytes);
  return std::move(orders).text() + held.filter + held.stops;
}

}  // namespace toolgate
