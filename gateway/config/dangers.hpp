#pragma once
// What an administrator should look at before a server is approved: commands whose meaning changes
// by itself, that hide what they run or that reach far; secrets that stand in the open. Recognition
// by shape: what is found here deserves a look, and what is not found is not thereby harmless.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/core/finding.hpp"

namespace toolgate::config {

// Literals all: the sentence is in the program's own words and repeats no argument.
struct Danger {
  std::string_view id;  // of a finding: "command.shell"
  Severity severity = Severity::soft;
  std::string_view why;
};

std::vector<Danger> dangers_of_command(const std::vector<std::string>& argv);

// What is dangerous about setting this environment variable at all; nothing for most.
std::optional<Danger> danger_of_variable(std::string_view name);

// Is this most likely a secret written out, by the name or by the look of its value? A value that
// comes from a ${VARIABLE} is none.
bool is_inline_secret(std::string_view name, std::string_view value);

// The same for an address: a password, or a query such as ?api_key=...
bool has_inline_secret(std::string_view url);

}  // namespace toolgate::config
