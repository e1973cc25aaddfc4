// Two definitions, and what a review shows of their difference: there is a change exactly where the
// canonical forms differ; every path leads to the value that it tells; the page shows every byte of
// both texts, and none that a terminal would act on.

#include "gateway/broker/difference.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <sstream>

#include "gateway/cli/shown_text.hpp"
#include "gateway/cli/word_difference.hpp"
#include "gateway/core/document.hpp"
#include "signing/canonical.hpp"

namespace toolgate {
namespace {

void check(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

std::optional<Value> at(Value value, const std::string& path) {
  std::size_t begin = 0;
  while (begin < path.size()) {
    const std::size_t end = std::min(path.find('/', begin + 1), path.size());
    std::string step;
    for (std::size_t one = begin + 1; one < end; ++one) {
      const bool escaped = path[one] == '~' && one + 1 < end;
      step += escaped ? (path[++one] == '1' ? '/' : '~') : path[one];
    }
    if (value.is_array()) {
      const auto place = static_cast<std::size_t>(std::strtoull(step.c_str(), nullptr, 10));
      if (place >= value.size()) return std::nullopt;
      value = value.elements()[place];
    } else {
      auto inner = value.find(step);
      if (!inner) return std::nullopt;
      value = *inner;
    }
    begin = end;
  }
  return value;
}

void check_changes(ItemKind kind, const Document& was, const Document& is) {
  auto old_form = canonical_json(was.root());
  auto new_form = canonical_json(is.root());
  const auto changes = changes_between(kind, was.text(), is.text());
  if (old_form && new_form) {
    check(changes.empty() == (*old_form == *new_form), "a change is told where there is one");
  }
  for (const Change& change : changes) {
    check(change.old || change.now, "one side has something");
    const Document& there = change.now ? is : was;
    auto value = at(there.root(), change.path);
    check(value && value->raw() == (change.now ? *change.now : *change.old),
          "a path leads to its value");
  }
}

void check_page(const std::string& was, const std::string& is) {
  for (const auto& [stretches, text] :
       {std::pair(word_difference(was, is).was, was), std::pair(word_difference(was, is).is, is)}) {
    std::size_t end = 0;
    for (const Stretch& one : stretches) {
      check(one.begin == end && one.end > one.begin, "stretches follow each other");
      end = one.end;
    }
    check(end == text.size(), "stretches are all of the text");
  }
  std::ostringstream out;
  Console console{.out = out, .error = out, .environment = {}};
  print_difference(console, ShownValues{was, is}, "", Fold::full);
  print_difference(console, ShownValues{was, is}, "", Fold::folded);
  print_text(console, is, "| ", Style::plain, Fold::folded, {.lines = 3, .bytes = 40});
  for (const char c : out.str()) {
    check(static_cast<unsigned char>(c) >= 0x20 || c == '\n', "no control reaches a terminal");
  }
}

}  // namespace
}  // namespace toolgate

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace toolgate;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = text.find('\xFF');  // in no JSON text
  const std::string was = text.substr(0, cut);
  const std::string is = cut == std::string::npos ? was : text.substr(cut + 1);
  check_page(was, is);
  const JsonLimits limits{.bytes = 1 << 16, .depth = 64, .values = 20'000, .batch_messages = 16};
  auto old_document = parse_document(Untrusted<std::string>(was), limits);
  auto new_document = parse_document(Untrusted<std::string>(is), limits);
  if (!old_document || !new_document) return 0;
  for (const ItemKind kind : {ItemKind::tool, ItemKind::prompt, ItemKind::resource,
                              ItemKind::instructions, ItemKind::skill}) {
    check_changes(kind, *old_document, *new_document);
  }
  return 0;
}
