#pragma once
// A text of a server as an administrator reads it before deciding: everything that hides, reorders
// or passes for something else is written out by its name, "<U+200B ZERO WIDTH SPACE>",
// "<U+0430 CYRILLIC, looks like a>". A letter of another script is written out where it could pass
// for a Latin one: in a word with Latin letters, or in a text that has Latin letters and nothing of
// that script which could not. Line ends stay: whoever prints puts its own margin before each line,
// so that no text can pass for another part of the page.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace toolgate {

class Revealed {
 public:
  explicit Revealed(std::string_view text);  // UTF-8; must outlive this
  // Of these bytes of the text, which are whole characters.
  std::string part(std::size_t begin, std::size_t end) const;
  std::string all() const { return part(0, text_.size()); }
  // How many characters of these bytes are written out.
  std::size_t hidden_in(std::size_t begin, std::size_t end) const;

 private:
  struct Character {
    std::size_t begin;
    std::size_t end;
    char32_t point;
    bool written_out;
  };
  void read();
  void mark_lookalikes();
  void mark_overlays();
  void spare_pictures();
  std::string_view text_;
  std::vector<Character> characters_;
};

std::string revealed(std::string_view text);
// The same on one line: line ends are written out too. For names, paths, commands.
std::string revealed_line(std::string_view text);

}  // namespace toolgate
