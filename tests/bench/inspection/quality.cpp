#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <vector>

#include "tests/bench/inspection/records.hpp"

namespace toolgate::bench {
namespace {

struct Share {
  std::size_t part = 0;
  std::size_t all = 0;
  void add(bool counts) {
    part += counts;
    ++all;
  }
  double value() const {
    return all == 0 ? 0 : static_cast<double>(part) / static_cast<double>(all);
  }
};

// Wilson's interval at 95 %.
std::string shown(const Share& share) {
  if (share.all == 0) return "-";
  constexpr double z = 1.96;
  double n = static_cast<double>(share.all), p = share.value();
  double centre = (p + z * z / (2 * n)) / (1 + z * z / n);
  double half = z / (1 + z * z / n) * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  char buffer[96];
  std::snprintf(buffer, sizeof buffer, "%6.2f %% (%zu of %zu; %.2f..%.2f)", 100 * p, share.part,
                share.all, 100 * std::max(0.0, centre - half), 100 * (centre + half));
  return buffer;
}

std::string_view surface_name(Surface surface) {
  return surface == Surface::result ? "result" : "definition";
}

bool is_hard(TextVerdict verdict, Surface surface) {
  return surface == Surface::result ? verdict >= TextVerdict::quarantine
                                    : verdict >= TextVerdict::refuse;
}

void print_verdicts(const std::vector<Judged>& judged) {
  std::printf(
      "\nVERDICTS AS SHIPPED  soft: anything but allow; hard: quarantine on results, refuse "
      "on definitions\n");
  std::map<std::string, std::array<Share, 2>> rows;
  for (const auto& one : judged) {
    bool soft = one.verdict != TextVerdict::allow;
    bool hard = is_hard(one.verdict, one.surface);
    std::string surface(surface_name(one.surface));
    std::string kind = one.attack ? "attack" : one.hard ? "about attacks" : "ordinary";
    for (const auto& row : {surface + ", " + kind, "all, " + kind,
                            one.attack ? surface + ", attack, " + one.tier : std::string()}) {
      if (row.empty()) continue;
      rows[row][0].add(soft);
      rows[row][1].add(hard);
    }
  }
  for (const auto& [name, shares] : rows) {
    std::printf("  %-32s soft %-42s hard %s\n", name.c_str(), shown(shares[0]).c_str(),
                shown(shares[1]).c_str());
  }
}

// The least score that at most `rate` of the ordinary texts of other sources reach.
double threshold(const std::vector<Judged>& judged, Surface surface, const std::string& source,
                 double rate) {
  std::vector<double> scores;
  for (const auto& one : judged) {
    if (!one.attack && !one.hard && one.surface == surface && one.source != source) {
      scores.push_back(one.score);
    }
  }
  std::ranges::sort(scores, std::greater<>());
  auto allowed = static_cast<std::size_t>(rate * static_cast<double>(scores.size()));
  double floor = allowed < scores.size() ? scores[allowed] : 0;
  return std::nextafter(floor, 2.0);
}

void print_recall(const std::vector<Judged>& judged) {
  constexpr std::array rates{0.001, 0.005, 0.01};
  std::printf(
      "\nRECALL, each source by thresholds that were set on the ordinary texts of all "
      "others\n  %-52s %8s %8s %8s %8s\n",
      "", "texts", "0.1 %", "0.5 %", "1 %");
  for (auto surface : {Surface::result, Surface::definition}) {
    std::map<std::string, std::array<Share, 3>> attacks, tiers, others;
    std::map<std::string, std::array<double, 3>> thresholds;
    for (const auto& one : judged) {
      if (one.surface != surface) continue;
      auto known = thresholds.find(one.source);
      if (known == thresholds.end()) {
        std::array<double, 3> row{};
        for (std::size_t i = 0; i < rates.size(); ++i) {
          row[i] = threshold(judged, surface, one.source, rates[i]);
        }
        known = thresholds.emplace(one.source, row).first;
      }
      for (std::size_t i = 0; i < rates.size(); ++i) {
        bool over = one.score >= known->second[i];
        if (one.attack) {
          attacks[one.source][i].add(over);
          tiers["all, " + one.tier][i].add(over);
          tiers["all"][i].add(over);
        } else {
          others[one.hard ? "false alarms, texts about attacks" : "false alarms, ordinary texts"][i]
              .add(over);
        }
      }
    }
    for (const auto* table : {&attacks, &tiers, &others}) {
      for (const auto& [name, shares] : *table) {
        std::printf("  %-10s %-41s %8zu", std::string(surface_name(surface)).c_str(), name.c_str(),
                    shares[0].all);
        for (const auto& share : shares) std::printf(" %6.1f %%", 100 * share.value());
        std::printf("\n");
      }
    }
  }
}

}  // namespace

void print_quality(const std::vector<Judged>& judged) {
  print_verdicts(judged);
  print_recall(judged);
}

}  // namespace toolgate::bench
