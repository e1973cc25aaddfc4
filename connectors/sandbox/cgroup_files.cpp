#include "connectors/sandbox/cgroup_files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "connectors/descriptor.hpp"

namespace toolgate {

int read_small_file(const std::string& path, std::string& text) {
  constexpr std::size_t most_bytes = std::size_t{8} << 20;  // a mountinfo of 50,000 mounts
  text.clear();
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return errno;
  char part[4096];
  while (text.size() < most_bytes) {
    const ssize_t count = ::read(file.number(), part, sizeof part);
    if (count == 0) return 0;
    if (count < 0 && errno != EINTR) return errno;
    if (count > 0) text.append(part, static_cast<std::size_t>(count));
  }
  return EFBIG;
}

std::string read_small_file(const std::string& path) {
  std::string text;
  if (read_small_file(path, text) != 0) text.clear();
  return text;
}

bool write_small_file(const std::string& path, std::string_view text) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return file &&
         ::write(file.number(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

std::vector<std::string_view> words_of(std::string_view text, char between) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(between), text.size());
    if (end > 0) words.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

std::vector<std::string_view> lines_of(std::string_view text) { return words_of(text, '\n'); }

std::vector<int> processes_in(const std::string& cgroup) {
  const std::string text = read_small_file(cgroup + "/cgroup.procs");
  std::vector<int> processes;
  for (const std::string_view line : lines_of(text)) {
    int process = 0;
    std::from_chars(line.data(), line.data() + line.size(), process);
    if (process > 0) processes.push_back(process);
  }
  return processes;
}

}  // namespace toolgate
