// Terminal control sequences (ECMA-48, xterm's ctlseqs), and every other control character but TAB,
// LF, CR.
//
// A person who reads a tool's output in a terminal sees what the terminal makes of it; a model sees
// the bytes. Whatever differs between the two is where an instruction hides from the person. So the
// rule is: what a terminal takes as a command, and would not show, is removed, and nothing else.
//
// Where does a sequence end? As in the state machine that xterm, VTE, kitty and alacritty share
// (Paul Williams, vt100.net/emu/dec_ansi_parser):
//
// ESC [ is a CSI: parameters and intermediates (0x20..0x3F), then one final byte (0x40..0x7E).
// Those bytes hold no letters, so that no prose goes with them. Terminals execute a control
// character in the midst of it and read on; here it ends the sequence: text that a terminal would
// have eaten then stays, in plain view.
//
// ESC and one of ] P X ^ _ is a control string (OSC, DCS, SOS, PM, APC). A terminal shows none of
// it, over any number of lines, until ST (ESC \ or U+009C), CAN, SUB or the ESC of another
// sequence; an OSC ends with BEL as well. If none of these follows, a terminal swallows everything
// to the end, and so does this, to the end of this one string of the message: all of that text is
// hidden from whoever looks at a terminal. The finding is hard, since innocent text can go with it.
//
// ESC k … ESC \ is a title in screen and tmux; elsewhere it is two characters and visible text. It
// is removed as a string when it is ended properly on its line, as two characters otherwise.
//
// ESC, intermediates (0x20..0x2F) and a final byte (0x30..0x7E) go together. An ESC before anything
// else goes alone.
//
// U+0080..U+009F, C1, are the same introducers as one character. Text that was decoded with the
// wrong charset is full of them ("â\x80\x9D" was a quotation mark, and U+009D is OSC), and to eat
// the text after it would be wrong. So a C1 character that continues what is, read as Latin-1 or
// Windows-1252, a UTF-8 sequence, goes alone. This does not protect a reader at an xterm from text
// that imitates the accident.
//
// BS: nroff's bold and underline (X BS X, _ BS X) become X. Any other BS goes alone.
//
// No control character is left then, so nothing can join into a new sequence. CR stays, and so text
// can still be overwritten on a screen: progress bars and Windows line ends need it.

#include <algorithm>
#include <array>
#include <cstdint>

#include "inspectors/inspector.hpp"
#include "inspectors/terminal_ink.hpp"

namespace toolgate {
namespace {

using std::string_view;

constexpr char bell = '\a', backspace = '\b', escape = '\x1B', cancel = '\x18', substitute = '\x1A';
constexpr string_view escape_id = "terminal.escape";
constexpr string_view control_id = "terminal.control";
constexpr string_view literal_id = "terminal.literal";

// A larger number is no text with colours in it, and costs memory.
constexpr std::size_t marks_most = 500'000;

bool within(char c, unsigned char least, unsigned char most) {
  auto byte = static_cast<unsigned char>(c);
  return least <= byte && byte <= most;
}

// Bytes that may begin a control character; 0xC2 is the lead of U+0080..U+00BF.
constexpr std::array<bool, 256> suspicious = [] {
  std::array<bool, 256> table{};
  for (unsigned byte = 0; byte < 0x20; ++byte) table[byte] = true;
  table['\t'] = table['\n'] = table['\r'] = false;
  table[0x7F] = table[0xC2] = true;
  return table;
}();

// What Windows-1252 makes of the bytes 0x80..0x9F that it defines.
constexpr std::array<char32_t, 27> windows_1252{
    0x20AC, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030,
    0x0160, 0x2039, 0x0152, 0x017D, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x017E, 0x0178};

// The character that ends before `end`, and steps back over it. 0 at the start of the text.
char32_t step_back(string_view text, std::size_t& end) {
  char32_t code = 0;
  for (unsigned shift = 0; end > 0 && shift <= 18; shift += 6) {
    auto byte = static_cast<unsigned char>(text[--end]);
    if (byte < 0x80) return byte;
    if (byte >= 0xC0) {
      auto lead_bits = byte >= 0xF0 ? 0x07U : byte >= 0xE0 ? 0x0FU : 0x1FU;
      return code | static_cast<char32_t>((byte & lead_bits) << shift);
    }
    code |= static_cast<char32_t>((byte & 0x3FU) << shift);
  }
  return 0;
}

// Does the C1 character at `at` continue a UTF-8 sequence whose bytes were read as single
// characters?
bool is_misread_utf8(string_view text, std::size_t at) {
  for (char32_t continuations = 1; continuations <= 3; ++continuations) {
    char32_t code = step_back(text, at);
    if (code >= 0xC2 && code <= 0xDF) return continuations == 1;
    if (code >= 0xE0 && code <= 0xEF) return continuations <= 2;
    if (code >= 0xF0 && code <= 0xF4) return true;
    bool continues = (code >= 0x80 && code <= 0xBF) ||
                     std::ranges::find(windows_1252, code) != windows_1252.end();
    if (!continues) return false;
  }
  return false;
}

// The C1 code 0x80..0x9F at `at`, or 0.
unsigned char c1_at(string_view text, std::size_t at) {
  bool is_c1 = at + 1 < text.size() && text[at] == '\xC2' && within(text[at + 1], 0x80, 0x9F);
  return is_c1 ? static_cast<unsigned char>(text[at + 1]) : 0;
}

class Scanner {
 public:
  Scanner(string_view text, std::vector<Mark>& marks)
      : text_(text), marks_(marks), first_(marks.size()) {}

