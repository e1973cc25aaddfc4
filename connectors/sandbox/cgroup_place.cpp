#include "connectors/sandbox/cgroup_place.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <optional>
#include <thread>
#include <utility>

#include "connectors/sandbox/cgroup_files.hpp"
#include "connectors/sandbox/host.hpp"

namespace toolgate {
namespace {

using Controller = CgroupFolder::Controller;

constexpr std::string_view own_prefix = "toolgate.";
constexpr std::string_view leaf_suffix = ".gateway";
constexpr auto others_move_too = std::chrono::seconds(1);  // several keepers start at once

bool contains(const std::vector<std::string_view>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

Refusal not_now(const std::string& what, int error) {
  return Refusal(Reason::unavailable, what + " (" + std::strerror(error) + ")");
}

// The controllers that a file lists.
Result<bool> has_both(const std::string& file) {
  std::string text;
  const int error = read_small_file(file, text);
  if (error != 0 && !is_lacking(error)) return not_now(file + " cannot be read", error);
  const auto lines = lines_of(text);
  const auto words = words_of(lines.empty() ? "" : lines.front());
  return contains(words, "memory") && contains(words, "pids");
}

bool is_ours(const std::string& folder) {
  return ::access(folder.c_str(), W_OK) == 0 &&
         ::access((folder + "/cgroup.procs").c_str(), W_OK) == 0;
}

Result<bool> hands_down(const std::string& folder) {
  return has_both(folder + "/cgroup.subtree_control");
}

std::string above(const std::string& folder) { return folder.substr(0, folder.rfind('/')); }

std::string_view name_of(std::string_view folder) { return folder.substr(folder.rfind('/') + 1); }

// The fields of /proc/PID/stat behind the name, which may hold anything: state, parent, ...
std::vector<std::string> fields_of(int process) {
  const std::string stat = read_small_file("/proc/" + std::to_string(process) + "/stat");
  const std::size_t end = stat.rfind(')');
  std::vector<std::string> fields;
  if (end == std::string::npos) return fields;
  for (const std::string_view word : words_of(std::string_view(stat).substr(end + 1))) {
    fields.emplace_back(word);
  }
  return fields;
}

enum class Descends { yes, no, gone };  // gone: it or one above has ended meanwhile

Descends descends_from(int process, int ancestor) {
  constexpr int most_generations = 1'000;
  for (int i = 0; i < most_generations && process > 1; ++i) {
    if (process == ancestor) return Descends::yes;
    const auto fields = fields_of(process);
    if (fields.size() < 2) return Descends::gone;
    process = std::atoi(fields[1].c_str());
  }
  return Descends::no;
}

std::string pid_namespace() {
  struct stat about{};
  return ::stat("/proc/self/ns/pid", &about) == 0 ? std::to_string(about.st_ino) : "";
}

// Of a mount: what of the hierarchy it shows, and where.
struct Shown {
  std::string root;
  std::string point;
};

std::optional<std::string> seen_at(const Shown& mount, std::string_view cgroup) {
  if (cgroup.starts_with("/..")) return std::nullopt;  // outside of the cgroup namespace
  if (mount.root != "/") {
    if (!cgroup.starts_with(mount.root)) return std::nullopt;
    cgroup.remove_prefix(mount.root.size());
    if (!cgroup.empty() && cgroup.front() != '/') return std::nullopt;
  }
  while (cgroup.ends_with('/')) cgroup.remove_suffix(1);
  return mount.point + std::string(cgroup);
}

std::optional<Shown> mount_of(std::string_view mountinfo, Controller controller) {
  for (const std::string_view line : lines_of(mountinfo)) {
    const std::size_t parting = line.find(" - ");
    if (parting == std::string_view::npos) continue;
    const auto front = words_of(line.substr(0, parting));
    const auto back = words_of(line.substr(parting + 3));
    if (front.size() < 5 || back.size() < 3) continue;
    const auto options = words_of(back.back(), ',');
    const bool fits = controller == Controller::unified ? back[0] == "cgroup2"
                      : back[0] != "cgroup"
                          ? false
                          : contains(options, controller == Controller::memory ? "memory" : "pids");
    if (fits) return Shown{std::string(front[3]), std::string(front[4])};
  }
  return std::nullopt;
}

// "4:memory:/a" of the old hierarchies, "0::/a" of the unified one.
std::optional<std::string> cgroup_of(std::string_view cgroups, Controller controller) {
  for (const std::string_view line : lines_of(cgroups)) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) continue;
    const std::string_view names = line.substr(first + 1, second - first - 1);
    const bool fits =
        controller == Controller::unified
            ? names.empty()
            : contains(words_of(names, ','), controller == Controller::memory ? "memory" : "pids");
    if (fits) return std::string(line.substr(second + 1));
  }
  return std::nullopt;
}

enum class Emptied { yes, others, not_yet };  // others: somebody who is not the gateway's

// Everybody in it who descends from the gateway moves into the leaf. errno: why not yet.
Emptied empty_out(const std::string& folder, int gateway) {
  std::vector<int> own;
  bool is_changing = false;
  for (const int process : processes_in(folder)) {
    const Descends descends = descends_from(process, gateway);
    if (descends == Descends::no) return Emptied::others;
    if (descends == Descends::gone) is_changing = true;
    if (descends == Descends::yes) own.push_back(process);
  }
  const std::string leaf =
      folder + "/" + std::string(own_prefix) + process_token(gateway) + std::string(leaf_suffix);
  if (::mkdir(leaf.c_str(), 0755) != 0 && errno != EEXIST) return Emptied::not_yet;
  for (const int process : own) {
    const bool moved = write_small_file(leaf + "/cgroup.procs", std::to_string(process));
    if (!moved && errno != ESRCH) return Emptied::not_yet;
  }
  errno = EBUSY;
  return is_changing ? Emptied::not_yet : Emptied::yes;
}

// False where it cannot be, by whose it is or who lives in it.
Result<bool> make_hand_down(const std::string& folder, int gateway) {
  const auto deadline = std::chrono::steady_clock::now() + others_move_too;
  for (;;) {
    auto done_already = hands_down(folder);
    if (!done_already || *done_already) return done_already;
    const bool is_root = ::access((folder + "/cgroup.type").c_str(), F_OK) != 0;
    const Emptied emptied = is_root ? Emptied::yes : empty_out(folder, gateway);
    if (emptied == Emptied::others) return false;
    if (emptied == Emptied::yes &&
        write_small_file(folder + "/cgroup.subtree_control", "+memory +pids")) {
      return true;
    }
    const int error = errno;
    if (is_lacking(error)) return false;
    if (error != EBUSY || std::chrono::steady_clock::now() > deadline) {
      return not_now("the cgroup " + folder + " could not be emptied", error);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

using Place = Result<std::optional<std::string>>;

Place place_above(std::string folder) {
  for (;;) {
    folder = above(folder);
    auto controls = has_both(folder + "/cgroup.controllers");
    if (!controls) return controls.refusal();
    if (!*controls) return std::optional<std::string>();
    auto hands = hands_down(folder);
    if (!hands) return hands.refusal();
    if (*hands && is_ours(folder)) return std::optional(folder);
  }
}

Place unified_place(std::string folder, int gateway) {
  const std::string_view name = name_of(folder);
  if (name.starts_with(own_prefix) && name.ends_with(leaf_suffix)) folder = above(folder);
  auto controls = has_both(folder + "/cgroup.controllers");
  if (!controls) return controls.refusal();
  if (*controls && is_ours(folder)) {
    auto made = make_hand_down(folder, gateway);
    if (!made) return made.refusal();
    if (*made) return std::optional(folder);
  }
  return place_above(folder);
}

}  // namespace

std::vector<CgroupFolder> own_cgroups(std::string_view mountinfo, std::string_view cgroups) {
  std::vector<CgroupFolder> own;
  for (const Controller controller : {Controller::unified, Controller::memory, Controller::pids}) {
    const auto mount = mount_of(mountinfo, controller);
    const auto cgroup = cgroup_of(cgroups, controller);
    const auto path = mount && cgroup ? seen_at(*mount, *cgroup) : std::nullopt;
    if (path) own.push_back(CgroupFolder{controller, *path});
  }
  return own;
}

Result<std::vector<CgroupFolder>> place_for_cgroups(const std::vector<CgroupFolder>& own,
                                                    int gateway) {
  std::vector<CgroupFolder> old;
  for (const CgroupFolder& folder : own) {
    if (folder.controller == Controller::unified) {
      const auto place = unified_place(folder.path, gateway);
      if (!place) return place.refusal();
      if (*place) return std::vector<CgroupFolder>{{Controller::unified, **place}};
    } else if (is_ours(folder.path)) {
      old.push_back(folder);
    }
  }
  if (old.size() == 2) return old;
  return Refusal(Reason::uncontained,
                 own.empty() ? "no cgroup file system is mounted: /sys/fs/cgroup is needed"
                             : "no cgroup with the controllers memory and pids is delegated to the "
                               "gateway: start it by `systemd-run --user --scope -p Delegate=yes "
                               "toolgate ...`, or with Delegate=yes in its service");
}

Result<std::vector<CgroupFolder>> place_for_cgroups(int gateway) {
  std::string mounts;
  std::string cgroups;
  for (const auto& [file, text] :
       {std::pair("/proc/self/mountinfo", &mounts), std::pair("/proc/self/cgroup", &cgroups)}) {
    const int error = read_small_file(file, *text);
    // A kernel without cgroups has no such file.
    if (error == 0 || error == ENOENT) continue;
    return Refusal(reason_of(error),
                   std::string(file) + " cannot be read (" + std::strerror(error) + ")");
  }
  return place_for_cgroups(own_cgroups(mounts, cgroups), gateway);
}

std::string process_token(int process) {
  constexpr std::size_t start_time = 19;  // of the fields behind the name
  const auto fields = fields_of(process);
  return std::to_string(process) + "-" + (fields.size() > start_time ? fields[start_time] : "") +
         "-" + pid_namespace();
}

bool is_left_behind(std::string_view cgroup_name) {
  if (!cgroup_name.starts_with(own_prefix)) return false;
  cgroup_name.remove_prefix(own_prefix.size());
  const std::string_view token = cgroup_name.substr(0, cgroup_name.find('.'));
  const auto parts = words_of(token, '-');
  int process = 0;
  if (parts.size() != 3 || parts[2] != pid_namespace()) return false;
  std::from_chars(parts[0].data(), parts[0].data() + parts[0].size(), process);
  return process > 0 && process_token(process) != token;
}

}  // namespace toolgate
