// What the gate promises: cleared JSON is JSON on one line, and inspecting it again allows it as it
// stands; without a removal its strings are what they were; findings lie within the text.

#include <cassert>
#include <cstdint>

#include "inspectors/gate.hpp"

namespace {

using namespace toolgate;

const InspectionGate& gate() {
  static const InspectionGate all(all_inspectors());
  return all;
}

// Spaces for line ends, as the gate writes them.
std::string on_one_line(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  auto channel = data[0] % 2 == 0 ? Channel::tool_result : Channel::definition;
  std::string text(reinterpret_cast<const char*>(data + 1), size - 1);
  // Most inputs are no JSON: as one string they reach the inspectors all the same.
  if (data[0] % 4 >= 2) text = json_quote(text);
  auto document = parse_document(Untrusted<std::string>(std::move(text)), JsonLimits());
  if (!document) return 0;

  auto root = document->root();
  auto inspection = gate().inspect(channel, root);
  assert(inspection.cleared.has_value() == (inspection.verdict != Verdict::withhold));
  for (const auto& finding : inspection.findings) {
    assert(root.begin() <= finding.begin && finding.begin <= finding.end);
    assert(finding.end <= root.end());
  }
  if (!inspection.cleared) {
    assert(!inspection.findings.empty());
    return 0;
  }
  const auto& json = inspection.cleared->json();
  assert(json.find_first_of("\r\n") == std::string::npos);
  bool unchanged = json == on_one_line(std::string(root.raw()));
  assert(unchanged == (inspection.verdict == Verdict::allow));

  auto again = parse_document(Untrusted<std::string>(json), JsonLimits());
  assert(again);
  auto second = gate().inspect(channel, again->root());
  assert(second.verdict == Verdict::allow && second.cleared->json() == json);
  return 0;
}
