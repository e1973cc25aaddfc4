#include "gateway/cli/word_difference.hpp"

#include <algorithm>
#include <string>

#include "gateway/broker/alignment.hpp"
#include "gateway/core/json_text.hpp"

namespace toolgate {
namespace {

constexpr std::size_t piece_bytes = 48;

bool is_space(std::string_view character) {
  return character == " " || character == "\t" || character == "\n" || character == "\r";
}

// Scripts that put no space between words begin about there (CJK radicals).
bool stands_alone(std::string_view character) {
  return character.size() >= 3 && utf8_code_point(character) >= 0x2E80;
}

std::vector<Stretch> stretches_of(std::string_view text) {
  std::vector<Stretch> stretches;
  bool in_space = false;
  bool ended = true;
  const char* end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    const std::size_t length = std::max<std::size_t>(utf8_length(at, end), 1);
    const std::string_view character(at, length);
    const auto place = static_cast<std::size_t>(at - text.data());
    const bool space = is_space(character);
    const bool alone = stands_alone(character) || character == "\n";
    const bool full = !stretches.empty() && place - stretches.back().begin >= piece_bytes;
    if (ended || alone || full || space != in_space) stretches.push_back({place, place, false});
    stretches.back().end = place + length;
    in_space = space;
    ended = alone;
    at += length;
  }
  return stretches;
}

std::vector<std::string> keys_of(std::string_view text, const std::vector<Stretch>& stretches) {
  std::vector<std::string> keys;
  keys.reserve(stretches.size());
  for (const Stretch& one : stretches)
    keys.emplace_back(text.substr(one.begin, one.end - one.begin));
  return keys;
}

}  // namespace

WordDifference word_difference(std::string_view was, std::string_view is) {
  WordDifference difference{stretches_of(was), stretches_of(is)};
  const auto pairs = aligned(keys_of(was, difference.was), keys_of(is, difference.is), Rest::apart);
  for (const Aligned& pair : pairs) {
    if (pair.is_match) continue;
    if (pair.old) difference.was[*pair.old].is_changed = true;
    if (pair.now) difference.is[*pair.now].is_changed = true;
  }
  return difference;
}

}  // namespace toolgate
