// The half of edit.hpp that touches the disk.

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "gateway/config/edit.hpp"
#include "gateway/config/file_text.hpp"
#include "gateway/config/problems.hpp"

namespace toolgate {
namespace {

Refusal cannot(const std::filesystem::path& file, std::string_view what, int error) {
  return Refusal(Reason::storage, config::printable(file.string(), 4'096) + " " +
                                      std::string(what) + ": " +
                                      std::system_category().message(error));
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  int number() const { return number_; }
  bool is_open() const { return number_ >= 0; }

 private:
  int number_;
};

// The file that `file` leads to: itself, or the target of a link.
std::filesystem::path target_of(const std::filesystem::path& file) {
  std::error_code error;
  std::filesystem::path target = std::filesystem::canonical(file, error);
  if (!error) return target;
  target = std::filesystem::absolute(file, error);
  return error ? file : target;
}

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = write(descriptor, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

// Gives the new file the mode, and where it differs the owner, of the one that it replaces.
bool take_over_owner(int descriptor, const std::filesystem::path& target) {
  struct stat old{};
  struct stat made{};
  if (lstat(target.c_str(), &old) != 0) return errno == ENOENT;
  if (fstat(descriptor, &made) != 0) return false;
  const bool same = old.st_uid == made.st_uid && old.st_gid == made.st_gid;
  if (!same && fchown(descriptor, old.st_uid, old.st_gid) != 0) return false;
  return fchmod(descriptor, old.st_mode & 07777U) == 0;
}

// `may_replace` is asked at the last moment.
Status put(const std::filesystem::path& target, int directory, const std::string& text,
           const std::function<Status()>& may_replace = done) {
  std::string name =
      (target.parent_path() / ("." + target.filename().string() + ".XXXXXX")).string();
  const Descriptor made(mkostemp(name.data(), O_CLOEXEC));  // mode 0600
  if (!made.is_open()) return cannot(target, "cannot be replaced", errno);
  const bool good = write_all(made.number(), text) && take_over_owner(made.number(), target) &&
                    fsync(made.number()) == 0;
  int error = good ? 0 : errno;
  const Status still = good ? may_replace() : done();
  if (good && still && rename(name.c_str(), target.c_str()) != 0) error = errno;
  if (error != 0 || !still) unlink(name.c_str());
  if (!still) return still.refusal();
  if (error != 0) return cannot(target, "cannot be replaced", error);
  if (fsync(directory) != 0) return cannot(target, "was replaced, but is not safe on disk", errno);
  return done();
}

}  // namespace

Status replace_file(const std::filesystem::path& file, const std::string& text) {
  const std::filesystem::path target = target_of(file);
  const Descriptor directory(
      open(target.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.is_open()) return cannot(target, "cannot be replaced", errno);
  return put(target, directory.number(), text);
}

Status replace_file_holding(const std::filesystem::path& file,
                            const std::optional<std::string>& before, const std::string& text) {
  const Descriptor directory(open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.is_open()) return cannot(file, "cannot be replaced", errno);
  return put(file, directory.number(), text, [&]() -> Status {
    const auto now = config::read_file_if_there(file);
    if (!now) return now.refusal();
    if (*now == before) return done();
    return Refusal(Reason::bad_configuration,
                   config::printable(file.string(), 4'096) +
                       ": another program has changed it just now; try again");
  });
}

Status edit_configuration(const std::filesystem::path& file, const Environment& environment,
                          const std::function<Result<std::string>(const std::string&)>& change) {
  const std::filesystem::path target = target_of(file);
  const Descriptor directory(
      open(target.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.is_open()) return cannot(target, "cannot be changed", errno);
  while (flock(directory.number(), LOCK_EX) != 0) {
    if (errno != EINTR) return cannot(target, "cannot be locked", errno);
  }
  const Result<std::string> before = config::read_file(target, config::Writers::trusted);
  if (!before) return before.refusal();
  const Result<std::string> after = change(*before);
  if (!after) return after.refusal();
  if (*after == *before) return done();
  // Relative paths in it are relative to where it is named, link or not, as when it is loaded.
  std::error_code error;
  std::filesystem::path named = std::filesystem::absolute(file, error);
  if (error) named = file;
  const Result<Configuration> parsed = parse_configuration(*after, named, environment);
  if (!parsed) return parsed.refusal();
  return put(target, directory.number(), *after);
}

}  // namespace toolgate
