#include "connectors/sandbox/process_tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "connectors/sandbox/cgroup_files.hpp"
#include "connectors/sandbox/host.hpp"
#include "connectors/sandbox/machine.hpp"
#include "connectors/sandbox/runsc.hpp"

namespace toolgate {
namespace {

using Controller = CgroupFolder::Controller;

constexpr auto until_empty = std::chrono::seconds(1);
constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

// A server's name, or what a program of the tests was called.
std::string plain(std::string_view name) {
  constexpr std::size_t longest = 64;
  std::string text(name.substr(0, longest));
  std::ranges::replace_if(
      text,
      [](char c) {
        return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 c == '_' || c == '-' || c == '.');
      },
      '_');
  return text;
}

void sweep(const std::string& folder) {
  DIR* all = ::opendir(folder.c_str());
  if (all == nullptr) return;
  while (const dirent* entry = ::readdir(all)) {
    if (is_left_behind(entry->d_name)) ::rmdir((folder + "/" + entry->d_name).c_str());
  }
  ::closedir(all);
}

// A process of one thread enters alike by both. Where threads can be moved one by one, the kernel
// does not hold up every fork of the machine for it, which takes it ten milliseconds and more.
const char* door_of(Controller controller) {
  return controller == Controller::unified ? "/cgroup.procs" : "/tasks";
}

bool exists(const std::string& file) { return ::access(file.c_str(), F_OK) == 0; }

// The kernel without the feature needs no limit on it.
bool write_if_there(const std::string& file, std::string_view text) {
  return !exists(file) || write_small_file(file, text);
}

}  // namespace

TreeLimits tree_limits(const SandboxPlan& plan) {
  // bubblewrap, the launcher and the supervisor.
  constexpr std::uint64_t own_mb = 64;
  constexpr std::uint64_t own_processes = 8;
  std::uint64_t room_mb = 0;
  std::uint64_t processes = plan.limits.processes;
  if (plan.tier == SandboxTier::gvisor) {
    room_mb = 448;  // the kernel of runsc(8)
    processes = runsc_threads(plan.limits);
  } else if (plan.tier == SandboxTier::vm) {
    room_mb = 448;  // 370 measured: QEMU, and what it translates where there is no KVM
    processes = machine_threads;
  }
  return TreeLimits{(plan.limits.memory_mb + room_mb + own_mb) * mebibyte,
                    processes + own_processes};
}

Result<std::unique_ptr<ProcessTree>> ProcessTree::make(std::string_view server,
                                                       const TreeLimits& limits, int gateway) {
  auto place = place_for_cgroups(gateway);
  if (!place) return place.refusal();
  return make_in(*place, server, limits);
}

Result<std::unique_ptr<ProcessTree>> ProcessTree::make_in(const std::vector<CgroupFolder>& place,
                                                          std::string_view server,
                                                          const TreeLimits& limits) {
  std::unique_ptr<ProcessTree> tree(new ProcessTree());
  const std::string name = "toolgate." + process_token(::getpid()) + "." + plain(server);
  for (const CgroupFolder& folder : place) {
    sweep(folder.path);
    Status added = tree->add(folder, name, limits);
    if (!added) return added.refusal();
  }
  return tree;
}

Status ProcessTree::add(const CgroupFolder& folder, const std::string& name,
                        const TreeLimits& limits) {
  const CgroupFolder own{folder.controller, folder.path + "/" + name};
  const bool made = ::mkdir(own.path.c_str(), 0755) == 0;
  if (made) folders_.push_back(own);
  Descriptor door;
  if (made && set_limits(own, limits)) {
    door = Descriptor(::open((own.path + door_of(own.controller)).c_str(), O_WRONLY | O_CLOEXEC));
  }
  if (!door) {
    const int error = errno;
    return Refusal(reason_of(error), "the cgroup " + own.path + " cannot be made or limited (" +
                                         std::strerror(error) +
                                         "): the gateway needs one that is delegated to it");
  }
  doors_.push_back(std::move(door));
  return done();
}

bool ProcessTree::set_limits(const CgroupFolder& folder, const TreeLimits& limits) {
  const std::string& path = folder.path;
  const std::string bytes = std::to_string(limits.memory_bytes);
  const std::string processes = std::to_string(limits.processes);
  switch (folder.controller) {
    case Controller::unified:
      return write_small_file(path + "/memory.max", bytes) &&
             write_if_there(path + "/memory.swap.max", "0") &&
             write_if_there(path + "/memory.oom.group", "1") &&
             write_small_file(path + "/pids.max", processes);
    case Controller::pids:
      return write_small_file(path + "/pids.max", processes);
    case Controller::memory:
      break;
  }
  if (!write_small_file(path + "/memory.limit_in_bytes", bytes) ||
      !write_if_there(path + "/memory.memsw.limit_in_bytes", bytes)) {
    return false;
  }
  // There the kernel ends one process alone, and says so where it is asked to.
  const Descriptor control(::open((path + "/memory.oom_control").c_str(), O_RDONLY | O_CLOEXEC));
  out_of_memory_ = Descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  return control && out_of_memory_ &&
         write_small_file(
             path + "/cgroup.event_control",
             std::to_string(out_of_memory_.number()) + " " + std::to_string(control.number()));
}

ProcessTree::~ProcessTree() {
  doors_.clear();
  out_of_memory_.close();
  const auto deadline = std::chrono::steady_clock::now() + until_empty;
  for (const CgroupFolder& folder : folders_) {
    while (::rmdir(folder.path.c_str()) != 0 && errno == EBUSY &&
           std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
}

bool ProcessTree::enter() const {
  return std::ranges::all_of(
      doors_, [](const Descriptor& door) { return ::write(door.number(), "0\n", 2) == 2; });
}

bool ProcessTree::holds(int process) const {
  return std::ranges::all_of(folders_, [&](const CgroupFolder& folder) {
    const std::vector<int> processes = processes_in(folder.path);
    return std::ranges::find(processes, process) != processes.end();
  });
}

bool ProcessTree::ran_out() const {
  return std::ranges::any_of(folders_, [](const CgroupFolder& folder) {
    const bool is_new = folder.controller == Controller::unified;
    const std::string text =
        read_small_file(folder.path + (is_new ? "/memory.events" : "/memory.oom_control"));
    return std::ranges::any_of(lines_of(text), [](std::string_view line) {
      return line.starts_with("oom_kill ") && line != "oom_kill 0";
    });
  });
}

}  // namespace toolgate
