#include <doctest/doctest.h>
#include <sys/stat.h>

#include "connectors/frozen/view.hpp"

namespace toolgate::test {

TEST_CASE("an interpreter is used in place only where root alone can change it") {
  struct stat usr{};
  REQUIRE(::stat("/usr", &usr) == 0);
  struct stat elsewhere{};
  REQUIRE(::stat("/proc/version", &elsewhere) == 0);
  struct Row {
    const char* name;
    dev_t device;
    uid_t owner;
    mode_t mode;
    bool in_place;
  };
  const Row rows[] = {
      {"root's, on the system's file system", usr.st_dev, 0, 0755, true},
      {"a user's", usr.st_dev, 1000, 0755, false},
      {"a group may write", usr.st_dev, 0, 0775, false},
      {"everybody may write", usr.st_dev, 0, 0757, false},
      {"root's, says another file system", elsewhere.st_dev, 0, 0755, false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    struct stat about{};
    about.st_dev = row.device;
    about.st_uid = row.owner;
    about.st_mode = S_IFREG | row.mode;
    CHECK(only_root_changes(about) == row.in_place);
  }
}

}  // namespace toolgate::test
