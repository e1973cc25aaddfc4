#include "gateway/broker/alignment.hpp"

#include <algorithm>
#include <cstdint>

namespace toolgate {
namespace {

constexpr std::size_t pairs_most = 4'000'000;

using Keys = std::vector<std::string>;

class Alignment {
 public:
  Alignment(const Keys& was, const Keys& is, Rest rest) : was_(was), is_(is), rest_(rest) {}

  std::vector<Aligned> run() {
    std::size_t head = 0;
    while (head < was_.size() && head < is_.size() && was_[head] == is_[head]) {
      match(head, head);
      ++head;
    }
    std::size_t tail = 0;
    while (tail < was_.size() - head && tail < is_.size() - head &&
           was_[was_.size() - 1 - tail] == is_[is_.size() - 1 - tail]) {
      ++tail;
    }
    align(head, was_.size() - tail, head, is_.size() - tail);
    for (; tail > 0; --tail) match(was_.size() - tail, is_.size() - tail);
    return std::move(out_);
  }

 private:
  void match(std::size_t old, std::size_t now) { out_.push_back({old, now, true}); }

  // The elements between two matches.
  void leave(std::size_t old, std::size_t old_end, std::size_t now, std::size_t now_end) {
    while (rest_ == Rest::pair && old < old_end && now < now_end) {
      out_.push_back({old++, now++, false});
    }
    for (; old < old_end; ++old) out_.push_back({old, std::nullopt, false});
    for (; now < now_end; ++now) out_.push_back({std::nullopt, now, false});
  }

  void align(std::size_t old, std::size_t old_end, std::size_t now, std::size_t now_end) {
    const std::size_t rows = old_end - old;
    const std::size_t columns = now_end - now;
    if (rows == 0 || columns == 0 || rows > pairs_most / columns) {
      leave(old, old_end, now, now_end);
      return;
    }
    // length[r][c]: of the longest common subsequence from there on.
    std::vector<std::uint32_t> length((rows + 1) * (columns + 1), 0);
    const auto at = [&](std::size_t row, std::size_t column) -> std::uint32_t& {
      return length[row * (columns + 1) + column];
    };
    for (std::size_t row = rows; row-- > 0;) {
      for (std::size_t column = columns; column-- > 0;) {
        at(row, column) = was_[old + row] == is_[now + column]
                              ? at(row + 1, column + 1) + 1
                              : std::max(at(row + 1, column), at(row, column + 1));
      }
    }
    std::size_t row = 0;
    std::size_t column = 0;
    std::size_t left_row = 0;
    std::size_t left_column = 0;
    while (row < rows && column < columns) {
      if (was_[old + row] == is_[now + column]) {
        leave(old + left_row, old + row, now + left_column, now + column);
        match(old + row++, now + column++);
        left_row = row;
        left_column = column;
      } else if (at(row + 1, column) >= at(row, column + 1)) {
        ++row;
      } else {
        ++column;
      }
    }
    leave(old + left_row, old_end, now + left_column, now_end);
  }

  const Keys& was_;
  const Keys& is_;
  Rest rest_;
  std::vector<Aligned> out_;
};

}  // namespace

std::vector<Aligned> aligned(const std::vector<std::string>& was,
                             const std::vector<std::string>& is, Rest rest) {
  return Alignment(was, is, rest).run();
}

}  // namespace toolgate
