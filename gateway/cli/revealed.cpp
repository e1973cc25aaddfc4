#include "gateway/cli/revealed.hpp"

#include <algorithm>
#include <map>

#include "gateway/core/json_text.hpp"
#include "inspectors/hidden_characters.hpp"
#include "inspectors/lookalikes.hpp"

namespace toolgate {
namespace {

constexpr char32_t no_utf8 = 0xFFFFFFFF;

bool is_latin(char32_t point) {
  return (point >= 'a' && point <= 'z') || (point >= 'A' && point <= 'Z');
}

bool is_word(char32_t point) {
  return is_latin(point) || (point >= '0' && point <= '9') || point == '_' ||
         (point >= 0x80 && point != no_utf8 && !is_odd_space(point));
}

// The script of a letter, as lookalikes.hpp calls it; empty for those that have no lookalikes.
std::string_view script_of(char32_t point) {
  if (point >= 0x370 && point <= 0x3FF) return "GREEK";
  if (point >= 0x400 && point <= 0x52F) return "CYRILLIC";
  if (point >= 0x530 && point <= 0x58F) return "ARMENIAN";
  if (point >= 0x13A0 && point <= 0x13FF) return "CHEROKEE";
  return "";
}

}  // namespace

Revealed::Revealed(std::string_view text) : text_(text) {
  read();
  mark_lookalikes();
  mark_overlays();
  spare_pictures();
}

void Revealed::read() {
  const char* end = text_.data() + text_.size();
  for (const char* at = text_.data(); at < end;) {
    const std::size_t length = utf8_length(at, end);
    const auto begin = static_cast<std::size_t>(at - text_.data());
    const std::size_t taken = std::max<std::size_t>(length, 1);
    const char32_t point = length == 0 ? no_utf8 : utf8_code_point({at, length});
    const bool out = point == no_utf8 || (is_hidden(point) && point != '\n') || is_odd_space(point);
    characters_.push_back({begin, begin + taken, point, out});
    at += taken;
  }
}

void Revealed::mark_lookalikes() {
  bool has_latin = false;
  std::map<std::string_view, bool> speaks;  // scripts with a letter that is like no Latin one
  for (const Character& one : characters_) {
    has_latin = has_latin || is_latin(one.point);
    const auto script = script_of(one.point);
    if (!script.empty() && !lookalike_of(one.point)) speaks[script] = true;
  }
  for (std::size_t at = 0; at < characters_.size();) {
    std::size_t end = at;
    bool latin = false;
    for (; end < characters_.size() && is_word(characters_[end].point); ++end) {
      latin = latin || is_latin(characters_[end].point);
    }
    for (std::size_t one = at; one < end; ++one) {
      Character& character = characters_[one];
      const auto alike = lookalike_of(character.point);
      if (!alike) continue;
      const bool passes = has_latin && !speaks[alike->script];
      character.written_out = character.written_out || alike->is_copy || latin || passes;
    }
    at = std::max(end, at + 1);
  }
}

void Revealed::mark_overlays() {
  constexpr std::size_t marks_most = 2;  // of one letter, as Vietnamese has them
  std::size_t marks = 0;
  char32_t base = '\n';
  for (Character& one : characters_) {
    if (!is_combining(one.point)) {
      marks = 0;
      base = one.written_out ? '\n' : one.point;
      continue;
    }
    const bool strikes = (one.point >= 0x334 && one.point <= 0x338) || one.point >= 0x20D0;
    const bool stands = base > ' ';
    if (++marks > marks_most || strikes || !stands) one.written_out = true;
  }
}

// U+FE0F after a picture, and U+200D between two: both as emoji are written, and once.
void Revealed::spare_pictures() {
  for (std::size_t at = 1; at < characters_.size(); ++at) {
    const char32_t before = characters_[at - 1].point;
    const bool next_is_picture =
        at + 1 < characters_.size() && is_picture(characters_[at + 1].point);
    Character& one = characters_[at];
    const bool selects = one.point == 0xFE0F && is_picture(before);
    const bool joins =
        one.point == 0x200D && next_is_picture &&
        (is_picture(before) || (before == 0xFE0F && !characters_[at - 1].written_out));
    if (selects || joins) one.written_out = false;
  }
}

std::string Revealed::part(std::size_t begin, std::size_t end) const {
  std::string out;
  auto at = std::ranges::lower_bound(characters_, begin, {}, &Character::begin);
  for (; at != characters_.end() && at->end <= end; ++at) {
    if (!at->written_out) {
      out += text_.substr(at->begin, at->end - at->begin);
    } else if (at->point == no_utf8) {
      constexpr std::string_view digits = "0123456789ABCDEF";
      const auto byte = static_cast<unsigned char>(text_[at->begin]);
      out.append("<byte ").append(1, digits[byte >> 4]).append(1, digits[byte & 15]).append(">");
    } else {
      out += named_escape(at->point);
    }
  }
  return out;
}

std::size_t Revealed::hidden_in(std::size_t begin, std::size_t end) const {
  return static_cast<std::size_t>(std::ranges::count_if(characters_, [&](const Character& one) {
    return one.written_out && one.begin >= begin && one.end <= end;
  }));
}

std::string revealed(std::string_view text) { return Revealed(text).all(); }

std::string revealed_line(std::string_view text) {
  std::string line = revealed(text);
  for (auto at = line.find('\n'); at != std::string::npos; at = line.find('\n', at)) {
    line.replace(at, 1, named_escape('\n'));
  }
  return line;
}

}  // namespace toolgate