  void run() {
    for (std::size_t at = 0; at < text_.size();) {
      if (!suspicious[static_cast<unsigned char>(text_[at])]) {
        ++at;
      } else if (text_[at] == '\xC2' && c1_at(text_, at) == 0) {
        at += 2;
      } else if (marks_.size() - first_ >= marks_most) {
        withhold_rest(at);
        return;
      } else {
        at = control(at);
      }
    }
  }

 private:
  // Removes what starts at `at`, a control character, and returns its end.
  std::size_t control(std::size_t at) {
    if (text_[at] == escape) return escape_sequence(at);
    if (text_[at] == backspace) return overstrike(at);
    if (auto c1 = c1_at(text_, at); c1 != 0) return c1_sequence(at, c1);
    bool harmless = text_[at] == bell || text_[at] == '\f' || text_[at] == '\v';
    auto severity = harmless ? Severity::note : Severity::soft;
    return remove(control_id, severity, at, at + 1, "a control character");
  }

  std::size_t escape_sequence(std::size_t begin) {
    auto at = begin + 1;
    if (at == text_.size() || !within(text_[at], 0x20, 0x7E)) return stray(begin, at);
    if (text_[at] == '[') return control_sequence(begin, at + 1);
    if (string_view("]PX^_").contains(text_[at])) {
      return control_string(begin, at + 1, text_[at] == ']' ? Ends::bell_too : Ends::plain);
    }
    if (text_[at] == 'k') {
      if (auto end = titled(at + 1); end != 0) {
        return remove(escape_id, Severity::soft, begin, end, "sets a terminal's title");
      }
    }
    while (at < text_.size() && within(text_[at], 0x20, 0x2F)) ++at;
    if (at == text_.size() || !within(text_[at], 0x30, 0x7E)) return stray(begin, at);
    if (at == begin + 1 && string_view("cM8").contains(text_[at])) {
      return remove(escape_id, Severity::hard, begin, at + 1,
                    "resets a terminal or moves its cursor, which can hide text");
    }
    return remove(escape_id, Severity::soft, begin, at + 1, "a terminal control sequence");
  }

  std::size_t c1_sequence(std::size_t begin, unsigned char code) {
    auto body = begin + 2;
    if (is_misread_utf8(text_, begin)) {
      return remove(control_id, Severity::note, begin, body,
                    "a control character in text that was decoded with the wrong charset");
    }
    if (code == 0x9B) return control_sequence(begin, body);
    if (code == 0x9D) return control_string(begin, body, Ends::bell_too);
    if (code == 0x90 || code == 0x98 || code == 0x9E || code == 0x9F) {
      return control_string(begin, body, Ends::plain);
    }
    return stray(begin, body);
  }

  std::size_t control_sequence(std::size_t begin, std::size_t body) {
    auto at = body;
    while (at < text_.size() && within(text_[at], 0x20, 0x3F)) ++at;
    if (at == text_.size()) {
      return remove(escape_id, Severity::soft, begin, at, "a terminal control sequence, cut off");
    }
    if (!within(text_[at], 0x40, 0x7E)) {
      return remove(escape_id, Severity::hard, begin, at,
                    "a broken terminal control sequence, which terminals read in different ways");
    }
    auto parameters = text_.substr(body, at - body);
    return text_[at] == 'm' && is_graphic_rendition(parameters)
               ? colour(begin, at + 1, parameters)
               : command(begin, at + 1, parameters);
  }

  std::size_t colour(std::size_t begin, std::size_t end, string_view parameters) {
    if (ink_.apply(parameters) == Ink::Change::conceals) {
      return remove(escape_id, Severity::hard, begin, end,
                    "makes a terminal hide the text that follows");
    }
    return remove(escape_id, Severity::note, begin, end, "sets a terminal's colours");
  }

  // A..G, H, f, a, d, e, ` and u move the cursor; J, K, L, M, P, X and @ erase or shift text; S and
  // T scroll.
  std::size_t command(std::size_t begin, std::size_t end, string_view parameters) {
    bool has_intermediates = !parameters.empty() && within(parameters.back(), 0x20, 0x2F);
    if (!has_intermediates && string_view("ABCDEFGHfade`uJKLMPX@ST").contains(text_[end - 1])) {
      return remove(escape_id, Severity::hard, begin, end,
                    "moves a terminal's cursor or erases, which can hide text");
    }
    return remove(escape_id, Severity::soft, begin, end, "a terminal control sequence");
  }

  enum class Ends { plain, bell_too };

