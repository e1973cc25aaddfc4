#pragma once
// From the rounds of a measurement to the table that a person reads.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/bench/load.hpp"
#include "tests/bench/scene.hpp"

namespace toolgate::bench {

// What is measured: so many callers with results of that size.
struct Case {
  Transport transport = Transport::http;
  std::size_t bytes = 0;
  std::size_t callers = 0;
};

// One round of one target.
struct Round {
  double p50_us = 0;
  double p90_us = 0;
  double p99_us = 0;
  double calls_per_second = 0;
  std::size_t calls = 0;
  std::chrono::microseconds cpu{};   // of the programs in between, in this round
  std::uint64_t resident_bytes = 0;  // and their memory behind it
};
Round summarise(Slice slice);

// One target over all rounds: the medians; CPU time is summed first, because it comes in steps of
// 10 ms.
struct Row {
  Case what;
  std::string target;  // "direct", "gateway", "nginx"
  std::size_t processes = 0;
  double p50_us = 0;
  double p90_us = 0;
  double p99_us = 0;
  double calls_per_second = 0;
  double cpu_us = 0;       // a call; of the programs in between
  double resident_mb = 0;  // the highest of the rounds
  double start_ms = 0;     // until the last of them listens or has answered initialize
  // Against the direct connection: the median of the rounds' own ratios.
  double p50_ratio = 1;
  double p99_ratio = 1;
  double calls_ratio = 1;
  double added_p50_us = 0;
};
Row make_row(Case what, std::string target, const std::vector<Round>& rounds,
             const std::vector<Round>& direct);

std::string table(const std::vector<Row>& rows);
// One JSON object a line.
std::string json_lines(const std::vector<Row>& rows);

}  // namespace toolgate::bench
