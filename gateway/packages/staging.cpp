#include "gateway/packages/staging.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "gateway/packages/frozen.hpp"
#include "gateway/packages/own_file.hpp"
#include "gateway/packages/tree.hpp"
#include "signing/keys.hpp"

namespace toolgate {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view prefix = ".staging-";

Descriptor open_folder(const fs::path& folder) {
  return Descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

Status make_folder(const fs::path& folder) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return package_fault("make", folder, errno);
  }
  struct stat status{};
  if (::lstat(folder.c_str(), &status) != 0) return package_fault("examine", folder, errno);
  if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & 022) != 0) {
    return Refusal(Reason::storage, folder.string() +
                                        " is no folder that this user alone can write to: move it "
                                        "away and freeze again");
  }
  return done();
}

// Held while folders appear, are swept or published: never while npm runs.
Result<Descriptor> lock_packages(const fs::path& home) {
  const fs::path file = packages_folder(home) / ".lock";
  Descriptor lock(::open(file.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!lock) return package_fault("open", file, errno);
  while (::flock(lock.number(), LOCK_EX) != 0) {
    if (errno != EINTR) return package_fault("lock", file, errno);
  }
  return lock;
}

// What nobody holds a lock on was left behind.
void sweep(const fs::path& home) {
  std::vector<fs::path> left;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(packages_folder(home), failed)) {
    if (!entry.path().filename().string().starts_with(prefix)) continue;
    const Descriptor folder = open_folder(entry.path());
    if (folder && ::flock(folder.number(), LOCK_EX | LOCK_NB) == 0) left.push_back(entry.path());
  }
  for (const fs::path& folder : left) remove_tree(folder);
}

}  // namespace

Result<Staging> Staging::make(const fs::path& home) {
  Status made = make_folder(packages_folder(home));
  if (made) made = make_folder(commands_folder(home));
  if (!made) return made.refusal();
  const auto lock = lock_packages(home);
  if (!lock) return lock.refusal();
  sweep(home);
  fs::path folder = packages_folder(home) / (std::string(prefix) + random_token());
  made = make_folder(folder);
  if (!made) return made.refusal();
  Descriptor held = open_folder(folder);
  if (!held || ::flock(held.number(), LOCK_EX | LOCK_NB) != 0) {
    return package_fault("lock", folder, errno);
  }
  return Staging(std::move(folder), std::move(held));
}

Staging::~Staging() {
  if (lock_ && !folder_.empty()) remove_tree(folder_);
}

Status Staging::publish(const fs::path& target, const std::function<bool()>& is_good) {
  const auto lock = lock_packages(target.parent_path().parent_path());
  if (!lock) return lock.refusal();
  std::error_code ignored;
  if (fs::exists(fs::symlink_status(target, ignored))) {
    if (is_good()) return done();
    // Out of the way under a name that the next sweep takes for what it is.
    const fs::path away = target.parent_path() / (std::string(prefix) + random_token());
    if (::rename(target.c_str(), away.c_str()) != 0) {
      return package_fault("replace", target, errno);
    }
    remove_tree(away);
  }
  if (::rename(folder_.c_str(), target.c_str()) != 0) return package_fault("make", target, errno);
  folder_.clear();
  const Descriptor parent = open_folder(target.parent_path());
  if (!parent || ::fsync(parent.number()) != 0) return package_fault("sync", target, errno);
  return done();
}

}  // namespace toolgate
