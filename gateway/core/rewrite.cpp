#include "gateway/core/rewrite.hpp"

#include <algorithm>
#include <cassert>

namespace toolgate {

Rewrite::Rewrite(std::string_view source, std::size_t origin) : source_(source), origin_(origin) {}

void Rewrite::replace(std::size_t begin, std::size_t end, std::string replacement) {
  assert(begin >= origin_ && begin <= end && end - origin_ <= source_.size());
  edits_.push_back(Edit{begin - origin_, end - origin_, std::move(replacement)});
}

std::string Rewrite::apply() && {
  std::sort(edits_.begin(), edits_.end(), [](const Edit& a, const Edit& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  std::size_t size = source_.size();
  for (const Edit& edit : edits_) size += edit.text.size();
  std::string out;
  out.reserve(size);
  std::size_t copied = 0;
  for (const Edit& edit : edits_) {
    assert(edit.begin >= copied);  // they do not overlap
    out.append(source_, copied, edit.begin - copied);
    out += edit.text;
    copied = edit.end;
  }
  out.append(source_, copied);
  return out;
}

}  // namespace toolgate
