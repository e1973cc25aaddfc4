#pragma once
// From places in a string's decoded text to places in the JSON literal that it was read from, so
// that a part of a string can be shown, or cut out, without writing the rest anew.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace toolgate {

struct Range {
  std::size_t begin;
  std::size_t end;
};

// Turns ranges of the decoded text into ranges of `literal`, a valid JSON string literal with its
// quotes. They are widened to whole characters: a character, or the escape that stands for it, is
// never cut in two.
void locate(std::string_view literal, std::vector<Range>& ranges);

// Makes one range of those that touch or overlap, and sorts them.
void unite(std::vector<Range>& ranges);

// `text` without `ranges`, which unite() has prepared.
std::string without(std::string_view text, const std::vector<Range>& ranges);

// No byte of this JSON, escapes resolved, is anything but TAB, LF, CR and printable ASCII without a
// backslash? One scan, 32 bytes at a time. `json` is a part of a text that the strict codec
// accepted.
bool is_plain_ascii(std::string_view json);

}  // namespace toolgate
