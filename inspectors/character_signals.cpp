#include "inspectors/character_signals.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <optional>

#include "gateway/core/json_text.hpp"

namespace toolgate {
namespace {

using std::string_view;
using Kind = OddCharacters::Kind;

constexpr std::array kinds{
    SignalKind{"unicode.tag", .97, .97,
               "invisible Unicode tag characters, which models read and people cannot see"},
    SignalKind{"unicode.variation", .95, .97,
               "variation selectors where they select nothing, which can carry text"},
    SignalKind{"unicode.zero_width", .55, .7, "characters without width between letters"},
    SignalKind{"unicode.zero_width_code", .9, .95,
               "runs of different characters without width, which can carry text"},
    SignalKind{"unicode.bidi_override", .92, .97,
               "reverses the direction of letters, so that people read other text than models"},
    SignalKind{"unicode.bidi", .52, .7,
               "bidirectional controls in text that needs none, or left open"},
    SignalKind{"unicode.control", .1, .5, "control characters"},
    SignalKind{"unicode.private_use", .1, .5, "characters without an agreed meaning"},
    SignalKind{"unicode.combining", .52, .7, "letters under heaps of combining marks"},
    SignalKind{"unicode.styled", .5, .6, "words in letters that only look like letters"},
    SignalKind{"unicode.lookalike", .52, .8, "words that mix look-alike letters of two scripts"},
    SignalKind{"unicode.malformed", .1, .5, "bytes that are no UTF-8"},
};

const SignalKind& kind_named(string_view id) {
  const auto* found = std::ranges::find(kinds, id, &SignalKind::id);
  assert(found != kinds.end());
  return *found;
}

bool is_ascii_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Flags of regions (UTS #51): the only use of tags.
bool is_flag(string_view text, Range run) {
  constexpr string_view black_flag = "\xF0\x9F\x8F\xB4";
  constexpr std::size_t most = 7 * 4;
  return text.substr(0, run.begin).ends_with(black_flag) && run.end - run.begin <= most &&
         text.substr(run.begin, run.end - run.begin).ends_with("\xF3\xA0\x81\xBF");
}

char32_t code_at(string_view text, std::size_t at) {
  auto length = utf8_length(text.data() + at, text.data() + text.size());
  return length == 0 ? 0 : utf8_code_point(text.substr(at, length));
}

bool has_right_to_left(string_view text) {
  for (std::size_t at = 0; at + 1 < text.size(); ++at) {
    auto lead = static_cast<unsigned char>(text[at]);
    if (lead >= 0xD6 && lead <= 0xDF) return true;  // U+0580..U+07FF
    if (lead == 0xEF && static_cast<unsigned char>(text[at + 1]) >= 0xAC &&
        static_cast<unsigned char>(text[at + 1]) <= 0xBB) {
      return true;  // presentation forms
    }
  }
  return false;
}

class Reader {
 public:
  Reader(string_view text, const NormalForm& form, Surface surface, std::vector<Signal>& signals)
      : text_(text), form_(form), surface_(surface), signals_(signals) {}

  void run() {
    for (const auto& oddity : form_.oddities) read(oddity);
    if (between_letters_ >= 3) tell("unicode.zero_width", zero_width_);
    if (styled_ >= 12) tell("unicode.styled", first_styled_);
    if (lookalike_ >= 3) tell("unicode.lookalike", first_lookalike_);
    if (stacked_ >= 6) tell("unicode.combining", first_stacked_);
    if (embedding_ && (!right_to_left() || open_ != 0)) tell("unicode.bidi", first_bidi_);
  }

 private:
  void read(const OddCharacters& oddity) {
    switch (oddity.kind) {
      case Kind::tag:
        if (!is_flag(text_, oddity.source)) tell("unicode.tag", oddity.source);
        break;
      case Kind::variation:
        variation(oddity);
        break;
      case Kind::zero_width:
        zero_width(oddity);
        break;
      case Kind::bidi:
        bidi(oddity);
        break;
      case Kind::control:
        tell("unicode.control", oddity.source);
        break;
      case Kind::private_use:
        tell("unicode.private_use", oddity.source);
        break;
      case Kind::malformed:
        tell("unicode.malformed", oddity.source);
        break;
      case Kind::combining:
        combining(oddity);
        break;
      case Kind::styled:
        count(styled_, first_styled_, oddity);
        break;
      case Kind::lookalike:
        count(lookalike_, first_lookalike_, oddity);
        break;
    }
  }

  static void count(std::size_t& number, Range& first, const OddCharacters& oddity) {
    if (number == 0) first = oddity.source;
    number += oddity.characters;
    first.end = std::max(first.end, oddity.source.end);
  }

  // One selector after a character that is no letter is ordinary; keycaps are digits with one.
  void variation(const OddCharacters& oddity) {
    char before = oddity.source.begin > 0 ? text_[oddity.source.begin - 1] : ' ';
    bool ascii_base =
        static_cast<unsigned char>(before) < 0x80 && !string_view("0123456789#*").contains(before);
    if (oddity.characters > 1 || ascii_base) tell("unicode.variation", oddity.source);
  }

  void zero_width(const OddCharacters& oddity) {
    auto begin = oddity.source.begin, end = oddity.source.end;
    bool byte_order_mark = begin == 0 && oddity.characters == 1;
    if (byte_order_mark) return;
    auto first = code_at(text_, begin);
    bool mixed = false;
    for (auto at = begin; at < end;) {
      auto length = utf8_length(text_.data() + at, text_.data() + end);
      if (length == 0) break;
      mixed |= utf8_code_point(text_.substr(at, length)) != first;
      at += length;
    }
    if (oddity.characters >= 8 && mixed) tell("unicode.zero_width_code", oddity.source);
    // Hyphens of syllables stand at least two letters apart.
    bool soft_hyphen = first == 0xAD && oddity.characters == 1 && begin > last_zero_width_ + 1;
    last_zero_width_ = end;
    bool in_word = begin > 0 && end < text_.size() && is_ascii_letter(text_[begin - 1]) &&
                   is_ascii_letter(text_[end]);
    if ((in_word && !soft_hyphen) || oddity.characters >= 3)
      count(between_letters_, zero_width_, oddity);
  }

  void bidi(const OddCharacters& oddity) {
    for (auto at = oddity.source.begin; at < oddity.source.end;) {
      auto code = code_at(text_, at);
      if (is_bidi_override(code)) tell("unicode.bidi_override", oddity.source);
      bool opens = (code >= 0x202A && code <= 0x202E && code != 0x202C) ||
                   (code >= 0x2066 && code <= 0x2068);
      bool closes = code == 0x202C || code == 0x2069;
      if ((opens || closes) && !embedding_) first_bidi_ = oddity.source;
      embedding_ |= opens || closes;
      open_ += static_cast<int>(opens) - static_cast<int>(closes);
      at += code < 0x800 ? 2 : 3;
    }
  }

  void combining(const OddCharacters& oddity) {
    bool on_ascii = oddity.source.begin > 0 && is_ascii_letter(text_[oddity.source.begin - 1]);
    // The accents of Latin languages, on the letters that bear them.
    bool usual = code_at(text_, oddity.source.begin) < 0x334 && on_ascii &&
                 !string_view("bfhjkmpqvwxBFHJKMPQVWX").contains(text_[oddity.source.begin - 1]);
    if (oddity.characters >= 3 || (on_ascii && !usual)) count(stacked_, first_stacked_, oddity);
  }

  bool right_to_left() {
    if (!right_to_left_) right_to_left_ = has_right_to_left(text_);
    return *right_to_left_;
  }

  void tell(string_view id, Range range) {
    const auto& kind = kind_named(id);
    signals_.push_back(
        Signal{.id = kind.id,
               .weight = surface_ == Surface::result ? kind.in_result : kind.in_definition,
               .range = range,
               .why = kind.why,
               .reading = "as it is"});
  }

  string_view text_;
  const NormalForm& form_;
  Surface surface_;
  std::vector<Signal>& signals_;
  std::size_t between_letters_ = 0, styled_ = 0, lookalike_ = 0, stacked_ = 0;
  Range zero_width_{}, first_styled_{}, first_lookalike_{}, first_stacked_{}, first_bidi_{};
  std::size_t last_zero_width_ = 0;
  bool embedding_ = false;
  int open_ = 0;
  std::optional<bool> right_to_left_;
};

}  // namespace

std::span<const SignalKind> character_signal_kinds() { return kinds; }

void character_signals(string_view text, const NormalForm& form, Surface surface,
                       std::vector<Signal>& signals) {
  Reader(text, form, surface, signals).run();
}

}  // namespace toolgate
