#include "gateway/store/custody_book.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <thread>

#include "connectors/descriptor.hpp"
#include "gateway/store/sqlite.hpp"
#include "tests/gateway/custody_case.hpp"
#include "tests/gateway/small_disk.hpp"

namespace toolgate {
namespace {

using test::CustodyCase;
using test::some_content;
using test::TemporaryHome;
using Effect = FileNote::Effect;
constexpr auto bounded = CustodyBook::Room::bounded;

Descriptor reading(const std::string& path) {
  return Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

}  // namespace

TEST_CASE("custody: the same question waits once, until another file stands there") {
  CustodyCase files;
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

TEST_CASE(
    "custody: a file that got the inode of the one that was asked about is another question") {
  CustodyCase files;
  const std::string path = files.write("a", "junk");
  const HostFile before = file_at(path);
  REQUIRE(before.is_there());
  CHECK(before.born_ns != 0);
  const std::string id = files.hold(Effect::remove, path);
  REQUIRE(files.book().decide(id, HeldChange::State::denied));
  HostFile after;
  for (int i = 0; i < 100 && after.inode != before.inode; ++i) {
    std::filesystem::remove(path);
    files.write("a", "precious");
    after = file_at(path);
  }
  CHECK(files.hold(Effect::remove, path) != id);
}

TEST_CASE("custody: what stands at the target is part of the question") {
  CustodyCase files;
  const std::string path = files.write("a", "1");
  const std::string id = files.hold(Effect::replace, path, files.write("b", "junk"));
  CHECK(files.hold(Effect::replace, path, files.at("b")) == id);
  ::rename(files.write("c", "precious").c_str(), files.at("b").c_str());
  CHECK(files.hold(Effect::replace, path, files.at("b")) != id);
}

TEST_CASE("custody: paths of any bytes are kept as they are") {
  CustodyCase files;
  const std::string path = files.at("not \xff utf-8\n");
  const std::string id = files.hold(Effect::move, path, "/to \x80");
  CHECK(files.held(id).note.path == path);
  CHECK(files.held(id).note.to == "/to \x80");
}

TEST_CASE("custody: what waits for one server is bounded, and so is what was decided") {
  CustodyBook::Limits limits;
  limits.waiting = 3;
  limits.decided = 2;
  CustodyCase files(limits);
  std::vector<std::string> ids;
  for (const char* path : {"/none/1", "/none/2", "/none/3"}) {
    ids.push_back(files.hold(Effect::remove, path));
  }
  CHECK(files.hold(Effect::remove, "/none/more").empty());
  CHECK(!files.hold(Effect::remove, "/none/more", "", "other").empty());
  for (const std::string& id : ids) {
    REQUIRE(files.book().decide(id, HeldChange::State::denied));
  }
  CHECK(!*files.book().held(ids[0]));
  CHECK(*files.book().held(ids[1]));
  CHECK(*files.book().held(ids[2]));
  CHECK(files.book().waiting()->size() == 1);
}

TEST_CASE("custody: a content is kept, listed, read and discarded") {
  CustodyCase files;
  const std::string path = files.write("a", std::string(100'000, 'x') + std::string("\0y", 2));
  const KeptContent one = some_content();
  CHECK(files.book().keep(one, reading(path).number(), bounded) == 0);
  CHECK(files.read(files.book().content_file(one.id)) == files.read(path));
  struct stat about{};
  ::stat(files.book().content_file(one.id).c_str(), &about);
  CHECK((about.st_mode & 0777) == 0600);
  REQUIRE(files.book().kept()->size() == 1);
  CHECK(files.book().kept()->front().path == "/x");
  CHECK(files.book().kept()->front().bytes == 100'002);
  REQUIRE(files.book().discard(one.id));
  CHECK(files.book().kept()->empty());
  CHECK(files.stored() == 0);
  CHECK(!files.book().discard(one.id));
}

TEST_CASE("custody: what cannot be kept is an error, and leaves nothing behind") {
  CustodyCase files;
  const Descriptor file = reading(files.write("a", "x"));
  CHECK(files.book().keep(some_content(), -1, bounded) == EBADF);
  CHECK(files.book().keep(some_content(), reading("/dev/null").number(), bounded) == EINVAL);
  const std::atomic<bool> stop = true;
  CHECK(files.book().keep(some_content(), file.number(), bounded, &stop) == ECANCELED);
  REQUIRE(::chmod((files.home() / "kept").c_str(), 0500) == 0);
  if (::geteuid() != 0) CHECK(files.book().keep(some_content(), file.number(), bounded) == EACCES);
  REQUIRE(::chmod((files.home() / "kept").c_str(), 0700) == 0);
  CHECK(files.book().kept()->empty());
  CHECK(files.stored() == 0);
}

TEST_CASE("custody: what is kept of one server is bounded in bytes, and empty files cost too") {
  CustodyBook::Limits limits;
  limits.kept_bytes = 4 * CustodyBook::least_bytes;
  CustodyCase files(limits);
  const Descriptor large = reading(files.write("large", std::string(8192, 'x')));
  const Descriptor empty = reading(files.write("empty", ""));
  CHECK(files.book().keep(some_content(), large.number(), bounded) == 0);
  CHECK(files.book().keep(some_content(), empty.number(), bounded) == 0);
  CHECK(files.book().keep(some_content(), large.number(), bounded) == EDQUOT);
  CHECK(files.book().keep(some_content(), empty.number(), bounded) == 0);
  CHECK(files.book().keep(some_content(), empty.number(), bounded) == EDQUOT);
  CHECK(files.book().keep(some_content(), empty.number(), CustodyBook::Room::unbounded) == 0);
  KeptContent other = some_content();
  other.server = "other";
  CHECK(files.book().keep(other, large.number(), bounded) == 0);
  CHECK(files.stored() == 5);
}

TEST_CASE("custody: what is kept of one server is bounded in number") {
  CustodyBook::Limits limits;
  limits.kept_rows = 2;
  CustodyCase files(limits);
  const Descriptor file = reading(files.write("a", ""));
  CHECK(files.book().keep(some_content(), file.number(), bounded) == 0);
  CHECK(files.book().keep(some_content(), file.number(), bounded) == 0);
  CHECK(files.book().keep(some_content(), file.number(), bounded) == EDQUOT);
}

TEST_CASE("custody: what servers change never takes the last room of the disk") {
  constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;
  CustodyBook::Limits limits;
  limits.free_bytes = 8 * mebibyte;
  const int failed = test::on_small_disk(24 * mebibyte, [&](const std::filesystem::path& disk) {
    auto store = Store::open(disk, Store::Mode::create);
    auto book = CustodyBook::open(disk, limits);
    if (!store || !book) return 1;
    const auto path = disk / "changing";
    std::ofstream(path) << std::string(6 * mebibyte, 'x');
    const auto keep = [&](CustodyBook::Room room) {
      return (*book)->keep(some_content(), reading(path).number(), room);
    };
    if (keep(bounded) != 0) return 2;
    if (keep(bounded) != ENOSPC || (*book)->kept()->size() != 1) return 3;
    // A file that is all holes takes none.
    std::filesystem::resize_file(path, 0);
    std::filesystem::resize_file(path, std::uintmax_t{1} << 30);
    if (keep(bounded) != 0) return 4;
    // An administrator may go further, and then not even an empty file of a server is kept.
    std::ofstream(path, std::ios::trunc) << std::string(5 * mebibyte, 'x');
    if (keep(CustodyBook::Room::unbounded) != 0) return 5;
    std::ofstream(path, std::ios::trunc) << std::string(3 * mebibyte, 'x');
    if (keep(CustodyBook::Room::unbounded) != 0) return 6;
    std::ofstream(disk / "other") << std::string(4 * mebibyte, 'x');
    std::filesystem::resize_file(path, 0);
    if (keep(bounded) != ENOSPC) return 7;
    if ((*book)->keep_link(some_content(), "target", bounded) != ENOSPC) return 8;
    const auto stored = std::filesystem::directory_iterator(disk / "kept");
    return std::distance(begin(stored), end(stored)) == 4 ? 0 : 9;
  });
  CHECK(failed == 0);
}

TEST_CASE("custody: a file that changes while it is kept is not kept, and takes no more room") {
  CustodyCase files;
  const std::string path = files.write("a", std::string(1 << 20, 'x'));
  constexpr off_t size = 1 << 20;
  struct Row {
    const char* name;
    std::function<long(int file, int round)> change;
  };
  const std::string more(65536, 'y');
  for (const Row& row :
       {Row{"it grows",
            [&](int file, int round) {
              return ::pwrite(file, more.data(), more.size(), size + 65536 * (round % 512));
            }},
        Row{"it shrinks",
            [](int file, int round) { return long{::ftruncate(file, size - round % 1000)}; }},
        Row{"it changes", [](int file, int) { return ::pwrite(file, "z", 1, 1000); }}}) {
    CAPTURE(row.name);
    std::filesystem::resize_file(path, size);
    std::atomic<bool> ends = false;
    std::thread writer([&] {
      const Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
      for (int round = 0; !ends && row.change(file.number(), round) >= 0; ++round) {
      }
    });
    const Descriptor file = reading(path);
    int changed = 0;
    for (int i = 0; i < 20; ++i) {
      const KeptContent one = some_content();
      const int error = files.book().keep(one, file.number(), bounded);
      CHECK((error == 0 || error == EAGAIN));
      if (error == EAGAIN) ++changed;
      if (error != 0) continue;
      const auto stored = std::filesystem::file_size(files.book().content_file(one.id));
      CHECK((**files.book().kept(one.id)).bytes == stored);
    }
    ends = true;
    writer.join();
    CHECK(changed > 0);
    CHECK(files.stored() == files.book().kept()->size());
  }
}

TEST_CASE("custody: holes stay holes") {
  CustodyCase files;
  const std::string path = files.write("a", "begin");
  std::filesystem::resize_file(path, std::uintmax_t{1} << 30);
  std::ofstream(path, std::ios::in | std::ios::out | std::ios::ate) << "end";
  const KeptContent one = some_content();
  REQUIRE(files.book().keep(one, reading(path).number(), bounded) == 0);
  struct stat about{};
  REQUIRE(::stat(files.book().content_file(one.id).c_str(), &about) == 0);
  CHECK(about.st_size == (1 << 30) + 3);
  CHECK(about.st_blocks * 512 < 1 << 20);
  std::ifstream stored(files.book().content_file(one.id));
  std::string text(5, ' ');
  stored.read(text.data(), 5);
  CHECK(text == "begin");
  stored.seekg(1 << 30);
  stored.read(text.data(), 3);
  CHECK(text.substr(0, 3) == "end");
}

TEST_CASE("custody: what was left behind is swept, what is written or listed stays") {
  CustodyCase files;
  const KeptContent listed = some_content();
  REQUIRE(files.book().keep(listed, reading(files.write("a", "1")).number(), bounded) == 0);
  const std::string left = files.book().content_file(make_uuid_v7()).string();
  const std::string written = files.book().content_file(make_uuid_v7()).string();
  const std::string foreign = files.book().content_file("notes").string();
  for (const std::string& path : {left, written, foreign}) std::ofstream(path) << "x";
  {
    const Descriptor writer = reading(written);
    REQUIRE(::flock(writer.number(), LOCK_EX) == 0);
    files.book().sweep();
    CHECK(!std::filesystem::exists(left));
    CHECK(std::filesystem::exists(written));
  }
  files.book().sweep();
  CHECK(!std::filesystem::exists(written));
  CHECK(std::filesystem::exists(foreign));
  CHECK(files.read(files.book().content_file(listed.id)) == "1");
}

TEST_CASE("custody: a store of the first schema is brought up to date") {
  TemporaryHome home;
  {
    auto store = home.open();
    REQUIRE(store->database().run(
        "DROP TABLE held; DROP TABLE kept; DROP TABLE sightings; DROP TABLE decisions;"
        " PRAGMA user_version=1"));
  }
  auto book = CustodyBook::open(home.path());
  REQUIRE(book);
  CHECK((*book)->waiting()->empty());
  CHECK((*book)->kept()->empty());
}

}  // namespace toolgate
