#include "gateway/cli/signed_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace toolgate {
namespace {

constexpr std::uint64_t large_bytes = std::uint64_t{64} << 20;

Refusal cannot(std::string_view what, const std::string& name, int error) {
  return Refusal(Reason::storage,
                 "cannot " + std::string(what) + " " + name + ": " + std::strerror(error));
}

}  // namespace

Result<Descriptor> open_to_read(const std::string& name) {
  // Without O_NONBLOCK a pipe that nobody writes to would be waited for, before it is refused.
  Descriptor file(::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file) return cannot("open", name, errno);
  return file;
}

ReadableFile readable(Console& console, const Descriptor& file, const std::string& name,
                      const std::string& what) {
  ReadableFile readable{.descriptor = file.number(), .name = name};
  if (!console.error_is_terminal) return readable;
  readable.progress = [&console, line = what + " " + visible(name), shown = std::uint64_t{0}](
                          std::uint64_t done, std::uint64_t size) mutable {
    if (size < large_bytes) return;
    const std::uint64_t percent = done >= size ? 100 : done * 100 / size;
    if (percent == shown) return;
    shown = percent;
    console.error << '\r' << line << ": " << percent << '%';
    if (percent == 100) console.error << '\n';
    console.error << std::flush;
  };
  return readable;
}

Result<std::string> read_signature_text(const std::string& name) {
  auto file = open_to_read(name);
  if (!file) return file.refusal();
  struct stat about{};
  if (::fstat(file->number(), &about) != 0) return cannot("examine", name, errno);
  if (!S_ISREG(about.st_mode)) {
    return Refusal(Reason::storage, name + " is no regular file: name the signature");
  }
  std::string text(FileSignature::text_bytes_most + 1, '\0');
  std::size_t size = 0;
  for (ssize_t got = 1; got != 0 && size < text.size();) {
    got = ::read(file->number(), text.data() + size, text.size() - size);
    if (got < 0 && errno != EINTR) return cannot("read", name, errno);
    if (got > 0) size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return text;
}

}  // namespace toolgate
