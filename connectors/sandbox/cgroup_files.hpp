#pragma once
// Reading and writing the small files of /proc and of cgroup file systems.

#include <string>
#include <string_view>
#include <vector>

namespace toolgate {

// All of it: 0, or the errno that says why not (EFBIG where it is longer than any such file).
int read_small_file(const std::string& path, std::string& text);
// Empty where it cannot be read.
std::string read_small_file(const std::string& path);
// In one write, as the kernel wants it; errno says why not.
bool write_small_file(const std::string& path, std::string_view text);
std::vector<std::string_view> words_of(std::string_view text, char between = ' ');
std::vector<std::string_view> lines_of(std::string_view text);
// Those in cgroup.procs.
std::vector<int> processes_in(const std::string& cgroup);

}  // namespace toolgate
