#include "gateway/cli/time_text.hpp"

#include <charconv>
#include <chrono>
#include <limits>
#include <string>

namespace toolgate {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

// Reads a text from left to right; once something is not as expected, everything after it is
// nothing.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  int digits(std::size_t count) {
    int value = 0;
    for (std::size_t at = 0; at < count; ++at) {
      const bool digit = at < rest_.size() && rest_[at] >= '0' && rest_[at] <= '9';
      if (!digit) return lose();
      value = value * 10 + (rest_[at] - '0');
    }
    rest_.remove_prefix(count);
    return value;
  }
  void expect(std::string_view any_of) {
    if (!take(any_of)) lose();
  }
  char take(std::string_view any_of) {
    if (rest_.empty() || any_of.find(rest_[0]) == std::string_view::npos) return 0;
    const char taken = rest_[0];
    rest_.remove_prefix(1);
    return taken;
  }
  // After the point: up to nine digits count, more are read and dropped.
  std::int64_t fraction_ns() {
    std::int64_t value = 0;
    std::int64_t unit = second_ns;
    bool any = false;
    while (const char digit = take("0123456789")) {
      unit /= 10;
      value += (digit - '0') * unit;
      any = true;
    }
    return any ? value : lose();
  }
  bool at_end() const { return rest_.empty(); }
  bool sound() const { return sound_; }

 private:
  int lose() {
    sound_ = false;
    rest_ = {};
    return 0;
  }
  std::string_view rest_;
  bool sound_ = true;
};

std::int64_t offset_s(Scanner& in) {
  if (in.take("Zz")) return 0;
  const int sign = in.take("-") ? -1 : 1;
  if (sign == 1) in.expect("+");
  const int hours = in.digits(2);
  in.expect(":");
  const int minutes = in.digits(2);
  return sign * (hours * 3'600 + minutes * 60);
}

}  // namespace

Result<std::int64_t> parse_time(std::string_view text) {
  using namespace std::chrono;
  const Refusal wrong(
      Reason::usage,
      "a time is written as 2026-11-21T03:40:17Z, 2026-11-21, or an age as 10m, 2h, 1d");
  Scanner in(text);
  const int year = in.digits(4);
  in.expect("-");
  const int month = in.digits(2);
  in.expect("-");
  const int day = in.digits(2);
  int hour = 0;
  int minute = 0;
  int second = 0;
  std::int64_t fraction = 0;
  std::int64_t offset = 0;
  if (!in.at_end()) {
    in.expect("Tt ");
    hour = in.digits(2);
    in.expect(":");
    minute = in.digits(2);
    in.expect(":");
    second = in.digits(2);
    if (in.take(".")) fraction = in.fraction_ns();
    offset = offset_s(in);
  }
  const year_month_day date(std::chrono::year(year),
                            std::chrono::month(static_cast<unsigned>(month)),
                            std::chrono::day(static_cast<unsigned>(day)));
  // Nanoseconds since 1970 end in 2262; 60 is a leap second.
  if (!in.sound() || !in.at_end() || !date.ok() || year < 1970 || year > 2261) return wrong;
  if (hour > 23 || minute > 59 || second > 60) return wrong;
  const std::int64_t days = sys_days(date).time_since_epoch().count();
  const std::int64_t seconds = days * 86'400 + hour * 3'600 + minute * 60 + second - offset;
  return seconds * second_ns + fraction;
}

Result<std::int64_t> parse_duration(std::string_view text) {
  std::int64_t count = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, count);
  std::int64_t unit_s = 0;
  if (read.ec == std::errc() && read.ptr + 1 == end) {
    switch (*read.ptr) {
      case 's':
        unit_s = 1;
        break;
      case 'm':
        unit_s = 60;
        break;
      case 'h':
        unit_s = 3'600;
        break;
      case 'd':
        unit_s = 86'400;
        break;
      case 'w':
        unit_s = 604'800;
        break;
      default:
        break;
    }
  }
  const std::int64_t most =
      unit_s > 0 ? std::numeric_limits<std::int64_t>::max() / second_ns / unit_s : -1;
  if (count < 0 || count > most) {
    return Refusal(Reason::usage, "a duration is a number and s, m, h, d or w: 10m");
  }
  return count * unit_s * second_ns;
}

Result<std::int64_t> parse_end(std::string_view text, std::int64_t now_ns) {
  auto age = parse_duration(text);
  auto time = age ? Result<std::int64_t>(*age) : parse_time(text);
  if (!time) return time.refusal();
  const std::int64_t end_ns = age ? (*age > INT64_MAX - now_ns ? INT64_MAX : now_ns + *age) : *time;
  if (end_ns <= now_ns) return Refusal(Reason::usage, "--expires must lie in the future");
  return end_ns;
}

}  // namespace toolgate
