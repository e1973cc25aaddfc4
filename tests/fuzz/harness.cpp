// A harness's file, JSON or TOML, read as any of the six formats: no crash; refusals and notes are
// printable, one line and say where; what is planned can be merged, twice to the same; and the
// gateway can be entered and taken out again without changing a byte.

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "gateway/config/harness_install.hpp"
#include "gateway/config/import.hpp"

using namespace toolgate;

namespace {

std::optional<std::string> environment(const std::string& name) {
  if (name == "HOME") return "/home/user";
  if (name == "TOOLGATE_WORKSPACE") return "/srv";
  if (name == "A") return "a${A}\xff\n";
  return std::nullopt;
}

void check_printable(const std::string& text) {
  for (const char c : text) assert(c >= ' ' && c <= '~');
}

void check_import(const std::string& text, std::optional<HarnessFormat> format) {
  ImportOptions options;
  options.format = format;
  const Result<ImportPlan> plan = read_harness_text(text, "/p/file", environment, options);
  if (!plan) {
    check_printable(plan.refusal().detail);
    assert(plan.refusal().detail.starts_with("/p/file:"));
    return;
  }
  for (const ImportNote& note : plan->notes) {
    check_printable(note.server + note.what);
    assert(note.place.line >= 1 && note.place.column >= 1);
  }
  const Result<Merged> merged = merge_servers("{}", *plan);
  assert(merged);
  assert(merged->added.size() == plan->servers.size());
  const Result<Merged> again = merge_servers(merged->text, *plan);
  assert(again);
  assert(again->added.empty() && again->text == merged->text);
}

void check_install(const std::string& text, HarnessFormat format) {
  const HarnessClient& client = harness_client(format);
  const GatewayEntry entry{"/usr/bin/toolgate", {"stdio"}, "/home"};
  const Result<std::string> with = with_gateway(client, text, entry);
  if (!with) return;
  const Result<std::string> same = with_gateway(client, *with, entry, text);
  assert(same && *same == *with);
  if (*with == text) return;  // it was there already
  const Result<std::string> clean = without_gateway(client, text);
  if (!clean || *clean != text) return;  // another gateway's entry was replaced
  const Result<std::string> without = without_gateway(client, *with, text);
  assert(without && *without == text);
  // Without knowing what was before, as after somebody's edit: our entry goes, and nothing breaks.
  const Result<std::string> left = without_gateway(client, *with);
  assert(left && !has_gateway(client, *left));
  assert(with_gateway(client, *left, entry));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  constexpr HarnessFormat formats[] = {HarnessFormat::claude_code, HarnessFormat::claude_desktop,
                                       HarnessFormat::cursor,      HarnessFormat::vscode,
                                       HarnessFormat::codex,       HarnessFormat::gemini};
  const HarnessFormat format = formats[data[0] % 6U];
  check_import(text, data[0] < 128 ? std::optional(format) : std::nullopt);
  check_install(text, format);
  return 0;
}
