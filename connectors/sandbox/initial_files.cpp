#include "connectors/sandbox/initial_files.hpp"

#include <sys/stat.h>

#include <array>
#include <cstdio>

namespace toolgate {
namespace {

constexpr std::size_t alignment = 4;

void pad(std::string& bytes) {
  bytes.resize((bytes.size() + alignment - 1) / alignment * alignment);
}

}  // namespace

void InitialFiles::add_folder(std::string_view path) { add(path, S_IFDIR | 0755, "", Device{}); }

void InitialFiles::add_file(std::string_view path, std::string_view bytes) {
  add(path, S_IFREG | 0600, bytes, Device{});
}

void InitialFiles::add_program(std::string_view path, std::string_view bytes) {
  add(path, S_IFREG | 0700, bytes, Device{});
}

void InitialFiles::add_device(std::string_view path, unsigned major, unsigned minor) {
  add(path, S_IFCHR | 0600, "", Device{major, minor});
}

std::string InitialFiles::archive() && {
  add("TRAILER!!!", 0, "", Device{});
  return std::move(bytes_);
}

void InitialFiles::add(std::string_view path, unsigned mode, std::string_view bytes,
                       Device device) {
  const bool is_folder = (mode & S_IFMT) == S_IFDIR;
  // The number of the inode, mode, user, group, links, time, size, device, device of the node,
  // length of the name, checksum.
  const std::array<std::size_t, 13> fields = {++count_,
                                              mode,
                                              0,
                                              0,
                                              is_folder ? 2U : 1U,
                                              0,
                                              bytes.size(),
                                              0,
                                              0,
                                              device.major,
                                              device.minor,
                                              path.size() + 1,
                                              0};
  bytes_ += "070701";
  for (const std::size_t field : fields) {
    char text[9];
    std::snprintf(text, sizeof text, "%08x", static_cast<unsigned>(field));
    bytes_ += text;
  }
  bytes_.append(path).push_back('\0');
  pad(bytes_);
  bytes_ += bytes;
  pad(bytes_);
}

}  // namespace toolgate
