#pragma once
// Attacks on a sandbox, each a few lines that try one thing which must not work (or must): what
// tests/e2e/suites/escape.js runs inside real sandboxes. An attack is a function of its arguments
// that returns as a system call does: less than 0 is "denied", with the reason in errno; everything
// else "succeeded", and what it saw may be told with say().

#include <array>
#include <cerrno>
#include <cstdio>
#include <span>
#include <string_view>

namespace escape {

struct Attack {
  std::string_view name;
  long (*run)(char** arguments);  // ended by a null pointer
};

std::span<const Attack> file_attacks();
std::span<const Attack> link_attacks();
std::span<const Attack> race_attacks();
std::span<const Attack> network_attacks();
std::span<const Attack> process_attacks();
std::span<const Attack> kernel_attacks();
std::span<const Attack> resource_attacks();
std::span<const Attack> host_helpers();

// What is printed after "succeeded", on the same line.
template <class... Values>
void say(const char* format, Values... values) {
  std::printf(format, values...);
}

inline long denied(int error) {
  errno = error;
  return -1;
}

}  // namespace escape
