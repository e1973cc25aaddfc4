#include "gateway/core/rewrite.hpp"

#include <algorithm>
#include <cassert>

namespace toolgate {

Rewrite::Rewrite(std::string_view source, std::size_t origin) : source_(source), origin_(origin) {}

void Rewrite::replace(std::size_t begin, std::size_t end, std::string replacement) {
  assert(begin >= origin_ && begin <= end && end - origin_ <= source_.size());
  edits_.push_back(Edit{begin - origin_, end - origin_, std::move(replacement)});
}

void Rewrite::reshape(const Value& object, const std::function<bool(const Value& member)>& drops,
                      std::string added) {
  bool any_stays = false;
  std::size_t stays_end = 0;  // of the last one that stays
  bool dropping = false;
  std::size_t run_begin = 0;  // of neighbours that are dropped, with the comma on one side
  std::size_t run_end = 0;
  for (auto member = object.first(); member; member = member->following(object)) {
    if (drops(*member)) {
      if (!dropping) run_begin = any_stays ? stays_end : member->name_begin();
      run_end = member->end();
      dropping = true;
      continue;
    }
    if (dropping) replace(run_begin, any_stays ? run_end : member->name_begin(), "");
    dropping = false;
    any_stays = true;
    stays_end = member->end();
  }
  if (dropping) replace(run_begin, run_end, "");
  if (added.empty()) return;
  if (any_stays) added += ',';
  replace(object.begin() + 1, object.begin() + 1, std::move(added));
}

std::string Rewrite::apply() && {
  std::sort(edits_.begin(), edits_.end(), [](const Edit& a, const Edit& b) {
    if (a.begin != b.begin) return a.begin < b.begin;
    // An insertion first, then the widest range.
    bool insertion = a.begin == a.end || b.begin == b.end;
    return insertion ? a.end < b.end : a.end > b.end;
  });
  std::size_t size = source_.size();
  for (const Edit& edit : edits_) size += edit.text.size();
  std::string out;
  out.reserve(size);
  std::size_t copied = 0;
  for (const Edit& edit : edits_) {
    if (edit.begin < copied && edit.end <= copied) continue;  // inside of what was replaced
    assert(edit.begin >= copied);
    out.append(source_, copied, edit.begin - copied);
    out += edit.text;
    copied = edit.end;
  }
  out.append(source_, copied);
  return out;
}

}  // namespace toolgate
