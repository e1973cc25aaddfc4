#include "signing/sealed_state.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <vector>

namespace toolgate {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view refused =
    "this requestState is not one of this gateway's for this request";

class Folder {
 public:
  Folder() {
    auto pattern = (fs::temp_directory_path() / "toolgate-seal-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  Folder(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  fs::path file(std::string_view name) const { return path_ / name; }
  std::ptrdiff_t size() const {
    return std::distance(fs::directory_iterator(path_), fs::directory_iterator());
  }

 private:
  fs::path path_;
};

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void write(const fs::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
  REQUIRE(::chmod(path.c_str(), 0600) == 0);
}

// Every refusal is the same: it says nothing of how near a forgery came.
bool refuses(const StateSeal& seal, std::string_view sealed, std::string_view bound_to) {
  auto opened = seal.open(sealed, bound_to);
  return !opened && opened.refusal().reason == Reason::invalid_params &&
         opened.refusal().detail == refused;
}

TEST_CASE("what was sealed opens to what it was") {
  auto seal = StateSeal::generate();
  struct Row {
    const char* name;
    std::string plain;
    std::string bound_to;
  };
  const Row rows[] = {
      {"a state", R"({"round":2})", "alice tools/call"},
      {"nothing", "", "alice"},
      {"bound to nothing", "x", ""},
      {"all bytes", std::string("\0\xFF\n\"", 4), std::string("\0", 1)},
      {"the largest", std::string(StateSeal::plain_bytes_most, 'x'), std::string(100'000, 'b')},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    auto sealed = seal.seal(row.plain, row.bound_to);
    REQUIRE(sealed);
    CHECK(sealed->find_first_not_of(
              "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
          std::string::npos);
    CHECK(sealed->size() <= StateSeal::sealed_bytes_most);
    auto opened = seal.open(*sealed, row.bound_to);
    REQUIRE(opened);
    CHECK(*opened == row.plain);
  }
  auto larger = seal.seal(std::string(StateSeal::plain_bytes_most + 1, 'x'), "");
  REQUIRE_FALSE(larger);
  CHECK(larger.refusal().reason == Reason::too_large);
}

TEST_CASE("the same state sealed twice looks different, and shows nothing of itself") {
  auto seal = StateSeal::generate();
  auto first = seal.seal("a secret that is long enough to be found", "alice");
  auto second = seal.seal("a secret that is long enough to be found", "alice");
  REQUIRE(first);
  REQUIRE(second);
  // The version is the same, and the first character of base64 has nothing else in it.
  CHECK(first->substr(2) != second->substr(2));
  CHECK(first->substr(40) != second->substr(40));
}

TEST_CASE("a sealed state does not open once anything of it was changed") {
  auto seal = StateSeal::generate();
  auto other = StateSeal::generate();
  for (std::size_t size : {0UZ, 1UZ, 2UZ, 3UZ, 50UZ}) {  // every remainder of base64
    CAPTURE(size);
    std::string plain(size, 'p');
    auto sealed = seal.seal(plain, "alice");
    REQUIRE(sealed);
    for (std::size_t at = 0; at < sealed->size(); ++at) {
      for (unsigned bit = 0; bit < 8; ++bit) {
        std::string changed = *sealed;
        changed[at] = static_cast<char>(static_cast<unsigned char>(changed[at]) ^ (1U << bit));
        REQUIRE(refuses(seal, changed, "alice"));
      }
      REQUIRE(refuses(seal, sealed->substr(0, at), "alice"));
      REQUIRE(refuses(seal, sealed->substr(at + 1), "alice"));
      REQUIRE(refuses(seal, sealed->substr(0, at) + " " + sealed->substr(at), "alice"));
    }
    CHECK(refuses(other, *sealed, "alice"));
    CHECK(seal.open(*sealed, "alice"));
  }
}

TEST_CASE("a sealed state opens for nothing but what it was bound to") {
  auto seal = StateSeal::generate();
  auto sealed = seal.seal("plain", "alice tools/call");
  REQUIRE(sealed);
  for (const char* other : {"", "alice", "alice tools/call ", "bob tools/call", "alice\ntools/call",
                            "Alice tools/call", "alice tools/calls"}) {
    CAPTURE(other);
    CHECK(refuses(seal, *sealed, other));
  }
}

TEST_CASE("what is no sealed state is refused") {
  auto seal = StateSeal::generate();
  auto sealed = seal.seal("plain", "");
  REQUIRE(sealed);
  struct Row {
    const char* name;
    std::string text;
  };
  const Row rows[] = {
      {"empty", ""},
      {"short", "AQ"},
      {"a version and nothing", "AQAA"},
      {"as long as an empty one, of zeros", std::string(55, 'A')},
      {"other text", R"({"requestState":true})"},
      {"NUL", std::string(60, '\0')},
      {"padding", *sealed + "="},
      {"two of them", *sealed + *sealed},
      {"a line end", *sealed + "\n"},
      {"standard base64", "++++" + sealed->substr(4)},
      {"a byte beyond ASCII for _", std::string(54, 'A') + "\xFF"},
      {"beyond ASCII", "\xC3\xA9" + sealed->substr(2)},
      {"the largest", std::string(StateSeal::sealed_bytes_most, 'A')},
      {"huge", std::string(StateSeal::sealed_bytes_most + 1, 'A')},
      {"huge, and begins well", *sealed + std::string(10'000'000, 'A')},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(refuses(seal, row.text, ""));
  }
}

TEST_CASE("the key is made once, for this user alone, and found again") {
  Folder folder;
  auto path = folder.file("state.key");
  auto made = StateSeal::load_or_make(path);
  REQUIRE(made);
  CHECK(folder.size() == 1);
  struct stat status;
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  auto text = read(path);
  CHECK(text.starts_with("toolgate-state-key v1\n"));

  auto sealed = made->seal("plain", "alice");
  REQUIRE(sealed);
  auto again = StateSeal::load_or_make(path);
  REQUIRE(again);
  CHECK(again->open(*sealed, "alice"));
  CHECK(read(path) == text);

  auto missing = StateSeal::load_or_make(folder.file("missing") / "state.key");
  REQUIRE_FALSE(missing);
  CHECK(missing.refusal().reason == Reason::storage);
}

TEST_CASE("a key file that is not private or no key is refused, by name and with the remedy") {
  Folder folder;
  auto path = folder.file("state.key");
  REQUIRE(StateSeal::load_or_make(path));
  const std::string text = read(path);
  auto edited = [&text](std::string_view from, std::string_view to) {
    auto copy = text;
    return copy.replace(copy.find(from), from.size(), to);
  };
  struct Row {
    const char* name;
    std::string text;
    mode_t mode;
  };
  const Row rows[] = {
      {"readable by the group", text, 0640},
      {"readable by all", text, 0604},
      {"writable by all", text, 0602},
      {"empty", "", 0600},
      {"another version", edited("v1", "v2"), 0600},
      {"another kind", edited("state", "other"), 0600},
      {"one byte short", text.substr(0, text.size() - 1), 0600},
      {"a short key", text.substr(0, text.size() - 5) + "\n", 0600},
      {"one byte more", text + "\n", 0600},
      {"no base64", text.substr(0, text.size() - 3) + "!!\n", 0600},
      {"bytes beyond ASCII", text.substr(0, text.size() - 4) + "\xFF\xFF=\n", 0600},
      {"huge", text + std::string(1'000'000, 'A'), 0600},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    write(path, row.text);
    REQUIRE(::chmod(path.c_str(), row.mode) == 0);
    auto loaded = StateSeal::load_or_make(path);
    REQUIRE_FALSE(loaded);
    CHECK(loaded.refusal().reason == Reason::storage);
    CHECK(loaded.refusal().detail.find(path.string()) != std::string::npos);
    CHECK(loaded.refusal().detail.find("; remove it") != std::string::npos);
    CHECK(read(path) == row.text);
  }
  write(path, text);
  CHECK(StateSeal::load_or_make(path));
}

TEST_CASE("a key file is a plain file, and nothing is made through a link") {
  Folder folder;
  fs::create_symlink(folder.file("elsewhere"), folder.file("dangling"));
  CHECK_FALSE(StateSeal::load_or_make(folder.file("dangling")));
  CHECK_FALSE(fs::exists(folder.file("elsewhere")));
  REQUIRE(StateSeal::load_or_make(folder.file("elsewhere")));
  CHECK_FALSE(StateSeal::load_or_make(folder.file("dangling")));
  REQUIRE(::mkfifo(folder.file("pipe").c_str(), 0600) == 0);
  CHECK_FALSE(StateSeal::load_or_make(folder.file("pipe")));
  fs::create_directory(folder.file("folder"));
  CHECK_FALSE(StateSeal::load_or_make(folder.file("folder")));
}

// In a child: waits for the others at the gate, loads or makes the key, and writes what it sealed.
[[noreturn]] void seal_in_child(const fs::path& path, int gate, int out) {
  char byte = 0;
  if (::read(gate, &byte, 1) != 0) ::_exit(2);
  auto seal = StateSeal::load_or_make(path);
  if (!seal) ::_exit(3);
  auto sealed = seal->seal("plain", "alice");
  bool written = sealed && ::write(out, sealed->data(), sealed->size()) ==
                               static_cast<ssize_t>(sealed->size());
  ::_exit(written ? 0 : 4);
}

TEST_CASE("several processes that make the key at once end with one key") {
  constexpr std::size_t processes = 8;
  for (int round = 0; round < 5; ++round) {
    Folder folder;
    auto path = folder.file("state.key");
    std::array<int, 2> gate{};
    REQUIRE(::pipe(gate.data()) == 0);
    struct Child {
      pid_t id;
      int out;
    };
    std::vector<Child> children;
    for (std::size_t i = 0; i < processes; ++i) {
      std::array<int, 2> out{};
      REQUIRE(::pipe(out.data()) == 0);
      pid_t id = ::fork();
      REQUIRE(id >= 0);
      if (id == 0) {
        ::close(gate[1]);
        seal_in_child(path, gate[0], out[1]);
      }
      ::close(out[1]);
      children.push_back(Child{id, out[0]});
    }
    ::close(gate[0]);
    ::close(gate[1]);  // they start

    std::vector<std::string> sealed;
    for (const Child& child : children) {
      std::array<char, 200> buffer{};
      auto size = ::read(child.out, buffer.data(), buffer.size());
      ::close(child.out);
      int how = 0;
      REQUIRE(::waitpid(child.id, &how, 0) == child.id);
      CHECK(how == 0);
      sealed.emplace_back(buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    }
    auto seal = StateSeal::load_or_make(path);
    REQUIRE(seal);
    for (const std::string& state : sealed) CHECK(seal->open(state, "alice"));
    CHECK(folder.size() == 1);
  }
}

}  // namespace
}  // namespace toolgate
