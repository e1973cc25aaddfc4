#include "gateway/store/custody_book.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>

#include "connectors/descriptor.hpp"
#include "gateway/core/clock.hpp"
#include "gateway/store/held_change.hpp"
#include "gateway/store/sqlite.hpp"
#include "tests/gateway/store_home.hpp"

namespace toolgate {
namespace {

using test::TemporaryHome;
using Effect = FileNote::Effect;

// A home with a store, and a folder beside it.
class Case {
 public:
  Case() {
    home_.open();
    auto opened = CustodyBook::open(home_.path());
    REQUIRE(opened);
    book_ = std::move(*opened);
    folder_ = home_.path() / "scope";
    std::filesystem::create_directory(folder_);
  }
  CustodyBook& book() { return *book_; }
  std::string at(const char* name) const { return (folder_ / name).string(); }
  std::string write(const char* name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return at(name);
  }
  static std::string read(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }
  std::string hold(Effect effect, const std::string& path, const std::string& to = "") {
    auto id = book_->hold("s", FileNote{make_uuid_v7(), effect, path, to});
    REQUIRE(id);
    return *id;
  }
  HeldChange held(const std::string& id) {
    auto change = book_->held(id);
    REQUIRE(change);
    REQUIRE(*change);
    return **change;
  }
  std::string why_not(const std::string& id) {
    auto made = make_held_change(*book_, held(id));
    return made ? "" : made.refusal().detail;
  }
  TemporaryHome& home() { return home_; }

