#include "connectors/sandbox/machine_kernel.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string_view>

#include "connectors/descriptor.hpp"

namespace toolgate {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view remedy = "apt-get install linux-image-amd64";
constexpr std::string_view image_prefix = "vmlinuz-";

// The machine's devices, its ports, and the files of the host.
const std::vector<std::string>& needed_modules() {
  static const std::vector<std::string> names = {"virtio_mmio", "virtio_console", "9pnet_virtio",
                                                 "9p"};
  return names;
}

Refusal refuse(const std::string& why) {
  return Refusal(Reason::unsupported, why + " (" + std::string(remedy) + ")");
}

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// "kernel/fs/9p/9p.ko.xz" is the module 9p, "virtio-gpu.ko" is virtio_gpu.
std::string module_name(std::string_view path) {
  path.remove_prefix(path.rfind('/') + 1);  // npos + 1 is 0
  std::string name(path.substr(0, path.find(".ko")));
  std::ranges::replace(name, '-', '_');
  return name;
}

std::vector<std::string> versions_in(const std::string& boot) {
  std::vector<std::string> versions;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(boot, failed)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(image_prefix)) versions.push_back(name.substr(image_prefix.size()));
  }
  std::ranges::sort(versions, [](const std::string& a, const std::string& b) {
    return ::strverscmp(a.c_str(), b.c_str()) > 0;
  });
  return versions;
}

Result<MachineKernel> kernel_of(const std::string& boot, const std::string& folder,
                                const std::string& version) {
  MachineKernel kernel{boot + "/" + std::string(image_prefix) + version, {}};
  if (::access(kernel.image.c_str(), R_OK) != 0) {
    return refuse("the kernel " + kernel.image + " cannot be read (" + std::strerror(errno) +
                  "): chmod 0644 it");
  }
  const std::string own = folder + "/" + version;
  auto modules = modules_in_order(needed_modules(), text_of(own + "/modules.dep"),
                                  text_of(own + "/modules.builtin"));
  if (!modules) {
    return refuse("the kernel " + kernel.image + " has no module '" + modules.refusal().detail +
                  "' in " + own + ", as the kernels for clouds have not: install the generic one");
  }
  for (const std::string& path : *modules) kernel.modules.push_back(own + "/" + path);
  return kernel;
}

struct Unpacker {
  std::string_view ending;
  const char* program;
  const char* package;
};
constexpr auto unpackers = std::to_array<Unpacker>({{".xz", "/usr/bin/xz", "xz-utils"},
                                                    {".zst", "/usr/bin/zstd", "zstd"},
                                                    {".gz", "/usr/bin/gzip", "gzip"}});

Result<std::string> unpacked(const std::string& path, const Unpacker& unpacker) {
  Pipe pipe = make_pipe();
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(pipe.writing.number(), STDOUT_FILENO);
    std::string program = unpacker.program;
    std::string option = "-dc";
    std::string file = path;
    char* argv[] = {program.data(), option.data(), file.data(), nullptr};
    char* environment[] = {nullptr};
    ::execve(argv[0], argv, environment);
    ::_exit(127);
  }
  pipe.writing.close();
  std::string bytes;
  char part[65536];
  ssize_t count = 0;
  while ((count = ::read(pipe.reading.number(), part, sizeof part)) > 0) {
    bytes.append(part, static_cast<std::size_t>(count));
  }
  int status = 1;
  if (child > 0 && ::waitpid(child, &status, 0) == child && status == 0) return bytes;
  return Refusal(Reason::unavailable, "the module " + path + " could not be unpacked by " +
                                          unpacker.program + " (apt-get install " +
                                          unpacker.package + ")");
}

}  // namespace

Result<std::vector<std::string>> modules_in_order(const std::vector<std::string>& names,
                                                  const std::string& dependencies,
                                                  const std::string& builtin) {
  std::map<std::string, std::vector<std::string>> lines;  // the module's path, then what it needs
  std::istringstream text(dependencies);
  for (std::string line; std::getline(text, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    std::istringstream needs(line.substr(colon + 1));
    std::vector<std::string> paths = {line.substr(0, colon)};
    for (std::string path; needs >> path;) paths.push_back(path);
    lines[module_name(paths.front())] = std::move(paths);
  }
  std::vector<std::string> in_kernel;
  std::istringstream listed(builtin);
  for (std::string line; std::getline(listed, line);) in_kernel.push_back(module_name(line));

  std::vector<std::string> order;
  for (const std::string& name : names) {
    const auto found = lines.find(name);
    if (found == lines.end()) {
      if (std::ranges::find(in_kernel, name) != in_kernel.end()) continue;
      return Refusal(Reason::unsupported, name);
    }
    // depmod(8) writes what is needed last first.
    for (auto path = found->second.rbegin(); path != found->second.rend(); ++path) {
      if (std::ranges::find(order, *path) == order.end()) order.push_back(*path);
    }
  }
  return order;
}

Result<MachineKernel> find_machine_kernel(const std::string& boot, const std::string& modules) {
  Result<MachineKernel> first = refuse("there is no kernel " + boot + "/vmlinuz-* for a machine");
  bool is_first = true;
  for (const std::string& version : versions_in(boot)) {
    auto kernel = kernel_of(boot, modules, version);
    if (kernel) return kernel;
    if (is_first) first = kernel.refusal();
    is_first = false;
  }
  return first;
}

Result<std::string> read_module(const std::string& path) {
  for (const Unpacker& unpacker : unpackers) {
    if (path.ends_with(unpacker.ending)) return unpacked(path, unpacker);
  }
  std::string bytes = text_of(path);
  if (!bytes.empty()) return bytes;
  return Refusal(Reason::unavailable, "the kernel's module " + path + " cannot be read");
}

}  // namespace toolgate
