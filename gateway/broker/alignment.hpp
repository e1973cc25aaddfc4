#pragma once
// Which element of one list has become which of another: the longest common subsequence (with
// equal heads and tails taken off first), and what is left between two matches pair by pair.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace toolgate {

// One of the two may be missing: an element that came, or went.
struct Aligned {
  std::optional<std::size_t> old;
  std::optional<std::size_t> now;
  bool is_match = false;  // equal keys
};

// In the order of the new list; what went stands where it was. Lists whose middle parts are too
// long for the table (4,000,000 pairs) are paired by their places. `rest`: what becomes of elements
// without a match.
enum class Rest { pair, apart };
std::vector<Aligned> aligned(const std::vector<std::string>& was,
                             const std::vector<std::string>& is, Rest rest = Rest::pair);

}  // namespace toolgate
