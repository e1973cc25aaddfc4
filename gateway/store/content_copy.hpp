#pragma once
// Copies of what files hold, of files that others may change meanwhile.

#include <sys/stat.h>

#include <cstdint>
#include <functional>

namespace toolgate {

// Asked before each piece of so many bytes: 0, or the errno to give up with.
using CopyGoesOn = std::function<int(std::uint64_t bytes)>;

// The first `size` bytes into an empty file, holes left as holes. 0 or an errno: EAGAIN where the
// file is shorter by now.
int copy_content(int from, int to, std::uint64_t size, const CopyGoesOn& goes_on = nullptr);

// All of it, from its beginning, into whatever takes bytes: a pipe, a terminal, a file at its end.
// 0 or an errno.
int stream_content(int from, int to);

// Waits, a few milliseconds at most, until a change of the file would show in its times: they are
// those of the kernel's last tick. What was last changed then; false with errno.
bool settle_times(int file, struct stat& about);
// Nothing was changed in between, as far as its times tell.
bool is_unchanged(const struct stat& before, const struct stat& after);

}  // namespace toolgate
