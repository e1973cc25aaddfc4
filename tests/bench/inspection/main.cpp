// Measures inspection: what it finds in labelled texts and what it takes for an attack by mistake,
// and how fast it is. See tests/bench/README.md.

#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "tests/bench/inspection/records.hpp"

namespace {

using namespace toolgate;
using namespace toolgate::bench;

void usage() {
  std::puts(
      "inspection_bench [--each] [CORPUS.jsonl | -]\n"
      "  CORPUS  one {\"id\",\"source\",\"kind\",\"surface\",\"tier\",\"hard\",\"text\"} a line; - "
      "is stdin\n"
      "  --each  print the score, the verdict and the signals of every text, and nothing else");
}

void print_each(const LabelledText& one, const Judgement& judgement) {
  std::printf("%s\t%s\t%s\t%.3f\t%s", one.id.c_str(), one.source.c_str(), one.tier.c_str(),
              judgement.score, std::string(text_verdict_name(judgement.verdict)).c_str());
  for (const auto& signal : judgement.signals) {
    std::printf("\t%s/%s/%.2f/%zu-%zu", std::string(signal.id).c_str(),
                std::string(signal.reading).c_str(), signal.weight, signal.range.begin,
                signal.range.end);
  }
  std::printf("\n");
}

int run(const std::string& corpus, bool each) {
  if (corpus.empty()) {
    std::puts("no corpus was given: no recall and no false alarms, speed alone");
    print_speed();
    return 0;
  }
  std::ifstream file;
  if (corpus != "-") {
    file.open(corpus);
    if (!file) {
      std::fprintf(stderr, "%s cannot be read\n", corpus.c_str());
      return 1;
    }
  }
  std::vector<Judged> judged;
  auto count = read_records(corpus == "-" ? std::cin : file, [&](const LabelledText& one) {
    auto judgement = judge(one.text, one.surface);
    if (each) print_each(one, judgement);
    judged.push_back(Judged{.id = one.id,
                            .source = one.source,
                            .tier = one.tier,
                            .attack = one.attack,
                            .hard = one.hard,
                            .surface = one.surface,
                            .score = judgement.score,
                            .verdict = judgement.verdict});
  });
  if (each) return 0;
  std::printf("%zu texts, rules version %d\n", count, rules_version);
  print_quality(judged);
  print_speed();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::string corpus;
  bool each = false;
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    if (word == "--each") {
      each = true;
    } else if (word == "-" || !word.starts_with("-")) {
      corpus = word;
    } else {
      usage();
      return word == "--help" ? 0 : 2;
    }
  }
  try {
    return run(corpus, each);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
