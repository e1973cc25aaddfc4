#include "connectors/launcher/place.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

// What find_place says of a path is compared with what the kernel does with it: another process
// opens the path for itself, in random trees of directories, files and links.

namespace toolgate {
namespace {

namespace fs = std::filesystem;

constexpr int folder_number = 40;  // descriptors of the caller: a directory and a file of the tree
constexpr int file_number = 41;

// What the kernel says: an errno, or which file it is.
struct Answer {
  int error = 0;
  dev_t device = 0;
  ino_t inode = 0;
  mode_t mode = 0;
  char path[PATH_MAX] = {};

  bool is_directory() const { return error == 0 && S_ISDIR(mode); }
};

Answer about(int file) {
  Answer answer;
  struct stat status{};
  if (file < 0 || fstat(file, &status) != 0) {
    answer.error = errno;
    return answer;
  }
  answer.device = status.st_dev;
  answer.inode = status.st_ino;
  answer.mode = status.st_mode;
  const std::string link = "/proc/self/fd/" + std::to_string(file);
  if (readlink(link.c_str(), answer.path, sizeof answer.path - 1) < 0) answer.error = errno;
  return answer;
}

struct Question {
  int directory = AT_FDCWD;
  int flags = 0;
  char path[2 * PATH_MAX] = {};
};

// The process whose calls are walked: it opens what it is asked for, and keeps it open until it is
// asked again, since the numbers of files in /proc last only as long.
class CallerProcess {
 public:
  CallerProcess(const fs::path& cwd, const fs::path& folder, const fs::path& file) {
    REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends_) == 0);
    process_ = fork();
    if (process_ == 0) serve(cwd.c_str(), folder.c_str(), file.c_str());
    REQUIRE(process_ > 0);
    close(ends_[1]);
    char ready = 0;
    REQUIRE(read(ends_[0], &ready, 1) == 1);
  }
  CallerProcess(const CallerProcess&) = delete;
  ~CallerProcess() {
    close(ends_[0]);
    waitpid(process_, nullptr, 0);
  }

  Answer open(int directory, const std::string& path, int flags) const {
    Question question{directory, flags, {}};
    REQUIRE(path.size() < sizeof question.path);
    std::strcpy(question.path, path.c_str());
    Answer answer;
    REQUIRE(write(ends_[0], &question, sizeof question) == sizeof question);
    REQUIRE(read(ends_[0], &answer, sizeof answer) == sizeof answer);
    return answer;
  }
  pid_t process() const { return process_; }
  Caller caller() const {
    Caller caller;
    caller.thread = process_;
    return caller;
  }

 private:
  [[noreturn]] void serve(const char* cwd, const char* folder, const char* file) {
    close(ends_[0]);
    const int folder_file = ::open(folder, O_PATH | O_DIRECTORY);
    const int plain_file = ::open(file, O_RDONLY);
    if (chdir(cwd) != 0 || dup2(folder_file, folder_number) < 0 ||
        dup2(plain_file, file_number) < 0 || write(ends_[1], "r", 1) != 1) {
      _exit(1);
    }
    Question question;
    int file_open = -1;
    while (read(ends_[1], &question, sizeof question) == sizeof question) {
      if (file_open >= 0) close(file_open);
      file_open = openat(question.directory, question.path, question.flags | O_CLOEXEC, 0600);
      const Answer answer = about(file_open);
      if (write(ends_[1], &answer, sizeof answer) != sizeof answer) _exit(1);
    }
    _exit(0);
  }

  int ends_[2] = {-1, -1};
  pid_t process_ = -1;
};

using Random = std::mt19937;

std::size_t below(Random& random, std::size_t count) { return random() % count; }
bool one_in(Random& random, std::size_t count) { return below(random, count) == 0; }

template <class List>
const auto& any_of(Random& random, const List& list) {
  return list[below(random, std::size(list))];
}

// Few names, so that paths of chance exist often.
constexpr std::array<const char*, 6> names = {"a", "b", "c", "l", "m", "x"};

class Tree {
 public:
  explicit Tree(Random& random) : random_(random) {
    std::string path = (fs::temp_directory_path() / "toolgate-place-XXXXXX").string();
    root_ = fs::canonical(::mkdtemp(path.data()));
    directories_.push_back(root_);
    fs::create_directory(root_ / "cwd");
    directories_.push_back(root_ / "cwd");
    for (std::size_t count = 2 + below(random_, 6); count > 0; --count) make_directory();
    std::ofstream(root_ / "file") << "x";
    for (std::size_t count = 2 + below(random_, 5); count > 0; --count) make_file();
    for (std::size_t count = 4 + below(random_, 10); count > 0; --count) make_link();
  }
  Tree(const Tree&) = delete;
  ~Tree() { fs::remove_all(root_); }

  const fs::path& root() const { return root_; }
  const fs::path& directory() { return any_of(random_, directories_); }
  const std::string& told() const { return told_; }

