#include "connectors/sandbox/machine.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "connectors/guest/orders.hpp"
#include "connectors/sandbox/initial_files.hpp"
#include "connectors/sandbox/machine_kernel.hpp"
#include "connectors/sandbox/paths.hpp"

namespace toolgate {
namespace {

namespace fs = std::filesystem;

// What an archive holds, read as the kernel reads it.
struct Unpacked {
  std::string path;
  unsigned long mode = 0;
  unsigned long major = 0;
  unsigned long minor = 0;
  std::string bytes;
};

std::size_t aligned(std::size_t at) { return (at + 3) / 4 * 4; }

std::vector<Unpacked> unpack(const std::string& archive) {
  std::vector<Unpacked> files;
  for (std::size_t at = 0; at < archive.size();) {
    REQUIRE(archive.substr(at, 6) == "070701");
    auto field = [&](std::size_t number) {
      return std::stoul(archive.substr(at + 6 + number * 8, 8), nullptr, 16);
    };
    Unpacked file;
    const std::size_t name_bytes = field(11);
    file.path = archive.substr(at + 110, name_bytes - 1);
    REQUIRE(archive[at + 110 + name_bytes - 1] == '\0');
    file.mode = field(1);
    file.major = field(9);
    file.minor = field(10);
    const std::size_t begin = aligned(at + 110 + name_bytes);
    file.bytes = archive.substr(begin, field(6));
    at = aligned(begin + field(6));
    files.push_back(std::move(file));
  }
  return files;
}

TEST_CASE("a machine's first files: what was put in is what the kernel unpacks") {
  InitialFiles files;
  files.add_folder("dev");
  files.add_device("dev/console", 5, 1);
  files.add_program("init", std::string("\x7f"
                                        "ELF\0abc",
                                        8));
  for (std::size_t size = 0; size < 9; ++size) {
    files.add_file("f" + std::string(size, 'x'), std::string(size, 'b'));
  }
  const std::string archive = std::move(files).archive();
  CHECK(archive.size() % 4 == 0);
  const auto unpacked = unpack(archive);
  REQUIRE(unpacked.size() == 13);
  CHECK(unpacked[0].path == "dev");
  CHECK(unpacked[0].mode == 040755);
  CHECK(unpacked[1].mode == 020600);
  CHECK(unpacked[1].major == 5);
  CHECK(unpacked[1].minor == 1);
  CHECK(unpacked[2].mode == 0100700);
  CHECK(unpacked[2].bytes == std::string("\x7f"
                                         "ELF\0abc",
                                         8));
  for (std::size_t size = 0; size < 9; ++size) {
    CHECK(unpacked[3 + size].path == "f" + std::string(size, 'x'));
    CHECK(unpacked[3 + size].bytes == std::string(size, 'b'));
  }
  CHECK(unpacked.back().path == "TRAILER!!!");
}

constexpr const char* dependencies =
    "kernel/drivers/virtio/virtio.ko: kernel/drivers/virtio/virtio_ring.ko\n"
    "kernel/drivers/virtio/virtio_ring.ko:\n"
    "kernel/drivers/virtio/virtio_mmio.ko: kernel/drivers/virtio/virtio.ko "
    "kernel/drivers/virtio/virtio_ring.ko\n"
    "kernel/drivers/char/virtio_console.ko: kernel/drivers/virtio/virtio.ko "
    "kernel/drivers/virtio/virtio_ring.ko\n"
    "kernel/net/9p/9pnet.ko.xz:\n"
    "kernel/net/9p/9pnet_virtio.ko.xz: kernel/net/9p/9pnet.ko.xz kernel/drivers/virtio/virtio.ko "
    "kernel/drivers/virtio/virtio_ring.ko\n"
    "kernel/fs/9p/9p.ko.xz: kernel/net/9p/9pnet.ko.xz\n";

TEST_CASE("a machine's modules: each stands after what it needs, and once") {
  const auto order = modules_in_order({"virtio_mmio", "9pnet_virtio", "9p"}, dependencies, "");
  REQUIRE(order);
  const std::vector<std::string> expected = {
      "kernel/drivers/virtio/virtio_ring.ko", "kernel/drivers/virtio/virtio.ko",
      "kernel/drivers/virtio/virtio_mmio.ko", "kernel/net/9p/9pnet.ko.xz",
      "kernel/net/9p/9pnet_virtio.ko.xz",     "kernel/fs/9p/9p.ko.xz"};
  CHECK(*order == expected);
}

TEST_CASE("a machine's modules: one that is in the kernel itself is not looked for") {
  const auto order = modules_in_order({"virtio_pci", "virtio"}, dependencies,
                                      "kernel/drivers/virtio/virtio-pci.ko\n");
  REQUIRE(order);
  CHECK(order->size() == 2);
  const auto missing = modules_in_order({"virtio_pci"}, dependencies, "kernel/fs/ext4/ext4.ko\n");
  REQUIRE_FALSE(missing);
  CHECK(missing.refusal().detail == "virtio_pci");
}

class Folder {
 public:
  Folder() {
    char path[] = "/tmp/toolgate-machine-XXXXXX";
    path_ = ::mkdtemp(path);
  }
  Folder(const Folder&) = delete;
  ~Folder() { fs::remove_all(path_); }
  std::string path(const std::string& below) const { return path_ + "/" + below; }
  void write(const std::string& below, const std::string& text) {
    fs::create_directories(fs::path(path(below)).parent_path());
    std::ofstream(path(below)) << text;
  }

