#pragma once
// A file system of a few megabytes that a test may fill: in a child of its own, which nobody else
// sees.

#include <doctest/doctest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "tests/gateway/store_home.hpp"

namespace toolgate::test {

// What `body` returns in the child: 0 to 99.
inline int on_small_disk(std::uint64_t bytes,
                         const std::function<int(const std::filesystem::path& disk)>& body) {
  constexpr int not_mounted = 100;
  constexpr int fault = 101;
  const TemporaryHome place;
  const auto mount_it = [&] {
    const std::string user = std::to_string(::geteuid());
    const std::string group = std::to_string(::getegid());
    const bool is_root = ::geteuid() == 0;
    if (::unshare(is_root ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER) != 0) return false;
    if (!is_root) {
      std::ofstream("/proc/self/setgroups") << "deny";
      std::ofstream("/proc/self/uid_map") << user << " " << user << " 1";
      std::ofstream("/proc/self/gid_map") << group << " " << group << " 1";
    }
    const std::string size = "size=" + std::to_string(bytes) + ",mode=0700";
    return ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           ::mount("none", place.path().c_str(), "tmpfs", 0, size.c_str()) == 0;
  };
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    int result = not_mounted;
    try {
      if (mount_it()) result = body(place.path());
    } catch (const std::exception&) {
      result = fault;
    }
    ::_exit(result);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  REQUIRE_MESSAGE(WEXITSTATUS(status) != not_mounted, "no file system can be mounted for a test");
  return WEXITSTATUS(status);
}

}  // namespace toolgate::test
