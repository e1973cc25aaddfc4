// Where cgroups can be made, told from the texts of the kernel; and the making, in a copy of a
// delegated cgroup. That the kernel holds the limits is tested where there are cgroups
// (tests/e2e/escape/trees.js).

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>

#include "connectors/sandbox/cgroup_files.hpp"
#include "connectors/sandbox/cgroup_place.hpp"
#include "connectors/sandbox/host.hpp"
#include "connectors/sandbox/process_tree.hpp"

namespace toolgate {
namespace {

namespace fs = std::filesystem;
using Controller = CgroupFolder::Controller;

struct Row {
  const char* name;
  const char* mountinfo;
  const char* cgroups;
  std::vector<CgroupFolder> own;
};

const std::vector<Row> table = {
    {"the unified hierarchy",
     "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n",
     "0::/user.slice/a.scope\n",
     {{Controller::unified, "/sys/fs/cgroup/user.slice/a.scope"}}},
    {"a part of it, as in a container",
     "30 24 0:26 /docker/1 /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
     "0::/docker/1/inner\n",
     {{Controller::unified, "/sys/fs/cgroup/inner"}}},
    {"another part of it",
     "30 24 0:26 /docker/1 /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
     "0::/docker/12\n",
     {}},
    {"outside of the cgroup namespace",
     "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n",
     "0::/../a\n",
     {}},
    {"its root",
     "30 24 0:26 / /c rw - cgroup2 cgroup rw\n",
     "0::/\n",
     {{Controller::unified, "/c"}}},
    {"the old hierarchies, beside the unified one",
     "35 31 0:32 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n"
     "36 31 0:33 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
     "37 31 0:34 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
     "38 31 0:35 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
     "8:pids:/\n4:cpuset,memory:/a/b\n1:name=systemd:/memory\n0::/u\n",
     {{Controller::unified, "/sys/fs/cgroup/unified/u"},
      {Controller::memory, "/sys/fs/cgroup/memory/a/b"},
      {Controller::pids, "/sys/fs/cgroup/pids"}}},
    {"nothing that can be read", "x\n - \n1 2 3 - cgroup2\n", "0:\n\n:::\n", {}},
};

TEST_CASE("cgroups: the own ones are told from the kernel's texts") {
  for (const Row& row : table) {
    CAPTURE(row.name);
    CHECK(own_cgroups(row.mountinfo, row.cgroups) == row.own);
  }
}

// What a delegated cgroup looks like; the files are plain ones, so nothing of it limits anybody.
struct Copy {
  Copy() {
    char path[] = "/tmp/toolgate-cgroup-XXXXXX";
    folder = ::mkdtemp(path);
    make(folder);
  }
  ~Copy() { fs::remove_all(folder); }
  void make(const fs::path& of) {
    fs::create_directories(of);
    write(of / "cgroup.controllers", "cpu memory pids\n");
    write(of / "cgroup.subtree_control", "\n");
    write(of / "cgroup.procs", "");
    write(of / "cgroup.type", "domain\n");
  }
  static void write(const fs::path& file, const std::string& text) { std::ofstream(file) << text; }
  Result<std::vector<CgroupFolder>> place(const fs::path& of) {
    return place_for_cgroups({{Controller::unified, of.string()}}, ::getpid());
  }
  fs::path folder;
};

TEST_CASE_FIXTURE(Copy, "cgroups: a delegated one is emptied, then hands its controllers down") {
  write(folder / "cgroup.procs", std::to_string(::getpid()) + "\n");
  fs::create_directories(folder / ("toolgate." + process_token(::getpid()) + ".gateway"));
  write(folder / ("toolgate." + process_token(::getpid()) + ".gateway") / "cgroup.procs", "");
  auto found = place(folder);
  REQUIRE(found);
  CHECK(found->front().path == folder.string());
  CHECK(read_small_file((folder / "cgroup.subtree_control").string()) == "+memory +pids");
  const fs::path leaf = folder / ("toolgate." + process_token(::getpid()) + ".gateway");
  CHECK(read_small_file((leaf / "cgroup.procs").string()) == std::to_string(::getpid()));
  // Whoever lives in the leaf finds the same place.
  make(leaf);
  write(folder / "cgroup.subtree_control", "memory pids\n");
  auto again = place(leaf);
  REQUIRE(again);
  CHECK(again->front().path == folder.string());
}

TEST_CASE_FIXTURE(Copy, "cgroups: one with others in it is left alone, and one above is taken") {
  const fs::path inner = folder / "session.scope";
  make(inner);
  write(inner / "cgroup.procs", std::to_string(::getpid()) + "\n1\n");
  CHECK_FALSE(place(inner));
  CHECK(read_small_file((inner / "cgroup.subtree_control").string()) == "\n");
  write(folder / "cgroup.subtree_control", "memory pids\n");
  auto above = place(inner);
  REQUIRE(above);
  CHECK(above->front().path == folder.string());
}

TEST_CASE_FIXTURE(Copy, "cgroups: one that cannot be emptied yet is no lack of one") {
  // The first has ended by now, so another may have taken its place.
  write(folder / "cgroup.procs", "4194304\n" + std::to_string(::getpid()) + "\n");
  make(folder / ("toolgate." + process_token(::getpid()) + ".gateway"));
  auto found = place(folder);
  REQUIRE_FALSE(found);
  CHECK(found.refusal().reason == Reason::unavailable);
  CHECK(found.refusal().detail.find("could not be emptied") != std::string::npos);
}

// In a child with no descriptor left.
int reason_without_descriptors(const std::function<Status()>& step) {
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_NOFILE, &none);
    const Status status = step();
    ::_exit(status ? 0 : static_cast<int>(status.refusal().reason));
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WEXITSTATUS(status);
}

TEST_CASE_FIXTURE(Copy, "cgroups: a want of descriptors is no lack of cgroups") {
  constexpr int unavailable = static_cast<int>(Reason::unavailable);
  CHECK(reason_without_descriptors([] {
          const auto place = place_for_cgroups(::getpid());
          return place ? done() : Status(place.refusal());
        }) == unavailable);
  CHECK(reason_without_descriptors([&] {
          const auto found = place(folder);
          return found ? done() : Status(found.refusal());
        }) == unavailable);
  CHECK(reason_without_descriptors([&] {
          const auto tree = ProcessTree::make_in({{Controller::unified, folder.string()}}, "a",
                                                 TreeLimits{1 << 20, 10});
          return tree ? done() : Status(tree.refusal());
        }) == unavailable);
}

TEST_CASE("cgroups: what a host lacks is told from what merely failed") {
  for (const int error : {ENOENT, EACCES, EPERM, EROFS, ENOSYS, EOPNOTSUPP, ENODEV}) {
    CHECK(reason_of(error) == Reason::uncontained);
  }
  for (const int error : {ENOMEM, ENOSPC, EMFILE, ENFILE, EBUSY, EAGAIN, EINTR, EIO, EDQUOT, 0}) {
    CHECK(reason_of(error) == Reason::unavailable);
  }
}

TEST_CASE_FIXTURE(Copy, "cgroups: without both controllers there is no place") {
  write(folder / "cgroup.controllers", "cpu pids hugetlb\n");
  auto found = place(folder);
  REQUIRE_FALSE(found);
  CHECK(found.refusal().reason == Reason::uncontained);
  CHECK(found.refusal().detail.find("Delegate=yes") != std::string::npos);
  CHECK_FALSE(place_for_cgroups({}, ::getpid()));
  // Of the old hierarchies both are needed.
  CHECK_FALSE(place_for_cgroups({{Controller::memory, folder.string()}}, ::getpid()));
}

TEST_CASE_FIXTURE(Copy, "cgroups: a tree that cannot be limited is none") {
  const auto tree =
      ProcessTree::make_in({{Controller::unified, folder.string()}}, "a", TreeLimits{1 << 20, 10});
  REQUIRE_FALSE(tree);  // a plain directory has no memory.max to write to
  CHECK(tree.refusal().reason == Reason::uncontained);
  for (const auto& entry : fs::directory_iterator(folder)) CHECK_FALSE(entry.is_directory());
}

TEST_CASE("cgroups: what was left behind is told by its token alone") {
  const std::string own = process_token(::getpid());
  CHECK_FALSE(is_left_behind("toolgate." + own + ".files"));
  CHECK_FALSE(is_left_behind("toolgate." + own + ".gateway"));
  const std::size_t first = own.find('-');
  const std::size_t last = own.rfind('-');
  const std::string pid = own.substr(0, first);
  const std::string space = own.substr(last + 1);
  CHECK(is_left_behind("toolgate." + pid + "-1-" + space + ".files"));  // the id was used again
  CHECK(is_left_behind("toolgate.4194304-1-" + space + ".files"));
  CHECK_FALSE(is_left_behind("toolgate.4194304-1-1.files"));  // of another pid namespace
  CHECK_FALSE(is_left_behind("other.4194304-1-" + space + ".files"));
  CHECK_FALSE(is_left_behind("toolgate.x-1-" + space + ".files"));
  CHECK_FALSE(is_left_behind("toolgate."));
  CHECK_FALSE(is_left_behind(""));
}

TEST_CASE("cgroups: a tree has the limits of its plan, and room for what makes the boundary") {
  SandboxPlan plan;
  plan.limits.memory_mb = 100;
  plan.limits.processes = 10;
  CHECK(tree_limits(plan).memory_bytes == std::uint64_t{164} << 20);
  CHECK(tree_limits(plan).processes == 18);
  plan.tier = SandboxTier::vm;
  CHECK(tree_limits(plan).memory_bytes > std::uint64_t{164} << 20);
}

}  // namespace
}  // namespace toolgate
