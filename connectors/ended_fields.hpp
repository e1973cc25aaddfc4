#pragma once
// Fields of text, each ended by a NUL byte: how orders travel to a keeper, to the launcher, into a
// machine, and arguments to bubblewrap (--args). No field may hold a NUL itself: whoever takes text
// from outside has looked.

#include <concepts>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace toolgate {

class EndedFields {
 public:
  // Texts, and numbers in decimal.
  template <class... Values>
  void add(const Values&... values) {
    (add_one(values), ...);
  }
  // How many there are, then each.
  void add_list(const std::vector<std::string>& fields) {
    add(fields.size());
    for (const std::string& field : fields) add(field);
  }
  std::string text() && { return std::move(text_); }

 private:
  void add_one(std::string_view field) { text_.append(field).push_back('\0'); }
  template <std::integral Number>
    requires(!std::same_as<Number, char> && !std::same_as<Number, bool>)
  void add_one(Number number) {
    add_one(std::string_view(std::to_string(number)));
  }

  std::string text_;
};

}  // namespace toolgate