  // Of one to six components, some of which exist.
  std::string path() {
    std::string text;
    if (one_in(random_, 4)) text = beginning();
    for (std::size_t count = below(random_, 5) + (text.empty() ? 1 : 0); count > 0; --count) {
      if (!text.empty() && !text.ends_with('/')) text += slashes();
      text += component();
    }
    if (one_in(random_, 5)) text += slashes();
    return text;
  }

 private:
  // Absolute, or over /proc.
  std::string beginning() {
    const std::array<std::string, 12> all = {
        root_.string(),
        root_.string() + "/",
        "//" + root_.string().substr(1),
        "/",
        "/proc/self/cwd",
        "/proc/thread-self/cwd",
        "/proc/self/root" + root_.string(),
        "/proc/self/fd/" + std::to_string(folder_number),
        "/proc/self/fd/" + std::to_string(file_number),
        "/proc/self/task/../cwd/..",
        "/proc/self/exe",
        "/proc/self",
    };
    return any_of(random_, all);
  }
  std::string component() {
    if (one_in(random_, 6)) return "..";
    if (one_in(random_, 10)) return ".";
    if (one_in(random_, 12)) return "cwd";
    if (one_in(random_, 80)) return std::string(one_in(random_, 2) ? 255 : 256, 'n');
    return any_of(random_, names);
  }
  std::string slashes() { return one_in(random_, 8) ? "//" : "/"; }

  fs::path free_name() { return fs::path(directory()) / any_of(random_, names); }
  void make_directory() {
    const fs::path path = free_name();
    if (!fs::create_directory(path)) return;
    directories_.push_back(path);
    told_ += path.string() + "/\n";
  }
  void make_file() {
    const fs::path path = free_name();
    if (fs::exists(fs::symlink_status(path))) return;
    std::ofstream(path) << "x";
    told_ += path.string() + "\n";
  }
  // To somewhere or nowhere, in a circle perhaps.
  void make_link() {
    const fs::path link = free_name();
    const std::string target = path();
    if (fs::exists(fs::symlink_status(link)) || target.size() > 400) return;
    fs::create_symlink(target, link);
    told_ += link.string() + " -> " + target + "\n";
  }

  Random& random_;
  fs::path root_;
  std::vector<fs::path> directories_;
  std::string told_;
};

std::string directory_number(int directory) {
  return directory == AT_FDCWD ? "the working directory" : std::to_string(directory);
}

class Comparison {
 public:
  Comparison(const CallerProcess& process, int directory, std::string path)
      : process_(process), directory_(directory), path_(std::move(path)) {}

  void run() {
    CAPTURE(path_);
    CAPTURE(directory_number(directory_));
    kept();
    followed();
  }
  bool was_found() const { return was_found_; }
  bool was_made() const { return was_made_; }

 private:
  struct Found {
    int error = 0;
    Place place;

