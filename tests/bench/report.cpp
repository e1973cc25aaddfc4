#include "tests/bench/report.hpp"

#include <algorithm>
#include <cstdio>

#include "gateway/core/document.hpp"

namespace toolgate::bench {
namespace {

double at_share(std::vector<double>& values, double share) {
  if (values.empty()) return 0;
  const auto at = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<std::size_t>(at)];
}

template <class Of>
double median(const std::vector<Round>& rounds, Of of) {
  std::vector<double> values;
  for (const Round& round : rounds) values.push_back(of(round));
  return at_share(values, 0.5);
}

// The median of each round's own ratio: what slowed the machine down in a round slowed both.
double ratio(const std::vector<Round>& rounds, const std::vector<Round>& direct,
             double Round::* figure) {
  std::vector<double> values;
  for (std::size_t i = 0; i < rounds.size() && i < direct.size(); ++i) {
    values.push_back(rounds[i].*figure / direct[i].*figure);
  }
  return at_share(values, 0.5);
}

std::string_view name(Transport transport) {
  return transport == Transport::http ? "http" : "stdio";
}

std::string size_text(std::size_t bytes) {
  if (bytes >= std::size_t{1} << 20) return std::to_string(bytes >> 20) + " MB";
  if (bytes >= std::size_t{1} << 10) return std::to_string(bytes >> 10) + " KB";
  return std::to_string(bytes) + " B";
}

template <class... Values>
std::string format(const char* pattern, Values... values) {
  char line[512];
  const int length = std::snprintf(line, sizeof line, pattern, values...);
  return std::string(line, static_cast<std::size_t>(std::clamp(length, 0, 511)));
}

}  // namespace

Round summarise(Slice slice) {
  Round round;
  round.calls = slice.latencies_us.size();
  round.calls_per_second = static_cast<double>(round.calls) / slice.seconds;
  round.p50_us = at_share(slice.latencies_us, 0.50);
  round.p90_us = at_share(slice.latencies_us, 0.90);
  round.p99_us = at_share(slice.latencies_us, 0.99);
  return round;
}

Row make_row(Case what, std::string target, const std::vector<Round>& rounds,
             const std::vector<Round>& direct) {
  Row row;
  row.what = what;
  row.target = std::move(target);
  row.p50_us = median(rounds, [](const Round& round) { return round.p50_us; });
  row.p90_us = median(rounds, [](const Round& round) { return round.p90_us; });
  row.p99_us = median(rounds, [](const Round& round) { return round.p99_us; });
  row.calls_per_second = median(rounds, [](const Round& round) { return round.calls_per_second; });
  double cpu_us = 0;
  double calls = 0;
  for (const Round& round : rounds) {
    cpu_us += static_cast<double>(round.cpu.count());
    calls += static_cast<double>(round.calls);
    row.resident_mb =
        std::max(row.resident_mb, static_cast<double>(round.resident_bytes) / (1 << 20));
  }
  row.cpu_us = calls > 0 ? cpu_us / calls : 0;
  row.p50_ratio = ratio(rounds, direct, &Round::p50_us);
  row.p99_ratio = ratio(rounds, direct, &Round::p99_us);
  row.calls_ratio = ratio(rounds, direct, &Round::calls_per_second);
  row.added_p50_us = row.p50_us - median(direct, [](const Round& round) { return round.p50_us; });
  return row;
}

std::string table(const std::vector<Row>& rows) {
  std::string text =
      "                                 latency of a call, us                         in between   "
      "  "
      "         against direct\n"
      "transport  result  callers  to        p50       p90       p99    calls/s  CPU us/call  RSS "
      "MB  "
      "start ms  p50 x    p99 x    calls/s x\n";
  const Row* before = nullptr;
  for (const Row& row : rows) {
    if (before != nullptr && row.target == "direct") text += '\n';
    before = &row;
    text += format("%-9s  %6s  %7zu  %-7s %8.0f  %8.0f  %8.0f  %9.0f",
                   std::string(name(row.what.transport)).c_str(), size_text(row.what.bytes).c_str(),
                   row.what.callers, row.target.c_str(), row.p50_us, row.p90_us, row.p99_us,
                   row.calls_per_second);
    if (row.target != "direct") {
      text += format("  %11.0f  %6.0f  %8.0f  %-7.2f  %-7.2f  %.3f", row.cpu_us, row.resident_mb,
                     row.start_ms, row.p50_ratio, row.p99_ratio, row.calls_ratio);
    }
    text += '\n';
  }
  return text;
}

std::string json_lines(const std::vector<Row>& rows) {
  std::string text;
  for (const Row& row : rows) {
    text += R"({"transport":)" + json_quote(name(row.what.transport)) +
            format(R"(,"bytes":%zu,"callers":%zu)", row.what.bytes, row.what.callers) +
            R"(,"target":)" + json_quote(row.target) +
            format(R"(,"p50_us":%.1f,"p90_us":%.1f,"p99_us":%.1f,"calls_per_second":%.1f)",
                   row.p50_us, row.p90_us, row.p99_us, row.calls_per_second) +
            format(R"(,"processes":%zu,"cpu_us_per_call":%.1f,"resident_mb":%.1f,"start_ms":%.1f)",
                   row.processes, row.cpu_us, row.resident_mb, row.start_ms) +
            format(R"(,"p50_ratio":%.3f,"p99_ratio":%.3f,"calls_ratio":%.4f,"added_p50_us":%.1f)",
                   row.p50_ratio, row.p99_ratio, row.calls_ratio, row.added_p50_us) +
            "}\n";
  }
  return text;
}

}  // namespace toolgate::bench
