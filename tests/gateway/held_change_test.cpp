#include "gateway/store/held_change.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "connectors/descriptor.hpp"
#include "gateway/store/restored_content.hpp"
#include "tests/gateway/custody_case.hpp"

namespace toolgate {
namespace {

using test::CustodyCase;
using test::some_content;
using Effect = FileNote::Effect;
constexpr auto bounded = CustodyBook::Room::bounded;

// What a file held until now, as it would be listed.
KeptContent keep_now(CustodyCase& files, const std::string& path) {
  KeptContent one = some_content(path);
  one.owner = ::geteuid();
  one.group = ::getegid();
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(files.book().keep(one, file.number(), bounded) == 0);
  return **files.book().kept(one.id);
}

std::size_t names_in(const std::filesystem::path& folder) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& one : std::filesystem::directory_iterator(folder)) ++count;
  return count;
}

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("held change: an allowed one is made as it was asked for") {
  CustodyCase files;
  const std::string a = files.write("a", "1");
  CHECK(files.why_not(files.hold(Effect::remove, a)).empty());
  CHECK(!std::filesystem::exists(a));
  CHECK(files.last_kept() == "1");

  const std::string b = files.write("b", "2");
  CHECK(files.why_not(files.hold(Effect::move, b, files.at("c"))).empty());
  CHECK(files.read(files.at("c")) == "2");

  const std::string d = files.write("d", "3");
  CHECK(files.why_not(files.hold(Effect::replace, d, files.at("c"))).empty());
  CHECK(files.read(files.at("c")) == "3");
  CHECK(files.last_kept() == "2");

  std::filesystem::create_directory(files.at("empty"));
  CHECK(files.why_not(files.hold(Effect::remove, files.at("empty"))).empty());
  std::filesystem::create_directory(files.at("one"));
  std::filesystem::create_directory(files.at("other"));
  files.write("one/x", "4");
  CHECK(files.why_not(files.hold(Effect::replace, files.at("one"), files.at("other"))).empty());
  CHECK(files.read(files.at("other/x")) == "4");
  CHECK(names_in(files.folder()) == 2);
}

TEST_CASE("held change: one that is another one by now is refused") {
  CustodyCase files;
  const std::string gone = files.hold(Effect::remove, files.at("gone"));
  CHECK(files.why_not(gone).ends_with("is not there any more"));

  const std::string a = files.write("a", "1");
  const std::string swapped = files.hold(Effect::remove, a);
  ::rename(files.write("b", "2").c_str(), a.c_str());
  CHECK(files.why_not(swapped).ends_with("is another file than the one that was asked about"));

  const std::string c = files.write("c", "3");
  const std::string taken = files.hold(Effect::move, c, files.write("d", "4"));
  CHECK(contains(files.why_not(taken), "File exists"));
  CHECK(files.read(files.at("d")) == "4");

  std::filesystem::create_directory(files.at("sub"));
  const std::string linked = files.hold(Effect::remove, files.write("sub/x", "5"));
  std::filesystem::rename(files.at("sub"), files.at("real"));
  std::filesystem::create_directory_symlink("real", files.at("sub"));
  CHECK(contains(files.why_not(linked), "without following symbolic links"));
  CHECK(files.read(files.at("real/x")) == "5");

  std::filesystem::create_directory(files.at("full"));
  const std::string full = files.hold(Effect::remove, files.at("full"));
  files.write("full/x", "6");
  CHECK(contains(files.why_not(full), "not empty"));
}

TEST_CASE("held change: a target that was exchanged is not replaced") {
  CustodyCase files;
  const std::string a = files.write("a", "new");
  std::filesystem::create_symlink("nowhere", files.at("junk"));
  const std::string id = files.hold(Effect::replace, a, files.at("junk"));
  std::filesystem::remove(files.at("junk"));
  files.write("junk", "precious");
  CHECK(contains(files.why_not(id), "is another file than the one that was asked about"));
  std::filesystem::remove(files.at("junk"));
  CHECK(contains(files.why_not(id), "is not there any more"));
  CHECK(files.read(a) == "new");
  CHECK(files.book().kept()->empty());
}

