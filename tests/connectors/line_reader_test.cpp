#include "connectors/line_reader.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace toolgate {
namespace {

// What a reader delivers when `text` comes in pieces of so many bytes; "!" stands for a line that
// was too long.
std::vector<std::string> lines_of(std::string_view text, std::size_t piece,
                                  std::size_t line_bytes) {
  LineReader reader(line_bytes);
  std::vector<std::string> lines;
  auto add = [&lines](Line line) {
    lines.push_back(line.kind == Line::Kind::too_long ? "!" : std::move(line.text));
  };
  while (!text.empty()) {
    auto space = reader.space();
    std::size_t count = std::min({piece, text.size(), space.size()});
    std::memcpy(space.data(), text.data(), count);
    text.remove_prefix(count);
    reader.filled(count);
    while (auto line = reader.next()) add(std::move(*line));
  }
  if (auto line = reader.rest()) add(std::move(*line));
  return lines;
}

struct Row {
  const char* name;
  std::string text;
  std::vector<std::string> lines;
};

TEST_CASE("lines come out the same however the bytes come in") {
  using namespace std::string_literals;
  const Row rows[] = {
      {"nothing", "", {}},
      {"one line", "abc\n", {"abc"}},
      {"two lines", "a\nb\n", {"a", "b"}},
      {"empty lines are skipped", "\n\na\n\n\nb\n\n", {"a", "b"}},
      {"a carriage return belongs to the newline", "a\r\n\r\nb\r\n", {"a", "b"}},
      {"a carriage return inside a line stays", "a\rb\n", {"a\rb"}},
      {"the end of the input ends a line", "a\nb", {"a", "b"}},
      {"a line of exactly the limit", "12345678\n", {"12345678"}},
      {"exactly the limit, and a carriage return", "12345678\r\na\n", {"12345678", "a"}},
      {"one byte more", "123456789\na\n", {"!", "a"}},
      {"much more", std::string(5000, 'x') + "\na\n", {"!", "a"}},
      {"two that are too long", "123456789\n123456789\na\n", {"!", "!", "a"}},
      {"too long, without an end", "a\n" + std::string(50, 'x'), {"a", "!"}},
      {"a NUL is a byte like others", "a\0b\n"s, {"a\0b"s}},
  };
  for (const Row& row : rows) {
    for (std::size_t piece : {1U, 2U, 3U, 7U, 1000000U}) {
      CAPTURE(row.name);
      CAPTURE(piece);
      CHECK(lines_of(row.text, piece, 8) == row.lines);
    }
  }
}

TEST_CASE("a long line arrives whole, and its memory is given back") {
  const std::string line(3'000'000, 'y');
  CHECK(lines_of(line + "\nz\n", 100'000, 4'000'000) == std::vector<std::string>{line, "z"});
}

TEST_CASE("a line without an end costs no more memory than the limit") {
  LineReader reader(100'000);
  std::size_t reported = 0;
  for (int i = 0; i < 1000; ++i) {
    auto space = reader.space();
    CHECK(space.size() <= std::size_t{64} << 10);
    std::memset(space.data(), 'x', space.size());
    reader.filled(space.size());
    while (auto line = reader.next()) ++reported;
  }
  CHECK(reported == 1);
}

TEST_CASE("newlines between JSON tokens become spaces") {
  std::string json = "{\r\n  \"a\": \"b\\n\"\n}";
  make_one_line(json);
  CHECK(json == "{    \"a\": \"b\\n\" }");
}

}  // namespace
}  // namespace toolgate