    // What stands at the place, as far as anything does.
    Answer look() const {
      if (error != 0) return Answer{error, 0, 0, 0, {}};
      if (place.name[0] == '\0') return about(place.directory.number());
      const OpenFile file(
          openat(place.directory.number(), place.name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
      return about(file.number());
    }
  };
  Found find(LastLink last) const {
    Found found;
    found.error = find_place(process_.caller(), directory_, path_.c_str(), last, found.place);
    const bool in_no_directory = found.error == 0 && found.place.name[0] != '\0' &&
                                 !about(found.place.directory.number()).is_directory();
    if (in_no_directory) found.error = ENOTDIR;  // as the call itself will say
    return found;
  }

  // A name that is too long is refused wherever it stands; the kernel has other reasons too.
  static void same_error(int found, int expected) {
    if (found != ENAMETOOLONG || expected == 0) CHECK(found == expected);
  }
  static void same_file(const Answer& found, const Answer& expected) {
    same_error(found.error, expected.error);
    if (found.error != 0) return;
    CHECK(found.device == expected.device);
    CHECK(found.inode == expected.inode);
  }

  // A call that acts on the name itself: where is the directory, what is the name?
  void kept() const {
    CAPTURE("a link at the end is kept");
    const Found found = find(LastLink::keep);
    const std::size_t end = path_.find_last_not_of('/');
    if (end == std::string::npos) {  // nothing, or the root
      if (path_.empty()) {
        CHECK(found.error == ENOENT);
        return;
      }
      CHECK(found.place.is_special());
      return same_file(found.look(), process_.open(directory_, "/", O_PATH));
    }
    const std::size_t slash = path_.find_last_of('/', end);
    const std::size_t begin = slash == std::string::npos ? 0 : slash + 1;
    const std::string above = begin == 0 ? "." : path_.substr(0, begin);
    const Answer expected = process_.open(directory_, above, O_PATH | O_DIRECTORY);
    if (end + 1 - begin > NAME_MAX && expected.error == 0) {
      CHECK(found.error == ENAMETOOLONG);
      return;
    }
    same_error(found.error, expected.error);
    if (found.error != 0 || expected.error != 0) return;
    same_file(about(found.place.directory.number()), expected);
    CHECK(path_.substr(begin, end + 1 - begin) == found.place.name);
    CHECK(found.place.names_a_directory == (end + 1 < path_.size()));
  }

  // A call that acts on the file.
  void followed() {
    CAPTURE("a link at the end is followed");
    const Found found = find(LastLink::follow);
    const Answer expected = process_.open(directory_, path_, O_PATH);
    const Answer seen = found.look();
    if (found.error == 0 && expected.error == ENOENT) return missing(found, seen);
    if (seen.error == 0 && found.place.names_a_directory && !seen.is_directory()) {
      CHECK(expected.error == ENOTDIR);
      return;
    }
    same_file(seen, expected);
    if (expected.error != 0) return;
    was_found_ = true;
    char text[PATH_MAX];
    if (found.place.is_special()) return;
    CHECK(path_of(found.place, text, sizeof text) == 0);
    CHECK(std::string(text) == expected.path);
  }

  // The name is free: where does the kernel make a file of that name?
  void missing(const Found& found, const Answer& seen) {
    CHECK(seen.error == ENOENT);
    const Answer made = process_.open(directory_, path_, O_RDWR | O_CREAT);
    if (found.place.names_a_directory) {
      CHECK(made.error == EISDIR);
      return;
    }
    const Answer now = found.look();
    same_file(now, made);
    if (made.error != 0) return;
    was_made_ = true;
    CHECK(std::string(made.path) == now.path);
    CHECK(unlink(made.path) == 0);
  }

  const CallerProcess& process_;
  int directory_;
  std::string path_;
  bool was_found_ = false;
  bool was_made_ = false;
};

}  // namespace

TEST_CASE("place: paths of chance lead where the kernel goes") {
  Random random(20'261'125);
  int compared = 0;
  int found = 0;
  int made = 0;
  for (int i = 0; i < 100; ++i) {
    Tree tree(random);
    CAPTURE(tree.told());
    const CallerProcess process(tree.root() / "cwd", tree.directory(), tree.root() / "file");
    for (int j = 0; j < 40; ++j) {
      const int directory = one_in(random, 3)    ? folder_number
                            : one_in(random, 12) ? file_number
                            : one_in(random, 40) ? 99
                                                 : AT_FDCWD;
      const std::string path = tree.path();
      Comparison comparison(process, directory, path);
      comparison.run();
      ++compared;
      found += comparison.was_found() ? 1 : 0;
      made += comparison.was_made() ? 1 : 0;
    }
  }
  CHECK(compared == 4'000);
  CHECK(found > 600);
  CHECK(made > 200);
}

TEST_CASE("place: as many links as the kernel follows, and not one more") {
  Random random(1);
  const Tree tree(random);
  fs::path target = tree.root() / "file";
  for (int i = 1; i <= 42; ++i) {
    const fs::path link = tree.root() / ("chain" + std::to_string(i));
    fs::create_symlink(target.filename(), link);
    target = link;
  }
  const CallerProcess process(tree.root() / "cwd", tree.root(), tree.root() / "file");
  for (int i = 38; i <= 42; ++i) {
    Comparison comparison(process, folder_number, "chain" + std::to_string(i));
    comparison.run();
    CHECK(comparison.was_found() == (i <= 40));
  }
}

TEST_CASE("place: paths that are too long are refused") {
  Random random(1);
  const Tree tree(random);
  const CallerProcess process(tree.root() / "cwd", tree.root(), tree.root() / "file");
  Place place;
  const std::string path(std::size_t{3} * PATH_MAX, '/');
  CHECK(find_place(process.caller(), AT_FDCWD, path.c_str(), LastLink::keep, place) ==
        ENAMETOOLONG);
}

// What the supervisor holds open is no way for a server.
TEST_CASE("place: nothing in the walker's own entry in /proc is a place") {
  Random random(1);
  const Tree tree(random);
  fs::create_symlink("/proc/" + std::to_string(getpid()) + "/cwd", tree.root() / "own");
  const CallerProcess process(tree.root() / "cwd", tree.root(), tree.root() / "file");
  const std::string own = "/proc/" + std::to_string(getpid());
  for (const std::string& path :
       {own, own + "/cwd", own + "/fd/0", own + "/root/etc",
        "/proc/./../proc/self/../" + own.substr(6), tree.root().string() + "/own",
        tree.root().string() + "/own/x",
        "/proc/" + std::to_string(process.process()) + "/root" + own + "/fd"}) {
    CAPTURE(path);
    Place place;
    int error = find_place(process.caller(), AT_FDCWD, path.c_str(), LastLink::follow, place);
    char text[PATH_MAX];
    if (error == 0) error = path_of(place, text, sizeof text);
    CHECK(error == EACCES);
  }
}

}  // namespace toolgate
