#include "connectors/line_reader.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

namespace toolgate {
namespace {

constexpr std::size_t first_bytes = std::size_t{8} << 10;  // asked for until more comes at once
constexpr std::size_t most_bytes = std::size_t{1} << 30;

}  // namespace

LineReader::LineReader(std::size_t line_bytes, std::size_t read_bytes)
    : line_bytes_(std::min(line_bytes, most_bytes)),
      read_bytes_(std::max(read_bytes, first_bytes)) {}

std::span<char> LineReader::space() {
  compact();
  const std::size_t wanted = end_ + (busy_ ? read_bytes_ : first_bytes);
  // A long line made the buffer grow; when it is gone the buffer shrinks again.
  const bool far_too_big = end_ == 0 && capacity_ > 4 * read_bytes_;
  if (capacity_ < wanted || far_too_big) {
    // Doubling, so that a line of n bytes is copied less than 2n bytes in all.
    const std::size_t doubled = far_too_big ? 0 : std::min(2 * capacity_, 2 * line_bytes_);
    capacity_ = std::max(wanted, doubled);
    auto bigger = std::make_unique_for_overwrite<char[]>(capacity_);
    if (end_ > 0) std::memcpy(bigger.get(), buffer_.get(), end_);
    buffer_ = std::move(bigger);
  }
  return {buffer_.get() + end_, std::min(capacity_ - end_, read_bytes_)};
}

void LineReader::filled(std::size_t bytes) {
  assert(bytes <= capacity_ - end_);
  end_ += bytes;
  busy_ = bytes >= first_bytes;
}

std::optional<Line> LineReader::next() {
  while (searched_ < end_) {
    const char* from = buffer_.get() + searched_;
    const auto* newline = static_cast<const char*>(std::memchr(from, '\n', end_ - searched_));
    if (newline == nullptr) break;
    const std::size_t at = static_cast<std::size_t>(newline - buffer_.get());
    std::string_view text(buffer_.get() + begin_, at - begin_);
    begin_ = searched_ = at + 1;
    if (std::exchange(dropping_, false)) continue;
    auto line = made_of(text);
    if (line) return line;
  }
  searched_ = end_;
  if (dropping_) {
    begin_ = end_;
  } else if (end_ - begin_ > line_bytes_ + 1) {  // + 1: a carriage return
    dropping_ = true;
    begin_ = end_;
    return Line{Line::Kind::too_long, ""};
  }
  return std::nullopt;
}

std::optional<Line> LineReader::rest() {
  std::string_view text(buffer_.get() + begin_, end_ - begin_);
  begin_ = searched_ = end_;
  if (dropping_) return std::nullopt;
  return made_of(text);
}

std::optional<Line> LineReader::made_of(std::string_view text) {
  if (text.ends_with('\r')) text.remove_suffix(1);
  if (text.empty()) return std::nullopt;
  if (text.size() > line_bytes_) return Line{Line::Kind::too_long, ""};
  return Line{Line::Kind::complete, std::string(text)};
}

void LineReader::compact() {
  if (begin_ == 0) return;
  if (end_ > begin_) std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
  end_ -= begin_;
  searched_ -= begin_;
  begin_ = 0;
}

void make_one_line(std::string& json) {
  for (char unwanted : {'\n', '\r'}) {
    for (std::size_t at = json.find(unwanted); at != std::string::npos;
         at = json.find(unwanted, at)) {
      json[at] = ' ';
    }
  }
}

}  // namespace toolgate
