#include "connectors/sandbox/runsc.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <fstream>
#include <string_view>

#include "connectors/ended_fields.hpp"
#include "connectors/launcher/programs.hpp"
#include "connectors/launcher/runsc_orders.hpp"

namespace toolgate {
namespace {

// For all of runsc's own: its kernel's tables, the files that it has open for the machine, a thread
// and a traced process for each thread inside.
constexpr std::size_t own_memory_mb = 1'024;
constexpr std::size_t own_files = 65'536;
constexpr std::size_t own_threads = 512;
// Of a process or thread inside: one of the kernel there, and one in each address space that it was
// seen to be traced from; nine were measured with a hundred processes.
constexpr std::size_t threads_for_one = 24;

Refusal lacks(const std::string& what) {
  return Refusal(Reason::uncontained, "the tier gvisor: " + what);
}

// At 2 and 3 nobody without privileges traces, not even their own children.
bool forbids_tracing() {
  std::ifstream file("/proc/sys/kernel/yama/ptrace_scope");
  int scope = 0;
  return file >> scope && scope >= 2;
}

std::string limit_text(const char* name, std::size_t most) {
  const std::string number = std::to_string(most);
  return std::string(R"({"type":")") + name + R"(","hard":)" + number + R"(,"soft":)" + number +
         "}";
}

// What the machine's kernel limits as Linux does; RLIMIT_DATA counts there what brk(2) takes.
std::string limits_text(const SandboxLimits& limits) {
  constexpr std::size_t first_process = 1;
  std::string text = limit_text("RLIMIT_CORE", 0);
  auto add_limit = [&text](const char* name, std::size_t most) {
    text += "," + limit_text(name, most);
  };
  add_limit("RLIMIT_DATA", limits.memory_mb << 20);
  add_limit("RLIMIT_NPROC", limits.processes + first_process);
  add_limit("RLIMIT_NOFILE", limits.open_files);
  add_limit("RLIMIT_FSIZE", limits.file_mb << 20);
  add_limit("RLIMIT_MSGQUEUE", 0);
  add_limit("RLIMIT_RTPRIO", 0);
  add_limit("RLIMIT_NICE", 0);
  add_limit("RLIMIT_MEMLOCK", std::size_t{1} << 20);
  return text;
}

// What the machine holds in its own memory, at most a quarter of what the server may have.
std::string memory_mount(const char* path, const SandboxLimits& limits) {
  const std::string room = std::to_string(std::max<std::size_t>(limits.memory_mb / 4, 1));
  return std::string(R"(,{"destination":")") + path +
         R"(","type":"tmpfs","source":"none","options":["noexec","mode=1777","size=)" + room +
         R"(m"]})";
}

// A part of the gofer's files with flags of its own, which are those that the host holds anyway:
// so the machine's kernel itself refuses what the host would, and knows what is no program.
struct ServedMount {
  std::string path;
  bool is_writable = false;
  bool is_executable = false;
};

bool is_at_or_beneath(const std::string& path, const std::string& folder) {
  return path == folder || path.starts_with(folder + "/");
}

// runsc gives an empty /tmp one of its own, without a bound. Where something lies beneath, it is
// bubblewrap's.
bool is_anything_in_tmp(const SandboxPlan& plan) {
  auto is_in_tmp = [](const std::string& path) { return path.starts_with("/tmp/"); };
  return std::ranges::any_of(plan.programs, is_in_tmp) ||
         std::ranges::any_of(
             plan.files, [&](const FileScope& scope) { return is_in_tmp(scope.path.native()); });
}

std::vector<ServedMount> served_mounts(const SandboxPlan& plan) {
  std::vector<ServedMount> mounts = {{sandbox_home, true, false}, {runsc_word_folder, true, false}};
  if (is_anything_in_tmp(plan)) mounts.push_back({"/tmp", true, false});
  for (const std::string& program : plan.programs) {
    const bool is_scope = std::ranges::any_of(
        plan.files, [&](const FileScope& scope) { return scope.path == program; });
    if (!is_scope) mounts.push_back({program, false, true});
  }
  for (const FileScope& scope : plan.files) {
    const std::string path = scope.path.string();
    const bool is_program = std::ranges::any_of(
        plan.programs, [&](const std::string& program) { return is_at_or_beneath(path, program); });
    mounts.push_back({path, scope.is_writable(), scope.exec || is_program});
  }
  return mounts;
}

std::string served_text(const ServedMount& mount) {
  const std::string path = boost::json::serialize(boost::json::string(mount.path));
  return R"(,{"type":"bind","destination":)" + path + R"(,"source":)" + path +
         R"(,"options":["bind",")" + (mount.is_writable ? "rw" : "ro") + '"' +
         (mount.is_executable ? "" : R"(,"noexec")") + "]}";
}

}  // namespace

std::string installed_runsc() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return "";
  Descriptor reading(ends[0]);
  Descriptor writing(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(writing.number(), STDOUT_FILENO);
    ::execl(runsc_program, "runsc", "--version", nullptr);
    ::_exit(127);
  }
  writing.close();
  std::string said;
  char part[256];
  for (ssize_t count = 0; (count = ::read(reading.number(), part, sizeof part)) > 0;) {
    said.append(part, static_cast<std::size_t>(count));
  }
  if (child > 0) ::waitpid(child, nullptr, 0);
  return said.substr(0, said.find('\n'));
}

