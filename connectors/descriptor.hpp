#pragma once
// File descriptors: owned, close-on-exec from the moment they exist, so that no server inherits
// what was not meant for it.

#include <cstdint>
#include <string>
#include <utility>

#include "gateway/core/result.hpp"

namespace toolgate {

// Owns one descriptor, or none.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor() { close(); }

  explicit operator bool() const { return number_ >= 0; }
  int number() const { return number_; }
  int release() { return std::exchange(number_, -1); }
  void close();

 private:
  int number_ = -1;
};

struct Pipe {
  Descriptor reading;
  Descriptor writing;
};
// Both ends block; a fault (std::system_error) when the process has no descriptors left.
Pipe make_pipe();

// O_NONBLOCK on or off. It belongs to the open file, which others may share: see
// BorrowedDescriptor.
void set_blocking(int number, bool blocking);

// The process must not die of a pipe whose reader has gone: SIGPIPE becomes EPIPE. Process-wide,
// once; servers start with the default again.
void ignore_broken_pipes();

// Lets this process have as many descriptors as its hard limit allows, 65,536 at most: the usual
// soft limit of 1,024 is less than what one endpoint accepts. Process-wide, once. Servers start
// with the limit that this program was started with, which is inherited_descriptor_limit().
void raise_descriptor_limit();
std::uint64_t inherited_descriptor_limit();

enum class Direction { reading, writing };

// A descriptor that this program was started with (stdin, stdout), made ready for non-blocking use
// without harm to whoever shares it: pipes and terminals are opened anew, so that the flag is ours
// alone; where that is not possible (sockets) the flag is set and put back by the destructor.
// Regular files are only duplicated: they never block.
class BorrowedDescriptor {
 public:
  static Result<BorrowedDescriptor> open(int number, Direction direction);
  BorrowedDescriptor(BorrowedDescriptor&& other) noexcept;
  BorrowedDescriptor& operator=(BorrowedDescriptor&&) = delete;
  ~BorrowedDescriptor();

  int number() const { return own_.number(); }

 private:
  BorrowedDescriptor(Descriptor own, bool restore) : own_(std::move(own)), restore_(restore) {}
  Descriptor own_;
  bool restore_;
};

}  // namespace toolgate
