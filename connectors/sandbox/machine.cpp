#include "connectors/sandbox/machine.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <x86intrin.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <thread>

#include "connectors/ended_fields.hpp"
#include "connectors/guest/orders.hpp"
#include "connectors/launcher/programs.hpp"
#include "connectors/sandbox/host.hpp"
#include "connectors/sandbox/initial_files.hpp"
#include "connectors/sandbox/machine_kernel.hpp"
#include "connectors/sandbox/paths.hpp"

namespace toolgate {
namespace {

// How long the machine may take to its server's start: an emulated processor on a busy host.
constexpr const char* start_s = "120";
// Of translated code, which is QEMU's largest need beside the machine's memory.
constexpr std::size_t translation_mb = 128;
// The rest of QEMU: 245 MB measured with nine threads at work on files. There may be 64 of them,
// with 8 MB of stack each, and 128 requests at once, with 1 MB each.
constexpr std::size_t overhead_mb = 1'024;
constexpr std::size_t machine_open_files = 4'096;

// What this host lacks. In one place, so that all of it is refused alike.
Refusal lacks(const std::string& what) { return Refusal(Reason::uncontained, what); }

Refusal cannot(const std::string& what) {
  return Refusal(Reason::bad_configuration, "\"isolation\": \"vm\" " + what);
}

Status check(const SandboxPlan& plan) {
  if (plan.limits.memory_mb < least_machine_mb) {
    return cannot("needs a \"memory_mb\" of " + std::to_string(least_machine_mb) +
                  " or more: the machine's kernel lives in it too");
  }
  if (plan.terminal || !plan.doors.empty() || !plan.home_files.empty()) {
    return cannot("is for servers: no terminal, address or home is handed into a machine");
  }
  return done();
}

Status find_qemu() {
  if (::access(machine_program, X_OK) == 0) return done();
  const Reason reason = reason_of(errno);
  return Refusal(reason, "there is no " + std::string(machine_program) +
                             " for a virtual machine (apt-get install qemu-system-x86)");
}

// A machine without KVM takes its time from the host's counter and cannot find out by itself how
// fast that is: it would measure it against an emulated clock, and hang when that is late.
std::string counter_khz() {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  const std::uint64_t first = __rdtsc();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const auto passed = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begin);
  const std::uint64_t last = __rdtsc();
  return std::to_string((last - first) * 1'000'000 / static_cast<std::uint64_t>(passed.count()));
}

std::string kernel_command_line() {
  const std::string line = "quiet loglevel=0 panic=-1 reboot=t random.trust_cpu=on";
  if (has_kvm()) return line;
  const std::string khz = counter_khz();
  const std::string loops = std::to_string(std::stoull(khz) * 1000 / 250);  // a tick of 1/250 s
  return line + " tsc=reliable no_timer_check tsc_early_khz=" + khz + " lpj=" + loops;
}

void add_port(std::vector<std::string>& argv, GuestPort port, const std::string& backend,
              const std::string& id) {
  argv.insert(argv.end(),
              {"-chardev", backend, "-device",
               "virtserialport,chardev=" + id + ",nr=" + std::to_string(static_cast<int>(port))});
}

std::vector<std::string> qemu_command(const SandboxPlan& plan) {
  std::vector<std::string> argv = {
      machine_program,
      "-M",
      "microvm,isa-serial=off,rtc=on",
      "-accel",
      has_kvm() ? "kvm" : "tcg,tb-size=" + std::to_string(translation_mb),
      "-cpu",
      "max",
      "-m",
      std::to_string(plan.limits.memory_mb),
      "-smp",
      "1",
      "-nodefaults",
      "-no-user-config",
      "-display",
      "none",
      "-no-reboot",
      "-sandbox",
      "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
      "-global",
      "virtio-mmio.force-legacy=false",
      "-kernel",
      machine_kernel_path,
      "-initrd",
      initial_files_path,
      "-append",
      kernel_command_line(),
      "-fsdev",
      std::string("local,id=guest,security_model=none,multidevs=remap,path=") + guest_root,
      "-device",
      std::string("virtio-9p-device,fsdev=guest,mount_tag=") + guest_tag,
      "-device",
      "virtio-serial-device,max_ports=8"};
  const std::string output = std::to_string(machine_output_number);
  const std::string errors = std::to_string(machine_errors_number);
  argv.insert(argv.end(), {"-add-fd", "set=1,fd=" + output, "-add-fd", "set=2,fd=" + errors});
  add_port(argv, GuestPort::input, "stdio,id=input,signal=off", "input");
  add_port(argv, GuestPort::output, "file,id=output,path=/dev/fdset/1,append=on", "output");
  add_port(argv, GuestPort::errors, "file,id=errors,path=/dev/fdset/2,append=on", "errors");
  add_port(argv, GuestPort::control,
           "socket,id=control,fd=" + std::to_string(machine_control_number), "control");
  return argv;
}

Result<std::string> initial_files(const MachineKernel& kernel, const std::string& orders) {
  InitialFiles files;
  for (const char* folder : {"dev", "root", "modules"}) files.add_folder(folder);
  files.add_device("dev/console", 5, 1);
  const std::span<const char> init = guest_init_program();
  files.add_program("init", std::string_view(init.data(), init.size()));
  int number = 0;
  for (const std::string& path : kernel.modules) {
    auto module = read_module(path);
    if (!module) return module.refusal();
    char name[32];
    std::snprintf(name, sizeof name, "modules/%02d", number++);
    files.add_file(name, *module);
  }
  files.add_file(std::string_view(guest_orders_file).substr(1), orders);
  return std::move(files).archive();
}

// With a mount of their own in the machine, outer ones first.
std::map<std::string, std::string> guest_mounts(const SandboxPlan& plan,
                                                const SandboxedProgram& server) {
  constexpr char executable = static_cast<char>(GuestMount::executable);
  constexpr char writable = static_cast<char>(GuestMount::writable);
  std::map<std::string, std::string> mounts;
  mounts["/usr"] = executable;
  for (const char* folder : {"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"}) {
    struct stat about{};
    if (::lstat(folder, &about) == 0 && S_ISDIR(about.st_mode)) mounts[folder] = executable;
  }
  if (server.argv.front() == canary_path) mounts[canary_path] = executable;
  for (const std::string& program : plan.programs) mounts[program] = executable;
  for (const FileScope& scope : plan.files) {
    std::string& letters = mounts[scope.path.string()];
    if (scope.exec && letters.empty()) letters += executable;
    if (scope.is_writable()) letters += writable;
  }
  return mounts;
}

}  // namespace

