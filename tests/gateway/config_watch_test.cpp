#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "gateway/config/edit.hpp"
#include "gateway/config/watch.hpp"

using namespace toolgate;

namespace {

struct Folder {
  std::filesystem::path path;
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "toolgate-test.XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
};

void write(const std::filesystem::path& file, const std::string& text) {
  std::ofstream(file, std::ios::binary) << text;
}

struct Watched {
  asio::io_context context;
  int calls = 0;
  std::unique_ptr<ConfigurationWatch> watch;

  explicit Watched(const std::filesystem::path& file) {
    auto started = ConfigurationWatch::start(context.get_executor(), file, [this] { ++calls; });
    REQUIRE(started);
    watch = std::move(*started);
  }

  // Runs the loop until there were that many calls; a test that would wait forever fails instead.
  bool reaches(int wanted) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (calls < wanted && std::chrono::steady_clock::now() < deadline) {
      context.restart();
      context.run_one_for(std::chrono::milliseconds(500));
    }
    return calls == wanted;
  }
};

}  // namespace

TEST_CASE("a file that is replaced or written is noticed, its neighbours are not") {
  const Folder folder;
  const std::filesystem::path file = folder.path / "toolgate.json";
  write(file, "{}");
  Watched watched(file);
  write(folder.path / "store.db", "x");
  write(file, "{ }");
  CHECK(watched.reaches(1));
  REQUIRE(replace_file(file, "{  }"));
  CHECK(watched.reaches(2));
  std::filesystem::remove(file);
  CHECK(watched.reaches(3));
  write(file, "{}");
  CHECK(watched.reaches(4));
}

TEST_CASE("changes in quick succession are one call") {
  const Folder folder;
  const std::filesystem::path file = folder.path / "toolgate.json";
  Watched watched(file);  // it need not be there yet
  for (int i = 0; i < 20; ++i) write(file, std::to_string(i));
  CHECK(watched.reaches(1));
}

TEST_CASE("a link is followed") {
  const Folder folder;
  std::filesystem::create_directory(folder.path / "real");
  const std::filesystem::path target = folder.path / "real" / "dotfile.json";
  write(target, "{}");
  std::filesystem::create_symlink("real/dotfile.json", folder.path / "toolgate.json");
  Watched watched(folder.path / "toolgate.json");
  write(target, "{ }");
  CHECK(watched.reaches(1));
}

TEST_CASE("nothing is called after the watch has gone") {
  const Folder folder;
  const std::filesystem::path file = folder.path / "toolgate.json";
  Watched watched(file);
  write(file, "{}");
  watched.watch.reset();
  watched.context.run();
  CHECK(watched.calls == 0);
}

TEST_CASE("a callback may end the watch") {
  const Folder folder;
  const std::filesystem::path file = folder.path / "toolgate.json";
  asio::io_context context;
  int calls = 0;
  std::unique_ptr<ConfigurationWatch> watch;
  auto started = ConfigurationWatch::start(context.get_executor(), file, [&] {
    ++calls;
    watch.reset();
  });
  REQUIRE(started);
  watch = std::move(*started);
  write(file, "{}");
  context.run();
  CHECK(calls == 1);
}

TEST_CASE("a directory that is not there cannot be watched") {
  asio::io_context context;
  const auto started =
      ConfigurationWatch::start(context.get_executor(), "/nowhere/at/all/toolgate.json", [] {});
  REQUIRE(!started);
  CHECK(started.refusal().reason == Reason::unavailable);
  CHECK(started.refusal().detail ==
        "the directory of /nowhere/at/all/toolgate.json cannot be watched: No such file or "
        "directory");
}
