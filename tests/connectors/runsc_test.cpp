#include "connectors/sandbox/runsc.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

namespace toolgate {
namespace {

namespace json = boost::json;

SandboxPlan plan() {
  SandboxPlan plan;
  plan.tier = SandboxTier::gvisor;
  plan.limits = {.memory_mb = 512, .processes = 10, .cpu_s = 60, .open_files = 99, .file_mb = 7};
  return plan;
}

json::object bundle(const SandboxPlan& plan) {
  return json::parse(runsc_bundle_text(plan, 1000, 1001)).as_object();
}

const json::object* mount_at(const json::object& bundle, std::string_view path) {
  for (const json::value& mount : bundle.at("mounts").as_array()) {
    if (mount.at("destination").as_string() == path) return &mount.as_object();
  }
  return nullptr;
}

std::string options_of(const json::object& bundle, std::string_view path) {
  const json::object* mount = mount_at(bundle, path);
  if (mount == nullptr) return "none";
  std::string options;
  for (const json::value& option : mount->at("options").as_array()) {
    options += (options.empty() ? "" : " ") + std::string(option.as_string());
  }
  return options;
}

TEST_CASE("runsc's bundle: an ordinary user without capabilities, on a root that is only read") {
  const json::object text = bundle(plan());
  const json::object& process = text.at("process").as_object();
  CHECK(process.at("user").at("uid").as_int64() == 1000);
  CHECK(process.at("user").at("gid").as_int64() == 1001);
  CHECK(process.at("noNewPrivileges").as_bool());
  CHECK_FALSE(process.at("terminal").as_bool());
  for (const char* set : {"bounding", "effective", "inheritable", "permitted", "ambient"}) {
    CHECK(process.at("capabilities").at(set).as_array().empty());
  }
  CHECK(text.at("root").at("readonly").as_bool());
  CHECK(text.at("root").at("path").as_string() == "/");
}

TEST_CASE("runsc's bundle: the limits of the plan hold inside") {
  std::string limits;
  for (const json::value& limit : bundle(plan()).at("process").at("rlimits").as_array()) {
    CHECK(limit.at("hard") == limit.at("soft"));
    limits += std::string(limit.at("type").as_string()) + "=" +
              std::to_string(limit.at("hard").to_number<std::uint64_t>()) + " ";
  }
  CHECK(limits ==
        "RLIMIT_CORE=0 RLIMIT_DATA=536870912 RLIMIT_NPROC=11 RLIMIT_NOFILE=99 "
        "RLIMIT_FSIZE=7340032 RLIMIT_MSGQUEUE=0 RLIMIT_RTPRIO=0 RLIMIT_NICE=0 "
        "RLIMIT_MEMLOCK=1048576 ");
}

TEST_CASE("runsc's bundle: each scope and program has the flags that the host holds") {
  SandboxPlan asked = plan();
  asked.files = {{"/srv/read", FileMode::ro, false},
                 {"/srv/run", FileMode::ro, true},
                 {"/srv/write", FileMode::rw, false},
                 {"/srv/keep", FileMode::rw_no_delete, false},
                 {"/srv/staged", FileMode::rw_no_delete, false, true},
                 {"/opt/server/data", FileMode::rw, false},
                 {"/opt/both", FileMode::rw, false}};
  asked.programs = {"/opt/server", "/opt/both"};
  const json::object text = bundle(asked);
  CHECK(options_of(text, "/srv/read") == "bind ro noexec");
  CHECK(options_of(text, "/srv/run") == "bind ro");
  CHECK(options_of(text, "/srv/write") == "bind rw noexec");
  CHECK(options_of(text, "/srv/keep") == "bind rw noexec");
  CHECK(options_of(text, "/srv/staged") == "bind rw noexec");
  CHECK(options_of(text, "/opt/server") == "bind ro");
  // What lies in a program's directory may be executed, as Landlock adds it up.
  CHECK(options_of(text, "/opt/server/data") == "bind rw");
  CHECK(options_of(text, "/opt/both") == "bind rw");
  CHECK(options_of(text, sandbox_home) == "bind rw noexec");
}

TEST_CASE("runsc's bundle: memory file systems have a bound, and hide no scope beneath /tmp") {
  SandboxPlan asked = plan();
  CHECK(options_of(bundle(asked), "/tmp") == "noexec mode=1777 size=128m");
  CHECK(options_of(bundle(asked), "/dev/shm") == "noexec mode=1777 size=128m");
  asked.files = {{"/tmp/work", FileMode::rw, false}};
  const json::object text = bundle(asked);
  CHECK(options_of(text, "/tmp") == "bind rw noexec");
  CHECK(options_of(text, "/tmp/work") == "bind rw noexec");
  asked.files = {{"/tmpfolder/work", FileMode::rw, false}};
  CHECK(options_of(bundle(asked), "/tmp") == "noexec mode=1777 size=128m");
}

TEST_CASE("runsc's bundle: a path is one string whatever is in it") {
  SandboxPlan asked = plan();
  const std::string path = "/srv/a\"b\\c\n\x01 \xc3\xa4";
  asked.files = {{path, FileMode::ro, false}};
  const json::object text = bundle(asked);
  REQUIRE(mount_at(text, path) != nullptr);
  CHECK(mount_at(text, path)->at("source").as_string() == path);
}

TEST_CASE("the first process's orders: fields and the filter, as the launcher reads its own") {
  const SandboxedProgram server{{"node", "a b"}, {"A=1"}, "/work"};
  const std::string orders = runsc_first_orders(plan(), server, std::string(16, 'f'));
  constexpr char fields[] =
      "toolgate-runsc 1\0/work\0"
      "60\0"
      "2\0node\0a b\0"
      "1\0A=1\0"
      "2\0"
      "0\0";
  CHECK(orders == std::string(fields, sizeof fields - 1) + std::string(16, 'f'));
}

TEST_CASE("runsc's own limits leave room for its kernel around the server") {
  const SandboxPlan asked = plan();
  auto most = [&](int resource) {
    const auto limits = runsc_limits(asked);
    const auto found = std::ranges::find(limits, resource, &std::pair<int, std::size_t>::first);
    return found == limits.end() ? 0 : found->second;
  };
  CHECK(most(RLIMIT_DATA) > asked.limits.memory_mb << 20);
  CHECK(most(RLIMIT_NPROC) > 2 * asked.limits.processes);
  CHECK(most(RLIMIT_NOFILE) > asked.limits.open_files);
  CHECK(most(RLIMIT_FSIZE) == 0);  // the driver's to set
}

TEST_CASE("the tier gvisor refuses what it does not have, before it looks for runsc") {
  SandboxPlan asked = plan();
  asked.terminal = true;
  Status terminal = check_runsc(asked);
  REQUIRE_FALSE(terminal);
  CHECK(terminal.refusal().detail ==
        "the tier gvisor: it has no terminal and no ports; use \"process\"");
  asked = plan();
  asked.doors = {80};
  CHECK_FALSE(check_runsc(asked));
  asked = plan();
  for (int i = 0; i < 300; ++i)
    asked.files.push_back({"/w/" + std::to_string(i), FileMode::ro, false});
  Status many = check_runsc(asked);
  REQUIRE_FALSE(many);
  CHECK(many.refusal().detail ==
        "the tier gvisor: it has room for 250 file scopes of one server: grant a directory around "
        "them");
}

}  // namespace
}  // namespace toolgate