TEST_CASE("held change: a file takes the place of no directory, nor a directory that of a file") {
  CustodyCase files;
  std::filesystem::create_directory(files.at("folder"));
  const std::string file = files.write("file", "1");
  CHECK(contains(files.why_not(files.hold(Effect::replace, file, files.at("folder"))),
                 "Is a directory"));
  CHECK(contains(files.why_not(files.hold(Effect::replace, files.at("folder"), file)),
                 "Not a directory"));
  std::filesystem::create_directory(files.at("full"));
  files.write("full/x", "2");
  CHECK(contains(files.why_not(files.hold(Effect::replace, files.at("folder"), files.at("full"))),
                 "not empty"));
  CHECK(files.read(files.at("full/x")) == "2");
  CHECK(files.read(file) == "1");
  CHECK(files.stored() == 0);
}

TEST_CASE("held change: where a link led to is kept, and can be had again") {
  CustodyCase files;
  for (const char* how : {"removed", "replaced"}) {
    CAPTURE(how);
    std::filesystem::create_symlink("some/where", files.at("link"));
    const bool removes = std::string(how) == "removed";
    const std::string id =
        removes ? files.hold(Effect::remove, files.at("link"))
                : files.hold(Effect::replace, files.write("a", "1"), files.at("link"));
    CHECK(files.why_not(id).empty());
    CHECK(!std::filesystem::is_symlink(files.at("link")));
    const KeptContent kept = files.book().kept()->back();
    CHECK(kept.kind == KeptContent::Kind::link);
    REQUIRE(restore_content(files.book(), kept, files.at("link")));
    CHECK(std::filesystem::read_symlink(files.at("link")) == "some/where");
    std::filesystem::remove(files.at("link"));
  }
}

// Older, empty, free: it may be filled with names that are free where it is.
TEST_CASE("held change: no protected name is made by moving what holds its end") {
  struct Row {
    const char* name;
    const char* from;
    const char* to;
    std::vector<const char*> files;  // in the moved directory; none: it is a file
    bool is_refused = true;
  };
  for (const Row& row : {
           Row{"a hook", "d", ".git", {"hooks/pre-commit"}},
           Row{"a configuration", "d", ".git", {"config"}},
           Row{"deeper", "d", "e", {"x/y/.git/config"}},
           Row{"in another case of letters", "d", ".GIT", {"Hooks/pre-commit"}},
           Row{"the name itself", "d", ".vscode", {}},
           Row{"a file where a directory belongs", "d", ".git", {}},
           Row{"one that begins above", ".git/free", ".git/hooks", {"pre-commit"}},
           Row{"free names", "d", ".git", {"objects/aa"}, false},
           Row{"nothing of it", "d", "e", {"hooks/pre-commit", "config"}, false},
       }) {
    CAPTURE(row.name);
    CustodyCase files;
    const std::filesystem::path from = files.at(row.from);
    std::filesystem::create_directories(from.parent_path());
    if (row.files.empty()) files.write(row.from, "x");
    if (!row.files.empty()) std::filesystem::create_directory(from);
    const std::string id = files.hold(Effect::move, from, files.at(row.to));
    for (const char* file : row.files) {
      std::filesystem::create_directories((from / file).parent_path());
      std::ofstream(from / file) << "x";
    }
    const std::string why = files.why_not(id);
    CAPTURE(why);
    CHECK(why.empty() != row.is_refused);
    CHECK(std::filesystem::exists(from) == row.is_refused);
    CHECK(std::filesystem::exists(files.at(row.to)) != row.is_refused);
  }
}

