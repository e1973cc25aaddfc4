#include "gateway/core/clock.hpp"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <system_error>

namespace toolgate {
namespace {

std::string padded(std::int64_t value, std::size_t width) {
  std::string digits = std::to_string(value);
  return digits.size() < width ? std::string(width - digits.size(), '0') + digits : digits;
}

// Milliseconds in the upper 48 bits and their 1/4096ths in the lower 12 (RFC 9562 section 6.2,
// method 3); one more than the last where the clock has not moved or went back.
std::uint64_t next_tick() {
  static std::atomic<std::uint64_t> last = 0;
  const auto now = static_cast<std::uint64_t>(now_utc_ns());
  const std::uint64_t fraction = (now % 1'000'000) * 4096 / 1'000'000;
  const std::uint64_t tick = (now / 1'000'000) << 12 | fraction;
  std::uint64_t before = last.load();
  std::uint64_t next = 0;
  do {
    next = std::max(tick, before + 1);
  } while (!last.compare_exchange_weak(before, next));
  return next;
}

std::uint64_t random_bits() {
  std::uint64_t bits = 0;
  while (::getrandom(&bits, sizeof(bits), 0) != static_cast<ssize_t>(sizeof(bits))) {
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "getrandom");
  }
  return bits;
}

void append_hex(std::string& out, std::uint64_t value, int digits) {
  constexpr std::string_view alphabet = "0123456789abcdef";
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4)
    out += alphabet[(value >> shift) & 0xF];
}

}  // namespace

std::int64_t now_utc_ns() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

std::string utc_text(std::int64_t utc_ns) {
  const std::chrono::sys_time<std::chrono::nanoseconds> time{std::chrono::nanoseconds(utc_ns)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return padded(static_cast<int>(date.year()), 4) + '-' +
         padded(static_cast<unsigned>(date.month()), 2) + '-' +
         padded(static_cast<unsigned>(date.day()), 2) + 'T' + padded(clock.hours().count(), 2) +
         ':' + padded(clock.minutes().count(), 2) + ':' + padded(clock.seconds().count(), 2) + '.' +
         padded(clock.subseconds().count(), 9) + 'Z';
}

std::string make_uuid_v7() {
  const std::uint64_t tick = next_tick();
  const std::uint64_t tail =
      (random_bits() >> 2) | (std::uint64_t{2} << 62);  // the variant of RFC 9562
  std::string out;
  out.reserve(36);
  append_hex(out, tick >> 28, 8);
  out += '-';
  append_hex(out, tick >> 12, 4);
  out += "-7";
  append_hex(out, tick, 3);
  out += '-';
  append_hex(out, tail >> 48, 4);
  out += '-';
  append_hex(out, tail, 12);
  return out;
}

}  // namespace toolgate
