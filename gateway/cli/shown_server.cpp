#include "gateway/cli/shown_server.hpp"

#include <algorithm>
#include <ostream>

#include "gateway/cli/revealed.hpp"
#include "gateway/cli/shown_item.hpp"
#include "gateway/cli/shown_scopes.hpp"
#include "gateway/packages/frozen.hpp"
#include "gateway/packages/manifest_signature.hpp"

namespace toolgate {
namespace {

bool is_bare(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_@%+=:,./-").find(c) != std::string_view::npos;
}

std::string quoted(const std::string& word) {
  if (!word.empty() && std::ranges::all_of(word, is_bare)) return word;
  std::string out = "'";
  for (char c : word) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

}  // namespace

std::string shell_line(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + quoted(word);
  return revealed_line(line);
}

void print_signer(Console& console, std::ostream& out, const ServerEntry& entry) {
  if (!entry.publisher) return;
  const Status good = check_signed(entry);
  out << "  "
      << (good ? styled(console, Style::good, "signed") + "  by " +
                     visible(publisher_text(*entry.publisher))
               : styled(console, Style::bad, "not signed") + "  " + visible(good.refusal().detail))
      << "\n";
}

std::optional<std::string> signed_by(const ServerEntry& entry) {
  if (!entry.publisher || !check_signed(entry)) return std::nullopt;
  return entry.publisher->name;
}

void print_start(Console& console, std::ostream& out, const ServerEntry& entry,
                 const std::vector<Finding>& findings) {
  Console page = {.out = out, .error = console.error, .environment = console.environment};
  page.styled = console.styled && &out == &console.out;
  page.columns = console.columns;
  const auto label = [&](std::string_view text) { return styled(page, Style::faint, text); };
  out << styled(page, Style::strong, entry.name.text()) << "\n";
  if (entry.is_local()) {
    out << "  " << label("runs") << "  " << shell_line(entry.argv) << "\n";
    if (!entry.cwd.empty()) {
      out << "  " << label("in") << "  " << revealed_line(entry.cwd.string()) << "\n";
    }
    for (const auto& [name, value] : entry.env) {
      out << "  " << label("sets") << "  " << revealed_line(name) << "\n";
    }
  } else {
    out << "  " << label("contacts") << "  " << revealed_line(entry.url) << "\n";
  }
  if (entry.artefact) {
    out << "  " << label("frozen") << "  " << entry.artefact->digest.text() << "\n";
  }
  print_signer(page, out, entry);
  print_scopes(page, entry);
  for (const Finding& finding : findings) print_finding(page, finding, "  ");
  out << std::flush;
}

}  // namespace toolgate
