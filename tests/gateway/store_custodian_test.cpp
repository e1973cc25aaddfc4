#include "gateway/store/store_custodian.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <condition_variable>
#include <mutex>

#include "tests/gateway/custody_case.hpp"

namespace toolgate {
namespace {

using test::CustodyCase;
using Effect = FileNote::Effect;

// What was told, in its order, from whatever thread.
class Told {
 public:
  void tell(const std::string& what) {
    const std::lock_guard lock(mutex_);
    told_.push_back(what);
    changed_.notify_all();
  }
  std::vector<std::string> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(60), [&] { return told_.size() >= count; });
    return told_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> told_;
};

FileNote note(Effect effect, const std::string& path) {
  return FileNote{make_uuid_v7(), effect, path, ""};
}

Descriptor reading(const std::string& path) {
  return Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

std::unique_ptr<StoreCustodian> open_custodian(const CustodyCase& files) {
  auto custodian = StoreCustodian::open(files.home());
  REQUIRE(custodian);
  return std::move(*custodian);
}

}  // namespace

TEST_CASE("store custodian: a large file of one server delays nobody else") {
  CustodyCase files;
  const std::string large = files.write("large", std::string(std::size_t{256} << 20, 'x'));
  const std::string small = files.write("small", "x");
  auto custodian = open_custodian(files);
  Told told;
  custodian->keep(ServerName("one"), note(Effect::kept, large), reading(large),
                  [&](int error) { told.tell("large " + std::to_string(error)); });
  custodian->hold(ServerName("two"), note(Effect::remove, small),
                  [&](const std::string& id) { told.tell(id.empty() ? "not held" : "held"); });
  custodian->keep(ServerName("two"), note(Effect::kept, small), reading(small),
                  [&](int error) { told.tell("small " + std::to_string(error)); });
  auto all = told.wait_for(3);
  REQUIRE(all.size() == 3);
  CHECK(all.back() == "large 0");
  std::ranges::sort(all);
  CHECK(all == std::vector<std::string>{"held", "large 0", "small 0"});
}

TEST_CASE("store custodian: what is being copied is given up when it goes") {
  CustodyCase files;
  const std::string large = files.write("large", std::string(std::size_t{64} << 20, 'x'));
  auto custodian = open_custodian(files);
  Told told;
  for (int i = 0; i < 20; ++i) {
    custodian->keep(ServerName("one"), note(Effect::kept, large), reading(large),
                    [&](int error) { told.tell(std::to_string(error)); });
  }
  custodian.reset();
  const auto all = told.wait_for(20);
  REQUIRE(all.size() == 20);
  CHECK(all.back() == std::to_string(ECANCELED));
  CHECK(files.stored() == files.book().kept()->size());
}

TEST_CASE("store custodian: refusals are remembered together, the same one once") {
  CustodyCase files;
  auto custodian = open_custodian(files);
  Told told;
  for (int i = 0; i < 900; ++i) {
    const std::string path = files.write(("n" + std::to_string(i % 300)).c_str(), "");
    custodian->hold(ServerName("one"), note(Effect::remove, path),
                    [&](const std::string& id) { told.tell(id); });
  }
  const auto ids = told.wait_for(900);
  REQUIRE(ids.size() == 900);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    CHECK(!ids[i].empty());
    CHECK(ids[i] == ids[i % 300]);
  }
  CHECK(files.book().waiting()->size() == 300);
}

TEST_CASE("store custodian: an owner is that of the same file on the host") {
  CustodyCase files;
  const std::string path = files.write("a", "x");
  const std::string other = files.write("b", "x");
  auto custodian = open_custodian(files);
  Told told;
  for (const std::string& said : {path, other}) {
    custodian->keep(ServerName("one"), note(Effect::kept, said), reading(path),
                    [&](int error) { told.tell(std::to_string(error)); });
  }
  CHECK(told.wait_for(2) == std::vector<std::string>{"0", "0"});
  const auto kept = *files.book().kept();
  REQUIRE(kept.size() == 2);
  CHECK(kept[0].owner == ::geteuid());
  CHECK(kept[1].owner == (::geteuid() == 0 ? KeptContent::no_owner : ::geteuid()));
}

TEST_CASE("store custodian: what no call claimed is handed to the recorder, with whose it is") {
  CustodyCase files;
  auto custodian = open_custodian(files);
  asio::io_context loop;
  auto notes = std::make_shared<OpenNotes>(loop.get_executor());
  custodian->unclaimed(ServerName("s"), "", notes);  // nobody records yet
  std::vector<std::string> recorded;
  custodian->record_with([&](const Record& record, const std::shared_ptr<OpenNotes>& given) {
    CHECK(given == notes);
    recorded.push_back(record.server + " " + record.agent);
  });
  custodian->unclaimed(ServerName("s"), "", notes);
  custodian->unclaimed(ServerName("agent"), "ann", notes);
  CHECK(recorded == std::vector<std::string>{"s ", "agent ann"});
}

}  // namespace toolgate
