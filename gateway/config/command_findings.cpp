#include "gateway/config/command_findings.hpp"

#include <string>

#include "gateway/config/dangers.hpp"

namespace toolgate {
namespace {

Finding finding_of(const config::Danger& danger, std::string pointer) {
  Finding finding;
  finding.id = danger.id;
  finding.severity = danger.severity;
  finding.pointer = std::move(pointer);
  finding.why = danger.why;
  return finding;
}

}  // namespace

std::vector<Finding> command_findings(const ServerEntry& entry) {
  std::vector<Finding> findings;
  if (!entry.is_local()) return findings;
  for (const config::Danger& danger : config::dangers_of_command(entry.argv)) {
    if (entry.artefact && danger.id == "command.floating") continue;
    findings.push_back(finding_of(danger, "/command"));
  }
  for (const auto& [name, value] : entry.env) {
    const auto danger = config::danger_of_variable(name);
    if (danger) findings.push_back(finding_of(*danger, "/env/" + name));
  }
  return findings;
}

}  // namespace toolgate