 private:
  std::string path_;
};

TEST_CASE("a machine's kernel: the newest that has the modules, by number") {
  Folder host;
  const std::string all = std::string(dependencies);
  for (const char* version : {"6.1.0-9-amd64", "6.1.0-57-amd64", "6.12.3-cloud-amd64"}) {
    host.write(std::string("boot/vmlinuz-") + version, "kernel");
    host.write(std::string("modules/") + version + "/modules.dep",
               std::string(version).find("cloud") == std::string::npos ? all : "");
  }
  const auto kernel = find_machine_kernel(host.path("boot"), host.path("modules"));
  REQUIRE(kernel);
  CHECK(kernel->image == host.path("boot/vmlinuz-6.1.0-57-amd64"));
  CHECK(kernel->modules.front() ==
        host.path("modules/6.1.0-57-amd64/kernel/drivers/virtio/virtio_ring.ko"));
}

TEST_CASE("a machine's kernel: what is missing is named with the package that brings it") {
  Folder host;
  const auto none = find_machine_kernel(host.path("boot"), host.path("modules"));
  REQUIRE_FALSE(none);
  CHECK(none.refusal().detail.find("apt-get install linux-image-amd64") != std::string::npos);
  host.write("boot/vmlinuz-6.1.0-57-cloud-amd64", "kernel");
  const auto cloud = find_machine_kernel(host.path("boot"), host.path("modules"));
  REQUIRE_FALSE(cloud);
  CHECK(cloud.refusal().detail.find("'virtio_mmio'") != std::string::npos);
  CHECK(cloud.refusal().detail.find("apt-get install linux-image-amd64") != std::string::npos);
}

TEST_CASE("a module that is not packed is read as it is, one that is not there is refused") {
  Folder host;
  host.write("a.ko", "bytes");
  const auto plain = read_module(host.path("a.ko"));
  REQUIRE(plain);
  CHECK(*plain == "bytes");
  CHECK_FALSE(read_module(host.path("b.ko")));
  CHECK_FALSE(read_module(host.path("b.ko.gz")));
}

TEST_CASE("a packed module is unpacked" * doctest::skip(::access("/usr/bin/gzip", X_OK) != 0)) {
  Folder host;
  host.write("a.ko", std::string(100'000, 'm'));
  REQUIRE(std::system(("/usr/bin/gzip " + host.path("a.ko")).c_str()) == 0);
  const auto packed = read_module(host.path("a.ko.gz"));
  REQUIRE(packed);
  CHECK(*packed == std::string(100'000, 'm'));
}

std::vector<std::string> fields_of(const std::string& text) {
  std::vector<std::string> fields;
  std::istringstream stream(text);
  for (std::string field; std::getline(stream, field, '\0');) fields.push_back(field);
  return fields;
}

SandboxPlan machine_plan() {
  SandboxPlan plan;
  plan.tier = SandboxTier::vm;
  plan.limits.memory_mb = 256;
  return plan;
}

TEST_CASE("the orders of a machine's init say what is written to and executed") {
  SandboxPlan plan = machine_plan();
  plan.programs = {"/opt/server", "/srv/both"};
  plan.files = {{"/srv/notes", FileMode::rw},
                {"/srv/tools", FileMode::ro, true},
                {"/srv/both", FileMode::rw_no_delete, false, true}};
  const SandboxedProgram server{{"/opt/server/run", "--now"}, {"A=b"}, "/srv/notes"};
  const std::string filter(16, 'f');
  const std::string text = guest_orders(plan, server, filter);
  CHECK(text.ends_with(filter));
  const auto fields = fields_of(text.substr(0, text.size() - filter.size()));
  REQUIRE(fields.size() > 6);
  CHECK(fields[0] == guest_orders_version);
  CHECK(fields[1] == std::to_string(::getuid()));
  CHECK(fields[3] == std::to_string(64 << 20));
  std::map<std::string, std::string> mounts;
  const std::size_t count = std::stoul(fields[4]);
  for (std::size_t i = 0; i < count; ++i) mounts[fields[6 + 2 * i]] = fields[5 + 2 * i];
  CHECK(mounts["/usr"] == "x");
  CHECK(mounts["/opt/server"] == "x");
  CHECK(mounts["/srv/notes"] == "w");
  CHECK(mounts["/srv/tools"] == "x");
  CHECK(mounts["/srv/both"] == "xw");
  CHECK(fields[5 + 2 * count] == "/srv/notes");
  CHECK(fields[fields.size() - 2] == "2");
  CHECK(fields[fields.size() - 1] == "0");
  const std::vector<std::string> end(fields.end() - 7, fields.end() - 2);
  CHECK(end == std::vector<std::string>{"2", "/opt/server/run", "--now", "1", "A=b"});
}

TEST_CASE("a plan that no machine can carry out is refused before anything else") {
  const SandboxedProgram server{{"/bin/cat"}, {}, "/"};
  SandboxPlan small = machine_plan();
  small.limits.memory_mb = 191;
  const auto too_small = make_machine(small, server, "");
  REQUIRE_FALSE(too_small);
  CHECK(too_small.refusal().reason == Reason::bad_configuration);
  CHECK(too_small.refusal().detail.find("192") != std::string::npos);
  SandboxPlan terminal = machine_plan();
  terminal.terminal = true;
  CHECK_FALSE(make_machine(terminal, server, ""));
  SandboxPlan doors = machine_plan();
  doors.doors = {8080};
  CHECK_FALSE(make_machine(doors, server, ""));
}

}  // namespace
}  // namespace toolgate
