#include "gateway/config/file_text.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>

#include "gateway/config/problems.hpp"

namespace toolgate::config {
namespace {

struct Descriptor {
  int number;
  explicit Descriptor(int open_number) : number(open_number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number >= 0) close(number);
  }
};

std::string why(int error) { return std::system_category().message(error); }

}  // namespace

Result<std::string> read_file(const std::filesystem::path& file, Writers writers) {
  const auto refuse = [&](std::string_view text) {
    return Refusal(Reason::bad_configuration,
                   printable(file.string(), 4'096) + ":1:1: " + std::string(text));
  };
  // O_NONBLOCK: a FIFO under that name must not make the program wait for a writer.
  const Descriptor opened(open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (opened.number < 0) {
    const int error = errno;
    const std::string hint = error == ENOENT && writers == Writers::trusted
                                 ? "; make it with 'toolgate init' or name it with --config"
                                 : "";
    return refuse("cannot be read: " + why(error) + hint);
  }
  struct stat status{};
  if (fstat(opened.number, &status) != 0) return refuse("cannot be read: " + why(errno));
  if (!S_ISREG(status.st_mode)) return refuse("is not a regular file");
  if (writers == Writers::trusted && (status.st_mode & S_IWOTH) != 0) {
    return refuse(
        "everybody on this machine can write to it and so decide what is run; "
        "chmod o-w it");
  }
  std::string text;
  std::array<char, 65'536> buffer{};
  while (true) {
    const ssize_t count = read(opened.number, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return refuse("cannot be read: " + why(errno));
    if (count == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
    if (text.size() > file_limits.bytes) return refuse("is larger than 4 MiB");
  }
}

}  // namespace toolgate::config
