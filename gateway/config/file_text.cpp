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

Refusal about(const std::filesystem::path& file, const std::string& text) {
  return Refusal(Reason::bad_configuration, printable(file.string(), 4'096) + text);
}

std::string why(int error) { return std::system_category().message(error); }

// O_NONBLOCK: a FIFO under that name must not make the program wait for a writer.
constexpr int reading = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

// All of an open file; refusals begin with ":1:1: ".
Result<std::string> read_open(const Descriptor& opened, const std::filesystem::path& file,
                              Writers writers, std::size_t most_bytes) {
  const auto refuse = [&](const std::string& text) { return about(file, ":1:1: " + text); };
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
    if (text.size() > most_bytes) {
      return refuse("is larger than " + std::to_string(most_bytes >> 20U) + " MiB");
    }
  }
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& file, Writers writers,
                              std::size_t most_bytes) {
  const Descriptor opened(open(file.c_str(), reading));
  if (opened.number < 0) {
    const int error = errno;
    const std::string hint = error == ENOENT && writers == Writers::trusted
                                 ? "; make it with 'toolgate init' or name it with --config"
                                 : "";
    return about(file, ":1:1: cannot be read: " + why(error) + hint);
  }
  return read_open(opened, file, writers, most_bytes);
}

Result<std::optional<std::string>> read_file_if_there(const std::filesystem::path& file) {
  const Descriptor opened(open(file.c_str(), reading | O_NOFOLLOW));
  if (opened.number < 0) {
    const int error = errno;
    if (error == ENOENT) return std::optional<std::string>();
    if (error == ELOOP) {
      return about(file,
                   ": is a symbolic link, which is not followed; name the file itself with --file");
    }
    return Refusal(Reason::storage,
                   printable(file.string(), 4'096) + ": cannot be read: " + why(error));
  }
  Result<std::string> text = read_open(opened, file, Writers::anybody, harness_limits.bytes);
  if (!text) return text.refusal();
  return std::optional<std::string>(std::move(*text));
}

}  // namespace toolgate::config
