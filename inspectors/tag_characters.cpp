// Unicode's tag block, U+E0000..U+E007F: an invisible copy of ASCII. No font shows it, and models
// read it, so whole instructions hide in it. Its one use is the flags of regions: U+1F3F4, the
// region's code in tags, U+E007F. Unicode recommends three of them for interchange (England,
// Scotland, Wales; UTS #51, annex B.1), and only these three pass. Everything else withholds the
// message: nobody has an innocent reason to send it, and a message that was built to deceive is
// better read by an administrator than repaired.

#include <algorithm>
#include <array>

#include "inspectors/inspector.hpp"

namespace toolgate {
namespace {

using namespace std::string_view_literals;

// In UTF-8 a tag is F3 A0 80 80..BF or F3 A0 81 80..BF.
constexpr std::string_view tag_lead = "\xF3\xA0"sv;
constexpr std::size_t tag_bytes = 4;
constexpr std::size_t runs_most = 1'000;  // the message is withheld after the first in any case
constexpr std::string_view black_flag = "\xF0\x9F\x8F\xB4"sv;

// Five letters in tags, then U+E007F.
constexpr std::array<std::string_view, 3> regions{
    "\xF3\xA0\x81\xA7\xF3\xA0\x81\xA2\xF3\xA0\x81\xA5"     // gbe
    "\xF3\xA0\x81\xAE\xF3\xA0\x81\xA7\xF3\xA0\x81\xBF"sv,  // ng
    "\xF3\xA0\x81\xA7\xF3\xA0\x81\xA2\xF3\xA0\x81\xB3"     // gbs
    "\xF3\xA0\x81\xA3\xF3\xA0\x81\xB4\xF3\xA0\x81\xBF"sv,  // ct
    "\xF3\xA0\x81\xA7\xF3\xA0\x81\xA2\xF3\xA0\x81\xB7"     // gbw
    "\xF3\xA0\x81\xAC\xF3\xA0\x81\xB3\xF3\xA0\x81\xBF"sv,  // ls
};

bool starts_with_tag(std::string_view text) {
  return text.size() >= tag_bytes && text.starts_with(tag_lead) &&
         (text[2] == '\x80' || text[2] == '\x81');
}

class TagCharacters final : public Inspector {
 public:
  std::string_view name() const override { return "tag_characters"; }
  bool cares_about_plain_ascii() const override { return false; }

  void inspect(const Leaf& leaf, Channel, std::vector<Mark>& marks) const override {
    auto text = leaf.text;
    std::size_t found = 0;
    for (auto at = text.find('\xF3'); at != std::string_view::npos; at = text.find('\xF3', at)) {
      auto end = at;
      while (starts_with_tag(text.substr(end))) end += tag_bytes;
      if (end == at) {
        ++at;  // another character of planes 12 to 15
        continue;
      }
      auto run = text.substr(at, end - at);
      bool flag = text.substr(0, at).ends_with(black_flag) &&
                  std::ranges::find(regions, run) != regions.end();
      if (!flag) marks.push_back(hidden(at, end));
      if (!flag && ++found == runs_most) return;
      at = end;
    }
  }

 private:
  static Mark hidden(std::size_t begin, std::size_t end) {
    return Mark{.finding = "unicode.tag",
                .severity = Severity::hard,
                .begin = begin,
                .end = end,
                .why = "invisible Unicode tag characters, which models read and people cannot see",
                .action = Mark::Action::withhold};
  }
};

}  // namespace

std::unique_ptr<Inspector> make_tag_characters() { return std::make_unique<TagCharacters>(); }

}  // namespace toolgate
