#include "connectors/janitor.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "connectors/unix_hello.hpp"

namespace toolgate {
namespace {

Descriptor nothing() {
  Descriptor file(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!file) throw std::system_error(errno, std::system_category(), "open of /dev/null");
  return file;
}

// Under the lock that UnixDoor takes to look for a stale socket and to make its own.
void remove_stale_socket(const std::filesystem::path& path) {
  auto address = unix_address(path);
  if (!address) return;
  Descriptor turn(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!turn || ::flock(turn.number(), LOCK_EX) != 0) return;
  if (!somebody_listens(*address)) ::unlink(path.c_str());
}

}  // namespace

Result<std::unique_ptr<Janitor>> Janitor::start(const std::string& program,
                                                std::vector<std::string> files) {
  KeeperOrders orders;
  orders.leftovers = std::move(files);
  ServerPipes pipes{nothing(), nothing(), nothing()};
  auto keeper = start_keeper(program, "janitor", orders, std::move(pipes));
  if (!keeper) return keeper.refusal();
  return std::unique_ptr<Janitor>(new Janitor(std::move(*keeper)));
}

Janitor::~Janitor() {
  const auto order = KeeperOrder::clean;
  ::send(keeper_.control.number(), &order, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (::waitpid(keeper_.process_id, nullptr, 0) < 0 && errno == EINTR) continue;
}

void remove_leftovers(const std::vector<std::string>& files) {
  std::error_code ignored;
  for (const std::string& file : files) {
    struct stat about{};
    if (::lstat(file.c_str(), &about) != 0) continue;
    if (S_ISREG(about.st_mode)) ::unlink(file.c_str());
    if (S_ISSOCK(about.st_mode)) remove_stale_socket(file);
    if (S_ISDIR(about.st_mode)) std::filesystem::remove_all(file, ignored);
  }
}

}  // namespace toolgate
