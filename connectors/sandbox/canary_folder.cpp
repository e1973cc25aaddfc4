#include "connectors/sandbox/canary_folder.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <system_error>

#include "connectors/descriptor.hpp"

namespace toolgate {
namespace {

// Root's sandboxes write as the owner of their scopes, who must not be root.
constexpr unsigned nobody = 65534;

// Everything is made and given away by descriptor, from the inside to the outside: until all is
// there, nobody else can put anything in its place.
bool give_away(const Descriptor& file) {
  return ::geteuid() != 0 || ::fchown(file.number(), nobody, nobody) == 0;
}

Descriptor make_folder(const Descriptor& above, const char* name) {
  if (::mkdirat(above.number(), name, 0700) != 0) return Descriptor();
  return Descriptor(
      ::openat(above.number(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

bool make_file(const Descriptor& above, const char* name) {
  const Descriptor file(
      ::openat(above.number(), name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  return file && ::write(file.number(), "own\n", 4) == 4 && give_away(file);
}

bool fill(const std::string& path) {
  const Descriptor top(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!top) return false;
  const Descriptor free = make_folder(top, "free");
  const Descriptor held = make_folder(top, "held");
  if (!free || !held) return false;
  const Descriptor git = make_folder(free, ".git");
  if (!git) return false;
  const Descriptor hooks = make_folder(git, "hooks");
  return hooks && make_file(free, "own") && make_file(git, "config") && make_file(held, "own") &&
         give_away(hooks) && give_away(git) && give_away(free) && give_away(held) && give_away(top);
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