bool has_kvm() {
  if (::geteuid() != 0) return ::access(kvm_device, R_OK | W_OK) == 0;
  struct stat about{};
  constexpr mode_t everybody = S_IROTH | S_IWOTH;
  return ::stat(kvm_device, &about) == 0 && (about.st_mode & everybody) == everybody;
}

Status machine_is_possible() {
  Status qemu = find_qemu();
  if (!qemu) return qemu;
  auto kernel = find_machine_kernel();
  if (!kernel) return lacks(kernel.refusal().detail);
  return done();
}

Result<Machine> make_machine(const SandboxPlan& plan, const SandboxedProgram& server,
                             const std::string& filter) {
  Status fits = check(plan);
  if (!fits) return fits.refusal();
  Status qemu = find_qemu();
  if (!qemu) return qemu.refusal();
  auto kernel = find_machine_kernel();
  if (!kernel) return lacks(kernel.refusal().detail);
  auto files = initial_files(*kernel, guest_orders(plan, server, filter));
  if (!files && files.refusal().reason == Reason::unavailable) return files.refusal();
  if (!files) return lacks(files.refusal().detail);
  Machine machine;
  machine.kernel = kernel->image;
  machine.initial_files = std::move(*files);
  machine.program.argv = {attendant_path, start_s};
  for (std::string& word : qemu_command(plan)) machine.program.argv.push_back(std::move(word));
  machine.program.cwd = "/";
  return machine;
}

ResourceLimits machine_limits(const SandboxPlan& plan) {
  SandboxLimits limits = plan.limits;
  limits.memory_mb += overhead_mb + translation_mb;
  limits.processes = machine_threads;
  limits.open_files = std::max(limits.open_files, machine_open_files);
  limits.cpu_s = 0;
  return resource_limits(limits);
}

std::string guest_orders(const SandboxPlan& plan, const SandboxedProgram& server,
                         const std::string& filter) {
  EndedFields orders;
  orders.add(guest_orders_version);
  orders.add(::getuid());
  orders.add(::getgid());
  orders.add(std::max<std::size_t>(plan.limits.memory_mb / 4, 1) << 20);
  const auto mounts = guest_mounts(plan, server);
  orders.add(mounts.size());
  for (const auto& [path, letters] : mounts) {
    orders.add(letters);
    orders.add(path);
  }
  orders.add(server.cwd);
  const ResourceLimits limits = resource_limits(plan.limits);
  orders.add(limits.size());
  for (const auto& [resource, value] : limits) {
    orders.add(static_cast<std::size_t>(resource));
    orders.add(value);
  }
  orders.add_list(server.argv);
  orders.add_list(server.env);
  constexpr std::size_t instruction_bytes = 8;
  orders.add(filter.size() / instruction_bytes);
  orders.add(0);
  return std::move(orders).text() + filter;
}

}  // namespace toolgate
