// `toolgate inspect`: what inspection says about a text, a file of texts, and the list of its
// rules.

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <optional>

#include "gateway/cli/commands.hpp"
#include "gateway/cli/inspect_report.hpp"
#include "gateway/core/document.hpp"
#include "inspectors/judgement.hpp"

namespace toolgate {
namespace {

constexpr std::size_t file_bytes_most = std::size_t{256} << 20U;
constexpr std::size_t line_bytes_most = std::size_t{32} << 20U;

Result<Surface> surface_of(const Invocation& call) {
  const std::string surface = call.option_or("surface", "result");
  if (surface == "result") return Surface::result;
  if (surface == "definition") return Surface::definition;
  return Refusal(Reason::usage, "--surface is result or definition");
}

// "-": what is piped in.
std::string input_name(const Invocation& call) {
  return call.arguments.empty() ? "-" : call.arguments[0];
}

Refusal unreadable(const Invocation& call) {
  const std::string name = input_name(call);
  return {Reason::storage, (name == "-" ? "what is piped in" : name) + " cannot be read"};
}

// std::cin ends where it cannot be read, and leaves it to stdio to say so.
bool is_broken(const std::istream& in) {
  return in.bad() || (&in == &std::cin && std::ferror(stdin) != 0);
}

struct Line {
  std::string text;
  bool too_long = false;
};

// The next line of any length, of which no more than the limit is kept; nothing at the end.
std::optional<Line> next_line(std::istream& in) {
  Line line;
  auto& source = *in.rdbuf();
  int c = source.sbumpc();
  if (c == std::char_traits<char>::eof()) return std::nullopt;
  for (; c != std::char_traits<char>::eof() && c != '\n'; c = source.sbumpc()) {
    if (line.text.size() < line_bytes_most) {
      line.text += static_cast<char>(c);
    } else {
      line.too_long = true;
    }
  }
  return line;
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r") == std::string_view::npos;
}

struct Record {
  std::string id;  // JSON, as it stands in the line
  std::string text;
};

Result<Record> parse_record(Line line) {
  if (line.too_long) return Refusal(Reason::too_large, "the line is longer than 32 MiB");
  auto document = parse_document(Untrusted<std::string>(std::move(line.text)), JsonLimits());
  if (!document) return document.refusal();
  auto root = document->root();
  auto id = root.is_object() ? root.find("id") : std::nullopt;
  auto text = root.is_object() ? root.find("text") : std::nullopt;
  if (!id || !text || !text->is_string() || id->is_object() || id->is_array()) {
    return Refusal(Reason::malformed, "it is no object with \"id\" and a string \"text\"");
  }
  return Record{.id = std::string(id->raw()), .text = text->text()};
}

// One line in, one line out, whatever the line is; no more than one of them in memory.
int judge_lines(const Invocation& call, std::istream& in, Surface surface) {
  auto& out = call.console.out;
  bool bad = false, found = false;
  std::size_t number = 0;
  while (auto line = next_line(in)) {
    ++number;
    if (!line->too_long && is_blank(line->text)) continue;
    auto record = parse_record(std::move(*line));
    if (!record) {
      bad = true;
      out << "{\"line\":" << number << ",\"error\":" << json_quote(record.refusal().detail)
          << "}\n";
      continue;
    }
    auto judgement = judge(record->text, surface);
    found |= judgement.verdict != TextVerdict::allow;
    out << json_line(call.console, judgement_json(judgement, record->id)) << '\n';
    if (!out) break;
  }
  if (is_broken(in)) return fail(call.console, unreadable(call));
  if (bad) {
    return fail(call.console, Refusal(Reason::malformed,
                                      "some lines could not be judged: their "
                                      "output says \"error\""));
  }
  return found ? exit_status::findings : exit_status::done;
}

int judge_text(const Invocation& call, std::istream& in, Surface surface) {
  std::string text;
  std::vector<char> buffer(std::size_t{1} << 16U);
  while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())), in.gcount() > 0) {
    text.append(buffer.data(), static_cast<std::size_t>(in.gcount()));
    if (text.size() > file_bytes_most) {
      return fail(call.console, Refusal(Reason::too_large, "the text is larger than 256 MiB"));
    }
  }
  if (is_broken(in)) return fail(call.console, unreadable(call));
  auto judgement = judge(text, surface);
  if (call.has("json")) {
    call.console.out << json_line(call.console, judgement_json(judgement, "")) << '\n';
  } else {
    print_judgement(call.console, text, judgement);
  }
  return judgement.verdict == TextVerdict::allow ? exit_status::done : exit_status::findings;
}

int judge_input(const Invocation& call, std::istream& in, Surface surface) {
  try {
    return call.has("jsonl") ? judge_lines(call, in, surface) : judge_text(call, in, surface);
  } catch (const std::ios_base::failure&) {
    return fail(call.console, unreadable(call));
  }
}

}  // namespace

int inspect_command(const Invocation& call) {
  if (call.has("rules")) {
    if (!call.arguments.empty()) {
      return fail_usage(call.console, "--rules takes no file", call.command.name);
    }
    print_rules(call.console, call.has("json"));
    return exit_status::done;
  }
  auto surface = surface_of(call);
  if (!surface) return fail_usage(call.console, surface.refusal().detail, call.command.name);
  // Not by the path /dev/stdin: what is piped in may be a socket, which no path opens.
  if (input_name(call) == "-") return judge_input(call, std::cin, *surface);
  std::ifstream file(input_name(call), std::ios::binary);
  if (!file) return fail(call.console, unreadable(call));
  return judge_input(call, file, *surface);
}

}  // namespace toolgate
