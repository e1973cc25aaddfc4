#pragma once
// Copies of what files hold, of files that others may change meanwhile.

#include <sys/stat.h>

#include <atomic>
#include <cstdint>

namespace toolgate {

// The first `size` bytes into an empty file, holes left as holes; in pieces, between which `stop`
// is looked at (null: never). 0 or an errno: EAGAIN where the file is shorter by now, ECANCELED.
int copy_content(int from, int to, std::uint64_t size, const std::atomic<bool>* stop = nullptr);

// All of it, from its beginning, into whatever takes bytes: a pipe, a terminal, a file at its end.
// 0 or an errno.
int stream_content(int from, int to);

// Waits, a few milliseconds at most, until a change of the file would show in its times: they are
// those of the kernel's last tick. What was last changed then; false with errno.
bool settle_times(int file, struct stat& about);
// Nothing was changed in between, as far as its times tell.
bool is_unchanged(const struct stat& before, const struct stat& after);

}  // namespace toolgate