 private:
  TemporaryHome home_;
  std::unique_ptr<CustodyBook> book_;
  std::filesystem::path folder_;
};

KeptContent content(std::uint64_t bytes) {
  KeptContent one;
  one.id = make_uuid_v7();
  one.server = "s";
  one.path = "/x";
  one.bytes = bytes;
  one.mode = 0640;
  return one;
}

}  // namespace

TEST_CASE("custody: the same question waits once, until another file stands there") {
  Case files;
  const std::string path = files.write("a", "1");
  const std::string first = files.hold(Effect::remove, path);
  CHECK(files.hold(Effect::remove, path) == first);
  CHECK(files.hold(Effect::move, path, files.at("b")) != first);
  CHECK(files.book().waiting()->size() == 2);
  REQUIRE(files.book().decide(first, HeldChange::State::denied));
  CHECK(files.hold(Effect::remove, path) == first);
  CHECK(files.book().waiting()->size() == 1);
  CHECK(!files.book().decide(first, HeldChange::State::allowed));

  files.write("c", "keeps the inode of the next one from being the same");
  ::rename(files.at("c").c_str(), path.c_str());
  CHECK(files.hold(Effect::remove, path) != first);
}

TEST_CASE("custody: paths of any bytes are kept as they are") {
  Case files;
  const std::string path = files.at("not \xff utf-8\n");
  const std::string id = files.hold(Effect::move, path, "/to \x80");
  CHECK(files.held(id).note.path == path);
  CHECK(files.held(id).note.to == "/to \x80");
}

TEST_CASE("custody: what waits for one server is bounded") {
  Case files;
  for (std::size_t i = 0; i < CustodyBook::most_waiting; ++i) {
    files.hold(Effect::remove, "/none/" + std::to_string(i));
  }
  CHECK(!files.book().hold("s", FileNote{make_uuid_v7(), Effect::remove, "/none/more", ""}));
  CHECK(files.book().hold("other", FileNote{make_uuid_v7(), Effect::remove, "/none/more", ""}));
}

TEST_CASE("custody: a content is kept, listed, read and discarded") {
  Case files;
  const std::string path = files.write("a", std::string(100'000, 'x') + "\0y");
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const KeptContent one = content(100'001);
  CHECK(files.book().keep(one, file.number()) == 0);
  CHECK(files.read(files.book().content_file(one.id)) == files.read(path));
  struct stat about{};
  ::stat(files.book().content_file(one.id).c_str(), &about);
  CHECK((about.st_mode & 0777) == 0600);
  REQUIRE(files.book().kept()->size() == 1);
  CHECK(files.book().kept()->front().path == "/x");
  REQUIRE(files.book().discard(one.id));
  CHECK(files.book().kept()->empty());
  CHECK(!std::filesystem::exists(files.book().content_file(one.id)));
  CHECK(!files.book().discard(one.id));
}

TEST_CASE("custody: what cannot be kept is an error, and leaves nothing behind") {
  Case files;
  const Descriptor file(::open(files.write("a", "x").c_str(), O_RDONLY | O_CLOEXEC));
  const KeptContent one = content(CustodyBook::most_kept_bytes);
  CHECK(files.book().keep(one, file.number()) == 0);  // says so many: the sum counts what is said
  CHECK(files.book().keep(content(1), file.number()) == EDQUOT);
  CHECK(files.book().keep(one, file.number()) == EDQUOT);
  CHECK(files.book().discard(one.id));
  CHECK(files.book().keep(content(1), -1) == EBADF);
  REQUIRE(::chmod((files.home().path() / "kept").c_str(), 0500) == 0);
  if (::geteuid() != 0) CHECK(files.book().keep(content(1), file.number()) == EACCES);
  REQUIRE(::chmod((files.home().path() / "kept").c_str(), 0700) == 0);
  CHECK(files.book().kept()->empty());
  CHECK(std::filesystem::is_empty(files.home().path() / "kept"));
}

TEST_CASE("custody: an allowed change is made as it was asked for") {
  Case files;
  const std::string a = files.write("a", "1");
  CHECK(files.why_not(files.hold(Effect::remove, a)).empty());
  CHECK(!std::filesystem::exists(a));
  CHECK(files.read(files.book().content_file(files.book().kept()->front().id)) == "1");

  const std::string b = files.write("b", "2");
  CHECK(files.why_not(files.hold(Effect::move, b, files.at("c"))).empty());
  CHECK(files.read(files.at("c")) == "2");

  const std::string d = files.write("d", "3");
  CHECK(files.why_not(files.hold(Effect::replace, d, files.at("c"))).empty());
  CHECK(files.read(files.at("c")) == "3");
  CHECK(files.read(files.book().content_file(files.book().kept()->back().id)) == "2");

  std::filesystem::create_directory(files.at("empty"));
  CHECK(files.why_not(files.hold(Effect::remove, files.at("empty"))).empty());
  CHECK(!std::filesystem::exists(files.at("empty")));
}

TEST_CASE("custody: an allowed change that is another one by now is refused") {
  Case files;
  const std::string gone = files.hold(Effect::remove, files.at("gone"));
  CHECK(files.why_not(gone).ends_with("is not there any more"));

  const std::string a = files.write("a", "1");
  const std::string swapped = files.hold(Effect::remove, a);
  ::rename(files.write("b", "2").c_str(), a.c_str());
  CHECK(files.why_not(swapped).ends_with("is another file than the one that was asked about"));

  const std::string c = files.write("c", "3");
  const std::string taken = files.hold(Effect::move, c, files.write("d", "4"));
  CHECK(files.why_not(taken).find("File exists") != std::string::npos);
  CHECK(files.read(files.at("d")) == "4");

  std::filesystem::create_directory(files.at("sub"));
  const std::string linked = files.hold(Effect::remove, files.write("sub/x", "5"));
  std::filesystem::rename(files.at("sub"), files.at("real"));
  std::filesystem::create_directory_symlink("real", files.at("sub"));
  CHECK(files.why_not(linked).find("without following symbolic links") != std::string::npos);
  CHECK(files.read(files.at("real/x")) == "5");

  std::filesystem::create_directory(files.at("full"));
  const std::string full = files.hold(Effect::remove, files.at("full"));
  files.write("full/x", "6");
  CHECK(files.why_not(full).find("not empty") != std::string::npos);
}

TEST_CASE("custody: a restored content stands where it was, and what stood there is kept") {
  Case files;
  const std::string path = files.write("a", "old");
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  KeptContent one = content(3);
  one.path = path;
  one.owner = ::geteuid();
  one.group = ::getegid();
  REQUIRE(files.book().keep(one, file.number()) == 0);
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
  CHECK(!restore_content(files.book(), one, "relative"));
}

TEST_CASE("custody: a store of the first schema is brought up to date") {
  TemporaryHome home;
  {
    auto store = home.open();
    REQUIRE(store->database().run("DROP TABLE held; DROP TABLE kept; PRAGMA user_version=1"));
  }
  auto book = CustodyBook::open(home.path());
  REQUIRE(book);
  CHECK((*book)->waiting()->empty());
  CHECK((*book)->kept()->empty());
}

}  // namespace toolgate