Status check_runsc(const SandboxPlan& plan) {
  if (!plan.doors.empty() || plan.terminal) {
    return lacks("it has no terminal and no ports; use \"process\"");
  }
  if (served_mounts(plan).size() > runsc_most_mounts) {
    return lacks("it has room for 250 file scopes of one server: grant a directory around them");
  }
  if (::access(runsc_program, X_OK) != 0) {
    return lacks(std::string(runsc_program) +
                 " is missing: install it (apt-get install runsc), or choose another tier");
  }
  if (forbids_tracing()) {
    return lacks(
        "this host lets nobody trace a process, and runsc traces those of its machine: sysctl -w "
        "kernel.yama.ptrace_scope=1, or choose another tier");
  }
  return done();
}

std::string runsc_bundle_text(const SandboxPlan& plan, unsigned user, unsigned group) {
  std::string mounts = memory_mount("/dev/shm", plan.limits);
  if (!is_anything_in_tmp(plan)) mounts += memory_mount("/tmp", plan.limits);
  for (const ServedMount& mount : served_mounts(plan)) mounts += served_text(mount);
  return R"({"ociVersion":"1.0.2","hostname":"sandbox","root":{"path":"/","readonly":true},)"
         R"("process":{"terminal":false,"noNewPrivileges":true,"cwd":"/","env":[],"args":[")" +
         std::string(runsc_first_path) + R"("],"user":{"uid":)" + std::to_string(user) +
         R"(,"gid":)" + std::to_string(group) +
         R"(},"capabilities":{"bounding":[],"effective":[],"inheritable":[],"permitted":[],)"
         R"("ambient":[]},"rlimits":[)" +
         limits_text(plan.limits) +
         R"(]},"mounts":[{"destination":"/proc","type":"proc","source":"proc"},)"
         R"({"destination":"/dev","type":"tmpfs","source":"dev"})" +
         mounts +
         R"(],"linux":{"namespaces":[{"type":"pid"},{"type":"mount"},{"type":"network"},)"
         R"({"type":"ipc"},{"type":"uts"}]}})";
}

std::string runsc_first_orders(const SandboxPlan& plan, const SandboxedProgram& server,
                               const std::string& filter) {
  constexpr std::size_t instruction_bytes = 8;
  EndedFields orders;
  orders.add(runsc_orders_version, server.cwd, plan.limits.cpu_s);
  orders.add_list(server.argv);
  orders.add_list(server.env);
  orders.add(filter.size() / instruction_bytes, 0);
  return std::move(orders).text() + filter;
}

RunscGuest runsc_guest(const SandboxPlan& plan, const SandboxedProgram& server,
                       const std::string& filter, SandboxFiles& files) {
  RunscGuest guest;
  guest.driver.argv = {runsc_driver_path, std::to_string(plan.limits.file_mb),
                       std::to_string(plan.limits.memory_mb),
                       std::to_string(served_mounts(plan).size())};
  guest.driver.cwd = "/";
  EndedFields arguments;
  auto own = [&](const char* permissions, std::string_view bytes, const char* path) {
    arguments.add("--perms", permissions, "--ro-bind-data", files.add(bytes), path);
  };
  auto program = [&](std::span<const char> bytes, const char* path) {
    own("0555", std::string_view(bytes.data(), bytes.size()), path);
  };
  program(runsc_driver_program(), runsc_driver_path);
  program(runsc_first_program(), runsc_first_path);
  if (server.argv.front() == canary_path) program(canary_program(), canary_path);
  own("0444", runsc_bundle_text(plan, ::getuid(), ::getgid()), runsc_bundle_file);
  own("0400", runsc_first_orders(plan, server, filter), runsc_orders_path);
  arguments.add("--perms", "0700", "--size", "65536", "--tmpfs", runsc_word_folder);
  guest.arguments = std::move(arguments).text();
  return guest;
}

std::size_t runsc_threads(const SandboxLimits& limits) {
  return threads_for_one * limits.processes + own_threads;
}

std::vector<std::pair<int, std::size_t>> runsc_limits(const SandboxPlan& plan) {
  const SandboxLimits& limits = plan.limits;
  // RLIMIT_FSIZE is the driver's to set: it bounds files in one process and memory in the other.
  return {
      {RLIMIT_CORE, 1},  // as in the tier `process`
      {RLIMIT_DATA, (limits.memory_mb + own_memory_mb) << 20},
      {RLIMIT_NPROC, runsc_threads(limits)},
      {RLIMIT_NOFILE, std::max(own_files, 2 * limits.open_files)},
      {RLIMIT_MSGQUEUE, 0},
      {RLIMIT_RTPRIO, 0},
      {RLIMIT_NICE, 0},
      {RLIMIT_MEMLOCK, std::size_t{1} << 20},
  };
}

}  // namespace toolgate