  std::size_t control_string(std::size_t begin, std::size_t body, Ends ends) {
    for (auto at = body; at < text_.size(); ++at) {
      char c = text_[at];
      if (c == escape) {
        bool terminator = at + 1 < text_.size() && text_[at + 1] == '\\';
        return ended_string(begin, body, terminator ? at + 2 : at, ends);
      }
      bool one_byte_end = c == cancel || c == substitute || (c == bell && ends == Ends::bell_too);
      if (one_byte_end) return ended_string(begin, body, at + 1, ends);
      if (c1_at(text_, at) == 0x9C && !is_misread_utf8(text_, at)) {
        return ended_string(begin, body, at + 2, ends);
      }
    }
    return remove(escape_id, Severity::hard, begin, text_.size(),
                  "an unfinished terminal control string, which hides all text after it");
  }

  // Everything but an OSC is text that terminals never show. Of those, titles and colours are
  // ordinary.
  std::size_t ended_string(std::size_t begin, std::size_t body, std::size_t end, Ends ends) {
    auto content = text_.substr(body, end - body);
    auto number = content.substr(0, content.find_first_not_of("0123456789"));
    bool ordinary = ends == Ends::bell_too && !number.empty() && number != "8" && number != "52" &&
                    number != "1337";
    if (ordinary) {
      return remove(escape_id, Severity::soft, begin, end, "sets a terminal's title or palette");
    }
    return remove(escape_id, Severity::hard, begin, end,
                  "a terminal control string: hidden text, a disguised link or the clipboard");
  }

  // The end of a title that its ESC \ ends, or 0.
  std::size_t titled(std::size_t body) const {
    auto at = text_.find(escape, body);
    bool ended = at != string_view::npos && text_.substr(at).starts_with("\x1B\\");
    return ended && text_.substr(body, at - body).find('\n') == string_view::npos ? at + 2 : 0;
  }

  std::size_t overstrike(std::size_t at) {
    auto previous = at;
    step_back(text_, previous);
    auto before = text_.substr(previous, at - previous);
    bool repeats = text_.substr(at + 1).starts_with(before);
    bool underlines = before == "_" && at + 1 < text_.size();
    bool kept = !before.empty() && previous >= removed_to_ && !within(before[0], 0, 0x20);
    if (kept && (repeats || underlines)) {
      return remove(control_id, Severity::note, previous, at + 1,
                    "bold or underlined by overstriking");
    }
    return remove(control_id, Severity::hard, at, at + 1,
                  "a backspace, which makes a terminal write over text");
  }

  std::size_t stray(std::size_t begin, std::size_t end) {
    return remove(control_id, Severity::soft, begin, end, "a control character");
  }

  std::size_t remove(string_view id, Severity severity, std::size_t begin, std::size_t end,
                     string_view why) {
    removed_to_ = end;
    if (marks_.size() > first_) {
      auto& last = marks_.back();
      bool same = last.finding == id && last.severity == severity && last.why == why;
      if (same && last.end == begin) {
        last.end = end;
        return end;
      }
    }
    marks_.push_back(Mark{.finding = id,
                          .severity = severity,
                          .begin = begin,
                          .end = end,
                          .why = why,
                          .action = Mark::Action::remove});
    return end;
  }

  void withhold_rest(std::size_t at) {
    marks_.push_back(Mark{.finding = escape_id,
                          .severity = Severity::hard,
                          .begin = at,
                          .end = text_.size(),
                          .why = "more terminal control sequences than any text needs",
                          .action = Mark::Action::withhold});
  }

  string_view text_;
  std::vector<Mark>& marks_;
  std::size_t first_;
  std::size_t removed_to_ = 0;
  Ink ink_;
};

// Escapes that are spelled out do nothing by themselves; in a definition they ask the model to
// print them.
void find_spelled_out(string_view text, std::vector<Mark>& marks) {
  constexpr std::array<string_view, 7> forms{"\\x1b[",   "\\x1B[", "\\u001b[", "\\u001B[",
                                             "\\u{1b}[", "\\033[", "\\e["};
  constexpr std::size_t enough = 100;
  std::size_t found = 0;
  for (auto at = text.find('\\'); at != string_view::npos; at = text.find('\\', at + 1)) {
    auto rest = text.substr(at);
    for (auto form : forms) {
      if (!rest.starts_with(form)) continue;
      marks.push_back(Mark{.finding = literal_id,
                           .severity = Severity::soft,
                           .begin = at,
                           .end = at + form.size(),
                           .why = "spells out a terminal control sequence"});
      if (++found == enough) return;
    }
  }
}

class TerminalEscapes final : public Inspector {
 public:
  std::string_view name() const override { return "terminal_escapes"; }
  bool cares_about_plain_ascii() const override { return false; }

  void inspect(const Leaf& leaf, Channel channel, std::vector<Mark>& marks) const override {
    Scanner(leaf.text, marks).run();
    if (channel == Channel::definition || channel == Channel::instructions) {
      find_spelled_out(leaf.text, marks);
    }
  }
};

}  // namespace

std::unique_ptr<Inspector> make_terminal_escapes() { return std::make_unique<TerminalEscapes>(); }

}  // namespace toolgate
