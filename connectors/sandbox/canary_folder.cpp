#include "connectors/sandbox/canary_folder.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>
#include <system_error>

#include "connectors/descriptor.hpp"

namespace toolgate {
namespace {

// Root's sandboxes write as the owner of their scopes, who must not be root.
constexpr unsigned nobody = 65534;

constexpr auto folders =
    std::to_array<const char*>({"free", "free/.git", "free/.git/hooks", "held"});
constexpr auto files = std::to_array<const char*>({"free/own", "free/.git/config", "held/own"});

bool give_away(const std::string& path) {
  return ::geteuid() != 0 || ::lchown(path.c_str(), nobody, nobody) == 0;
}

bool fill(const std::string& path) {
  if (!give_away(path)) return false;
  for (const char* name : folders) {
    const std::string folder = path + "/" + name;
    if (::mkdir(folder.c_str(), 0700) != 0 || !give_away(folder)) return false;
  }
  for (const char* name : files) {
    const std::string one = path + "/" + name;
    const Descriptor file(::open(one.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file || ::write(file.number(), "own\n", 4) != 4 || !give_away(one)) return false;
  }
  return true;
}

}  // namespace

Result<CanaryFolder> CanaryFolder::make() {
  int error = 0;
  // Not beneath /tmp where that can be helped: a sandbox has a /tmp of its own.
  for (const char* above : {"/var/tmp", "/tmp"}) {
    std::string path = std::string(above) + "/toolgate-canary-XXXXXX";
    if (::mkdtemp(path.data()) != nullptr) {
      CanaryFolder folder(path);
      if (fill(path)) return folder;
    }
    error = errno;
  }
  return Refusal(Reason::unavailable,
                 std::string("the sandbox could not be tried out: neither /var/tmp nor /tmp can be "
                             "written (") +
                     std::strerror(error) + ")");
}

CanaryFolder::~CanaryFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

std::vector<FileScope> CanaryFolder::scopes() const {
  return {{path_ / "free", FileMode::rw, false, false},
          {path_ / "held", FileMode::rw_no_delete, false, true}};
}

}  // namespace toolgate
