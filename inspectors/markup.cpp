#include "inspectors/markup.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace toolgate {
namespace {

using std::string_view;

constexpr auto npos = string_view::npos;
constexpr std::size_t name_bytes_most = 32;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lowered(string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), lower);
  return out;
}

bool is_one_of(string_view name, std::initializer_list<string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

// Elements in the midst of a line: their tags do not set words apart.
bool is_inline(string_view name) {
  return is_one_of(name, {"a",      "abbr", "b",   "bdi", "bdo",  "big", "cite", "code",  "em",
                          "font",   "i",    "ins", "kbd", "mark", "q",   "s",    "small", "span",
                          "strong", "sub",  "sup", "tt",  "u",    "var", "wbr"});
}

bool is_never_shown(string_view name) {
  return is_one_of(name, {"template", "noscript", "script", "style", "head", "desc", "metadata"});
}

bool is_void(string_view name) {
  return is_one_of(name, {"area", "base", "br", "col", "embed", "hr", "img", "input", "link",
                          "meta", "param", "source", "track", "wbr"});
}

// Does this style, or this tag, keep its element from being seen? `tag` is lower case and without
// white space.
bool hides(string_view tag) {
  constexpr std::array<string_view, 20> ways{
      "display:none",      "visibility:hidden",   "visibility:collapse", "opacity:0;",
      "opacity:0\"",       "opacity:0'",          "opacity:0.0",         "font-size:0",
      "font-size:1px",     "left:-9999",          "top:-9999",           "text-indent:-9",
      "clip:rect(0",       "clip-path:inset(100", "color:white",         "color:#fff",
      "color:transparent", "width:0;height:0",    "height:0;width:0",    "aria-hidden=\"true"};
  if (std::ranges::any_of(ways, [tag](string_view way) { return tag.contains(way); })) return true;
  return tag.ends_with("hidden") || tag.contains("hidden=\"\"") || tag.contains("hidden=\"hidden");
}

struct Tag {
  std::string name;
  bool closes = false;
  bool closed = false;  // <br/>
  string_view inside;   // from the name's end to the bracket
  std::size_t end = 0;
};

class Splitter {
 public:
  explicit Splitter(string_view text) : text_(text) {}

  Split run() && {
    while (at_ < text_.size()) {
      auto next = at_;
      while (next < text_.size() && text_[next] != '<' && text_[next] != '[') ++next;
      plain(next);
      if (at_ == text_.size()) break;
      if (!comment() && !markdown_comment() && !tag()) plain(at_ + 1);
    }
    return std::move(split_);
  }

 private:
  DerivedText& target() { return depth_ > 0 ? split_.hidden : split_.visible; }

  void plain(std::size_t end) {
    if (end > at_) target().copy(text_.substr(at_, end - at_), at_);
    at_ = end;
  }

  void hide(std::size_t begin, std::size_t end) {
    if (begin >= end) return;
    split_.hidden.write("\n\n", Range{.begin = begin, .end = begin});
    split_.hidden.copy(text_.substr(begin, end - begin), begin);
    split_.hidden.write("\n\n", Range{.begin = end, .end = end});
  }

  bool comment() {
    auto rest = text_.substr(at_);
    if (rest.starts_with("<!--")) return enclosed(4, "-->", comment_end_);
    if (rest.starts_with("<![CDATA[")) {
      at_ += 9;
      return true;
    }
    if (rest.starts_with("<!") || rest.starts_with("<?")) return enclosed(2, ">", bracket_end_);
    return false;
  }

  // Hides what stands between here and `closing`. Where that is is looked up once for all openings
  // before it; without one, the opening is text.
  bool enclosed(std::size_t opening, string_view closing, std::size_t& known) {
    auto begin = at_ + opening;
    if (known != npos && known < begin) known = text_.find(closing, begin);
    if (known == npos) return false;
    hide(begin, known);
    at_ = known + closing.size();
    return true;
  }

  // [//]: # (text) and [comment]: <> (text), on a line.
  bool markdown_comment() {
    auto rest = text_.substr(at_);
    constexpr std::array<string_view, 4> openings{"[//]: #", "[//]:#", "[comment]: #",
                                                  "[comment]: <>"};
    for (auto opening : openings) {
      if (!rest.starts_with(opening)) continue;
      auto end = std::min(text_.find('\n', at_), text_.size());
      hide(at_ + opening.size(), end);
      at_ = end;
      return true;
    }
    return false;
  }

  std::optional<Tag> read_tag() const {
    Tag tag;
    auto at = at_ + 1;
    if (at < text_.size() && text_[at] == '/') {
      tag.closes = true;
      ++at;
    }
    auto begin = at;
    if (at >= text_.size() || !is_letter(text_[at])) return std::nullopt;
    while (at < text_.size() && at - begin < name_bytes_most &&
           (is_letter(text_[at]) || (text_[at] >= '0' && text_[at] <= '9') || text_[at] == '-' ||
            text_[at] == ':')) {
      ++at;
    }
    tag.name = lowered(text_.substr(begin, at - begin));
    // Another bracket before the end: no tag, or none that is worth a second look at its bytes.
    auto end = at;
    while (end < text_.size() && text_[end] != '<' && text_[end] != '>') ++end;
    if (end == text_.size() || text_[end] == '<') return std::nullopt;
    bool parted = at == end || string_view(" \t\r\n/").contains(text_[at]);
    if (!parted) return std::nullopt;
    tag.inside = text_.substr(at, end - at);
    tag.closed = tag.inside.ends_with('/');
    tag.end = end + 1;
    return tag;
  }

  bool tag() {
    if (text_[at_] != '<') return false;
    auto tag = read_tag();
    if (!tag) return false;
    bool parts_words = !is_inline(tag->name);
    if (parts_words) target().write("\n", Range{.begin = at_, .end = tag->end});
    if (tag->closes) {
      if (depth_ > 0 && tag->name == hiding_) --depth_;
    } else {
      open(*tag);
    }
    at_ = tag->end;
    return true;
  }

  void open(const Tag& tag) {
    attributes(tag);
    if (tag.closed || is_void(tag.name)) return;
    if (depth_ > 0) {
      depth_ += tag.name == hiding_;
      return;
    }
    if (!is_never_shown(tag.name) && !is_styled_away(tag.inside)) return;
    hiding_ = tag.name;
    depth_ = 1;
    split_.hidden.write("\n\n", Range{.begin = at_, .end = tag.end});
  }

  static bool is_styled_away(string_view inside) {
    if (inside.empty()) return false;
    std::string squeezed;
    for (char c : inside) {
      if (!string_view(" \t\r\n").contains(c)) squeezed += lower(c);
    }
    return hides(squeezed);
  }

  // Texts that a page holds for others than its reader.
  void attributes(const Tag& tag) {
    for (string_view name :
         {"alt=", "title=", "content=", "aria-label=", "placeholder=", "value="}) {
      auto found = tag.inside.find(name);
      if (found == npos || found == 0) continue;
      auto begin = found + name.size();
      if (begin >= tag.inside.size()) continue;
      char quote = tag.inside[begin];
      if (quote != '"' && quote != '\'') continue;
      auto end = tag.inside.find(quote, begin + 1);
      auto base = static_cast<std::size_t>(tag.inside.data() - text_.data());
      if (end != npos) hide(base + begin + 1, base + end);
    }
  }

  string_view text_;
  Split split_;
  std::size_t at_ = 0;
  std::string hiding_;     // the element that hides what is in it,
  std::size_t depth_ = 0;  // and how many of its name are open
  std::size_t comment_end_ = 0;
  std::size_t bracket_end_ = 0;
};

}  // namespace

std::optional<Split> split_markup(string_view text) {
  bool has_markup = false;
  for (auto at = text.find('<'); at != npos && !has_markup; at = text.find('<', at + 1)) {
    has_markup = at + 1 < text.size() && (is_letter(text[at + 1]) || text[at + 1] == '!');
  }
  if (!has_markup && !text.contains("[//]:") && !text.contains("[comment]:")) return std::nullopt;
  return Splitter(text).run();
}

}  // namespace toolgate
