#pragma once
// Changing a few values of a JSON text and nothing else: all other bytes stay as they were read.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/core/document.hpp"

namespace toolgate {

// Collects replacements of byte ranges of one text. Of two ranges one may lie in the other, which
// then is all that counts; otherwise they must not overlap (asserted). Order does not matter. An
// empty range inserts; at most one insertion at a place.
class Rewrite {
 public:
  // Works on `source`, which must outlive this object; `origin` is the offset of source[0] in the
  // document that ranges are given in (so a slice, Value::raw() with Value::begin(), can be
  // rewritten alone).
  explicit Rewrite(std::string_view source, std::size_t origin = 0);

  void replace(std::size_t begin, std::size_t end, std::string replacement);
  void replace(const Value& value, std::string json) {
    replace(value.begin(), value.end(), std::move(json));
  }
  // Takes out the members of `object` that `drops` names, and puts `added` (members as JSON,
  // without braces) before those that stay.
  void reshape(const Value& object, const std::function<bool(const Value& member)>& drops,
               std::string added);
  bool empty() const { return edits_.empty(); }
  std::string apply() &&;

 private:
  struct Edit {
    std::size_t begin;
    std::size_t end;
    std::string text;
  };
  std::string_view source_;
  std::size_t origin_;
  std::vector<Edit> edits_;
};

}  // namespace toolgate
