// What it costs to hold everything that a server lists against what was approved: 1,000 tools as
// large as those of real servers (2.5 kB of JSON each). `bench_pins` prints a line for each way and
// ends with 1 where the check of the pins takes longer than it may.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "gateway/broker/catalogue.hpp"
#include "inspectors/gate.hpp"
#include "inspectors/inspector.hpp"
#include "signing/keys.hpp"

namespace toolgate {
namespace {

constexpr std::size_t tools = 1'000;
constexpr std::size_t tool_bytes = 2'500;
constexpr int rounds = 31;
constexpr double most_ms = 5.0;

std::string definition_of(std::size_t number) {
  std::string json =
      R"({"name":"tool-)" + std::to_string(number) +
      R"(","title":"A tool","annotations":{"readOnlyHint":true,"openWorldHint":false},)"
      R"("inputSchema":{"type":"object","properties":{)";
  for (std::size_t at = 0; json.size() < tool_bytes; ++at) {
    if (at > 0) json += ',';
    json += "\"argument_" + std::to_string(at) +
            R"(":{"type":"string","description":"The path of the file that is read, relative to )"
            R"(the workspace; it must exist.","minLength":1,"maxLength":4096})";
  }
  return json + R"(},"required":["argument_0"],"additionalProperties":false}})";
}

double median_ms(const std::function<void()>& work) {
  std::vector<double> times;
  for (int round = 0; round < rounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    times.push_back(took.count());
  }
  std::ranges::nth_element(times, times.begin() + rounds / 2);
  return times[rounds / 2];
}

struct Scene {
  ServerEntry entry;
  Approved approved;
  Offer offer;

  Scene() {
    entry.name = ServerName("bench");
    entry.argv = {"bench"};
    entry.prefix = "bench__";
    for (std::size_t at = 0; at < tools; ++at) {
      Definition definition{ItemKind::tool, "tool-" + std::to_string(at), definition_of(at)};
      Approval approval;
      approval.server = "bench";
      approval.identity = entry.identity();
      approval.kind = definition.kind;
      approval.key = definition.key;
      auto pinned = pin(approval.identity, definition);
      approval.pin = pinned->pin;
      approval.scopes = entry.scope_digest();
      approval.time_ns = 1;
      approved.add(std::move(approval), std::move(*pinned));
      offer.items.push_back(std::move(definition));
    }
  }

  // Every definition is another text than the approved one, and means the same.
  Offer respelled() const {
    Offer other = offer;
    for (Definition& definition : other.items) definition.json.insert(1, " ");
    return other;
  }

  std::size_t check(const Offer& shown) const {
    std::size_t same = 0;
    const ServerIdentity identity = entry.identity();
    for (const Definition& definition : shown.items) {
      auto pinned = approved.pin_of(identity, definition);
      if (pinned && approved.book.verify(*pinned, identity, 2)) ++same;
    }
    return same;
  }
};

bool measure() {
  const Scene scene;
  const Offer respelled = scene.respelled();
  const InspectionGate gate(all_inspectors());
  bool all_same = true;
  const double unchanged =
      median_ms([&] { all_same = scene.check(scene.offer) == tools && all_same; });
  const double anew = median_ms([&] { all_same = scene.check(respelled) == tools && all_same; });
  const double whole = median_ms([&] {
    Catalogue catalogue;
    catalogue.add(scene.entry, &scene.offer, scene.approved, gate, 2);
    all_same = catalogue.counts(scene.entry.name).approved == tools && all_same;
  });
  std::printf("pins of %zu tools of %zu bytes, ms (median of %d)\n", tools,
              scene.offer.items.front().json.size(), rounds);
  std::printf("  the same bytes as approved      %8.2f   (at most %.1f)\n", unchanged, most_ms);
  std::printf("  spelled in another way          %8.2f\n", anew);
  std::printf("  with names, paths, inspection   %8.2f\n", whole);
  if (!all_same) std::printf("  and not every pin was found to be the approved one\n");
  return all_same && unchanged <= most_ms;
}

}  // namespace
}  // namespace toolgate

int main() {
  toolgate::start_cryptography();
  return toolgate::measure() ? 0 : 1;
}
