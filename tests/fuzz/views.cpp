// What the pass, the decoders and the markup stripper promise: nothing grows beyond its source, and
// every place leads back into it.

#include "inspectors/views.hpp"

#include <cassert>
#include <cstdint>

#include "inspectors/encodings.hpp"
#include "inspectors/markup.hpp"

namespace {

using namespace toolgate;

void check(const DerivedText& derived, std::size_t source, std::size_t most) {
  assert(derived.text.size() <= most);
  for (std::size_t at = 0; at < derived.text.size(); at += 7) {
    auto range = derived.map.source_of({.begin = at, .end = at + 1});
    assert(range.begin <= range.end && range.end <= source + 1);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto form = normalise(text);
  assert(form.text.size() <= text.size());
  for (std::size_t at = 0; at < form.text.size(); ++at) {
    auto range = form.map.source_of({.begin = at, .end = at + 1});
    assert(range.begin < range.end && range.end <= text.size());
  }
  auto most = 3 * size + 8;
  for (const auto& blob : decode_blobs(text, 64).found) check(blob.text, size, size);
  check(decode_escapes(text).text, size, most);
  check(join_spaced(text), size, most);
  check(read_leet(text), size, most);
  check(join_fields(text), size, most);
  if (auto split = split_markup(text)) {
    check(split->visible, size, most);
    check(split->hidden, size, 4 * most);
  }
  Views views(text);
  for (const auto& view : views.all()) {
    for (std::size_t at = 0; at < view.form.text.size(); at += 5) {
      auto range = view.source_of({.begin = at, .end = at + 1});
      assert(range.begin <= range.end && range.end <= size + 1);
    }
  }
  return 0;
}
