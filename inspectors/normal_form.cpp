#include "inspectors/normal_form.hpp"

#include <algorithm>
#include <array>

#include "gateway/core/json_text.hpp"

namespace toolgate {
namespace {

constexpr std::size_t oddities_most = 100'000;
constexpr std::size_t word_bytes_most = 64;  // of a word, as much as is asked for its script

// What is copied as it is but for its case; 0: white space, controls and everything else.
constexpr std::array<char, 256> copied = [] {
  std::array<char, 256> table{};
  for (unsigned byte = 0x21; byte < 0x7F; ++byte) {
    bool upper = byte >= 'A' && byte <= 'Z';
    table[byte] = static_cast<char>(upper ? byte - 'A' + 'a' : byte);
  }
  return table;
}();

bool is_ascii_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

OddCharacters::Kind kind_of(Trait trait) {
  switch (trait) {
    case Trait::tag:
      return OddCharacters::Kind::tag;
    case Trait::variation:
      return OddCharacters::Kind::variation;
    case Trait::zero_width:
      return OddCharacters::Kind::zero_width;
    case Trait::bidi:
      return OddCharacters::Kind::bidi;
    case Trait::control:
      return OddCharacters::Kind::control;
    case Trait::private_use:
      return OddCharacters::Kind::private_use;
    case Trait::combining:
    case Trait::visible:
      break;
  }
  return OddCharacters::Kind::combining;
}

// Letters that have a small form as long as the large one.
char32_t lower_case(char32_t code) {
  if (code >= 0x391 && code <= 0x3A9) return code + 0x20;
  if (code >= 0x410 && code <= 0x42F) return code + 0x20;
  if (code >= 0x400 && code <= 0x40F) return code + 0x50;
  return code;
}

class Pass {
 public:
  Pass(std::string_view text, NormalForm& form) : text_(text), form_(form) {}

  // Writes at most text.size() bytes, and returns how many.
  std::size_t run(char* out) {
    out_ = out;
    form_.map.follow(0, 0);
    while (at_ < text_.size()) {
      auto byte = static_cast<unsigned char>(text_[at_]);
      if (char c = copied[byte]) {
        if (c == '\\' && spelled_white_space()) continue;
        out_[length_++] = c;
        ++at_;
      } else if (byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r') {
        white_space();
      } else {
        other();
      }
    }
    return length_;
  }

 private:
  void white_space() {
    auto begin = at_;
    std::size_t line_ends = 0;
    while (at_ < text_.size() && std::string_view(" \n\t\r").contains(text_[at_])) {
      line_ends += text_[at_++] == '\n';
    }
    space(begin, line_ends > 1 ? '\n' : ' ');
  }

  // \n within a string of JSON that stands in the text as it is, one or several of them.
  bool spelled_white_space() {
    auto begin = at_;
    std::size_t line_ends = 0;
    while (at_ + 1 < text_.size() && text_[at_] == '\\' &&
           std::string_view("nrt").contains(text_[at_ + 1])) {
      line_ends += text_[at_ + 1] == 'n';
      at_ += 2;
    }
    if (at_ == begin) return false;
    space(begin, line_ends > 1 ? '\n' : ' ');
    return true;
  }

  // One for any number of spaces, also when something invisible stands between them.
  void space(std::size_t begin, char c) {
    if (length_ > 0 && (out_[length_ - 1] == ' ' || out_[length_ - 1] == '\n')) {
      if (c == '\n') out_[length_ - 1] = c;
    } else {
      form_.map.follow(length_, begin);
      out_[length_++] = c;
    }
    form_.map.follow(length_, at_);
  }

  void other() {
    const auto* p = text_.data() + at_;
    auto bytes = utf8_length(p, text_.data() + text_.size());
    if (bytes == 0) {
      note(OddCharacters::Kind::malformed, 1);
      drop(1);
      return;
    }
    auto code = utf8_code_point(text_.substr(at_, bytes));
    auto character = describe(code);
    if (code == 0x85 || code == 0x0B || code == 0x0C || code == 0x2028 || code == 0x2029) {
      if (code < 0x2028) note(OddCharacters::Kind::control, bytes);
      auto begin = at_;
      at_ += bytes;
      space(begin, ' ');
    } else if (character.trait != Trait::visible) {
      note(kind_of(character.trait), bytes);
      drop(bytes);
    } else if (code == 0x3000 || character.ascii == ' ') {
      auto begin = at_;
      at_ += bytes;
      space(begin, ' ');
    } else if (is_replaced(character)) {
      if (character.fold == Folding::styled && is_ascii_letter(character.ascii))
        note(OddCharacters::Kind::styled, bytes);
      if (character.fold == Folding::lookalike) note(OddCharacters::Kind::lookalike, bytes);
      form_.map.stand_for(length_, Range{.begin = at_, .end = at_ + bytes});
      out_[length_++] = character.ascii;
      at_ += bytes;
      form_.map.follow(length_, at_);
    } else {
      keep(code, bytes);
    }
  }

  void keep(char32_t code, std::size_t bytes) {
    auto lower = lower_case(code);
    if (lower == code) {
      std::copy_n(text_.data() + at_, bytes, out_ + length_);
    } else {
      out_[length_] = static_cast<char>(0xC0 | lower >> 6);
      out_[length_ + 1] = static_cast<char>(0x80 | (lower & 0x3F));
    }
    length_ += bytes;
    at_ += bytes;
  }

  void drop(std::size_t bytes) {
    at_ += bytes;
    form_.map.follow(length_, at_);
  }

  bool is_replaced(const Character& character) {
    if (character.fold != Folding::lookalike) return character.fold != Folding::none;
    if (at_ >= judged_to_) judge_word();
    return word_is_latin_;
  }

  // Looks ahead to the end of the word, once for each word: is there a Latin letter in it, or was
  // there one before?
  void judge_word() {
    word_is_latin_ = length_ > 0 && is_ascii_letter(out_[length_ - 1]);
    auto end = std::min(text_.size(), at_ + word_bytes_most);
    auto ahead = at_;
    while (ahead < end) {
      if (is_ascii_letter(text_[ahead])) {
        word_is_latin_ = true;
      } else if (static_cast<unsigned char>(text_[ahead]) < 0x80) {
        break;
      }
      ++ahead;
    }
    judged_to_ = ahead;
  }

  void note(OddCharacters::Kind kind, std::size_t bytes) {
    auto& list = form_.oddities;
    if (!list.empty() && list.back().kind == kind && list.back().source.end == at_) {
      list.back().source.end += bytes;
      ++list.back().characters;
    } else if (list.size() < oddities_most) {
      list.push_back(OddCharacters{
          .kind = kind, .source = Range{.begin = at_, .end = at_ + bytes}, .characters = 1});
    } else {
      form_.more_oddities = true;
    }
  }

  std::string_view text_;
  NormalForm& form_;
  char* out_ = nullptr;
  std::size_t at_ = 0;
  std::size_t length_ = 0;
  std::size_t judged_to_ = 0;
  bool word_is_latin_ = false;
};

}  // namespace

bool NormalForm::is_disguised(Range source) const {
  if (more_oddities && !oddities.empty() && source.end > oddities.back().source.end) return true;
  auto first = std::ranges::upper_bound(
      oddities, source.begin, {}, [](const OddCharacters& oddity) { return oddity.source.end; });
  return first != oddities.end() && first->source.begin < source.end;
}

NormalForm normalise(std::string_view text) {
  NormalForm form;
  form.text.resize_and_overwrite(text.size(),
                                 [&](char* out, std::size_t) { return Pass(text, form).run(out); });
  return form;
}

}  // namespace toolgate