TEST_CASE("held change: a directory that is filled at the same moment makes no protected name") {
  CustodyCase files;
  for (int round = 0; round < 200; ++round) {
    std::filesystem::create_directory(files.at("d"));
    const std::string id = files.hold(Effect::move, files.at("d"), files.at(".git"));
    const Descriptor inside(::open(files.at("d").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    std::atomic<bool> begins = false;
    // As the supervisor lets it: where it lay when that looked.
    std::thread server([&] {
      while (!begins) std::this_thread::yield();
      if (std::filesystem::exists(files.at("d"))) ::mkdirat(inside.number(), "hooks", 0700);
    });
    begins = true;
    const std::string why = files.why_not(id);
    server.join();
    const bool made = std::filesystem::exists(files.at(".git"));
    if (why.empty()) CHECK(made);
    if (!why.empty()) CHECK(std::filesystem::exists(files.at("d")));
    std::filesystem::remove_all(files.at("d"));
    std::filesystem::remove_all(files.at(".git"));
  }
}

TEST_CASE("held change: what others save at the same moment is not lost") {
  CustodyCase files;
  int refused = 0;
  for (int round = 0; round < 100; ++round) {
    const bool removes = round % 2 == 0;
    const std::string path = files.write("a", "old");
    files.write("fresh", "saved by others");
    const std::string id = removes ? files.hold(Effect::remove, path)
                                   : files.hold(Effect::replace, files.write("b", "new"), path);
    std::atomic<bool> begins = false;
    std::thread other([&] {
      while (!begins) std::this_thread::yield();
      std::this_thread::sleep_for(std::chrono::microseconds(round * 150));
      ::rename(files.at("fresh").c_str(), path.c_str());
    });
    begins = true;
    if (!files.why_not(id).empty()) ++refused;
    other.join();
    CHECK(files.read(path) == "saved by others");
    std::filesystem::remove(files.at("b"));
    CHECK(names_in(files.folder()) == 1);
  }
  MESSAGE("refused ", refused, " of 100");
}

TEST_CASE("restored content: it stands where it was, and what stood there is kept") {
  CustodyCase files;
  const std::string path = files.write("a", "old");
  const KeptContent one = keep_now(files, path);
  files.write("a", "new");
  auto kept = restore_content(files.book(), one, path);
  REQUIRE(kept);
  REQUIRE(*kept);
  CHECK(files.read(path) == "old");
  CHECK(files.read(files.book().content_file(**kept)) == "new");
  struct stat about{};
  ::stat(path.c_str(), &about);
  CHECK((about.st_mode & 07777) == 0640);
  CHECK(restore_content(files.book(), one, files.at("elsewhere")));
  CHECK(files.read(files.at("elsewhere")) == "old");
  CHECK(!restore_content(files.book(), one, files.at("no/such/folder")));
  CHECK(!restore_content(files.book(), one, files.folder().string()));
  CHECK(!restore_content(files.book(), one, "relative"));
  CHECK(names_in(files.folder()) == 2);
}

TEST_CASE("restored content: neither litter nor too much that is kept stands in its way") {
  CustodyBook::Limits limits;
  limits.kept_rows = 1;
  CustodyCase files(limits);
  const std::string path = files.write("a", "old");
  const KeptContent one = keep_now(files, path);
  files.write("a", "new");
  files.write("a.toolgate-restored", "litter of another time");
  REQUIRE(restore_content(files.book(), one, path));
  CHECK(files.read(path) == "old");
  CHECK(files.last_kept() == "new");
  CHECK(files.why_not(files.hold(Effect::remove, path)).empty());
  CHECK(files.book().kept()->size() == 3);
}

TEST_CASE("restored content: a try that fails keeps nothing more") {
  CustodyCase files;
  const std::string path = files.write("a", "old");
  const KeptContent one = keep_now(files, path);
  std::filesystem::remove(files.book().content_file(one.id));
  for (int i = 0; i < 3; ++i) CHECK(!restore_content(files.book(), one, path));
  CHECK(files.book().kept()->size() == 1);
  CHECK(names_in(files.folder()) == 1);
}

TEST_CASE("restored content: an owner that is not known is that of what stands there") {
  if (::geteuid() != 0) return;
  CustodyCase files;
  const std::string path = files.write("a", "old");
  KeptContent one = keep_now(files, path);
  one.owner = one.group = KeptContent::no_owner;
  REQUIRE(::chown(path.c_str(), 1234, 1235) == 0);
  REQUIRE(::chown(files.folder().c_str(), 1236, 1237) == 0);
  for (auto [to, owner, group] :
       {std::tuple(path, 1234U, 1235U), std::tuple(files.at("b"), 1236U, 1237U)}) {
    REQUIRE(restore_content(files.book(), one, to));
    struct stat about{};
    ::stat(to.c_str(), &about);
    CHECK(about.st_uid == owner);
    CHECK(about.st_gid == group);
  }
}

}  // namespace toolgate
