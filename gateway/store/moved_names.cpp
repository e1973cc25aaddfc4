#include "gateway/store/moved_names.hpp"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <vector>

#include "connectors/launcher/guard.hpp"

namespace toolgate {
namespace {

constexpr std::size_t most_names = 2'000'000;
constexpr std::size_t deepest = 200;

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

// The directory that both lie in, however deep; "" is the root.
std::string common_directory(const std::string& one, const std::string& other) {
  const auto [end, ignored] = std::ranges::mismatch(one, other);
  const std::string same(one.begin(), end);
  const std::size_t slash = same.rfind('/');
  return slash == std::string::npos ? "" : same.substr(0, slash);
}

class Look {
 public:
  Look(const ProtectedNames& names, std::string scope) : scope_(std::move(scope)) {
    for (const ProtectedName& name : names.all()) names_.push_back(name.name.c_str());
  }

  Look(const Look&) = delete;

  Status at(int directory, const char* name, const std::string& path, std::size_t depth);

 private:
  Guard guard() const {
    const char* const* scope = &scope_text_;
    return Guard(Texts{scope, 1}, Texts{}, Texts{names_.data(), names_.size()});
  }
  Status folder(Descriptor opened, const std::string& path, std::size_t depth);

  std::string scope_;
  const char* scope_text_ = scope_.c_str();
  std::vector<const char*> names_;
  std::size_t count_ = 0;
};

Refusal refuse(const std::string& path, const std::string& why) {
  return Refusal(Reason::storage, path + " " + why + ": if it is meant, make it by hand");
}

Status Look::at(int directory, const char* name, const std::string& path, std::size_t depth) {
  if (++count_ > most_names) return refuse(scope_, "would get more than two million names");
  const Guard::Meaning meaning = guard().meaning(path.c_str());
  if (meaning == Guard::Meaning::guarded) return refuse(path, "would be a protected name");
  struct stat about{};
  if (::fstatat(directory, name, &about, AT_SYMLINK_NOFOLLOW) != 0) {
    return cannot_be(path, "looked at where it is now");
  }
  if (!S_ISDIR(about.st_mode)) {
    if (meaning == Guard::Meaning::free) return done();
    return refuse(path, "would stand where a protected name may follow");
  }
  if (depth > deepest) return refuse(path, "would be more than 200 directories deep");
  Descriptor opened(::openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!opened) return cannot_be(path, "looked through where it is now");
  return folder(std::move(opened), path, depth);
}

Status Look::folder(Descriptor opened, const std::string& path, std::size_t depth) {
  std::unique_ptr<DIR, CloseFolder> entries(::fdopendir(opened.number()));
  if (!entries) return cannot_be(path, "looked through where it is now");
  opened.release();
  for (;;) {
    errno = 0;
    const dirent* next = ::readdir(entries.get());
    if (next == nullptr && errno != 0) return cannot_be(path, "looked through where it is now");
    if (next == nullptr) return done();
    const std::string name = next->d_name;
    if (name == "." || name == "..") continue;
    Status status = at(::dirfd(entries.get()), name.c_str(), path + "/" + name, depth + 1);
    if (!status) return status;
  }
}

}  // namespace

Status may_lie_at(const HostPlace& there, const std::string& from, const std::string& to,
                  const ProtectedNames& names) {
  Look look(names, common_directory(from, to));
  return look.at(there.directory.number(), there.name.c_str(), to, 0);
}

}  // namespace toolgate
