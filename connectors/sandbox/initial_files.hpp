#pragma once
// The first file system of a virtual machine, as the kernel unpacks it into memory: an archive in
// the format "newc" (cpio(5); Documentation/driver-api/early-userspace/buffer-format.rst in the
// kernel's sources). Everything in it belongs to root.

#include <string>
#include <string_view>

namespace toolgate {

class InitialFiles {
 public:
  // Without a slash at the beginning; what a path lies in is to be added before it.
  void add_folder(std::string_view path);
  void add_file(std::string_view path, std::string_view bytes);
  void add_program(std::string_view path, std::string_view bytes);
  // A character device.
  void add_device(std::string_view path, unsigned major, unsigned minor);

  // With its end; nothing can be added after.
  std::string archive() &&;

 private:
  struct Device {
    unsigned major = 0;
    unsigned minor = 0;
  };
  void add(std::string_view path, unsigned mode, std::string_view bytes, Device device);

  std::string bytes_;
  unsigned count_ = 0;
};

}  // namespace toolgate
