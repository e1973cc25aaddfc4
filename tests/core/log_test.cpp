#include "gateway/core/log.hpp"

#include <doctest/doctest.h>

#include "gateway/core/document.hpp"

namespace toolgate {
namespace {

constexpr std::int64_t moment = 1795232417'123456789;

std::string text_of(std::string value) {
  const std::string line =
      log_text(LogForm::text, moment, LogLevel::info, "e", {{"k", std::move(value)}});
  const std::string head = "2026-11-21T03:40:17.123Z info e k=";
  REQUIRE(line.starts_with(head));
  REQUIRE(line.ends_with('\n'));
  return line.substr(head.size(), line.size() - head.size() - 1);
}

TEST_CASE("a line of text") {
  CHECK(log_text(LogForm::text, moment, LogLevel::info, "server.started",
                 {{"server", "files"}, {"pid", "12"}}) ==
        "2026-11-21T03:40:17.123Z info server.started server=files pid=12\n");
  CHECK(log_text(LogForm::text, moment, LogLevel::error, "stopped", {}) ==
        "2026-11-21T03:40:17.123Z error stopped\n");
}

TEST_CASE("values that could be mistaken for something else are quoted and escaped") {
  struct Row {
    std::string name;
    std::string value;
    std::string shown;
  };
  const std::vector<Row> rows = {
      {"a URL is bare", "https://x.test:8080/a-b_c@d+e", "https://x.test:8080/a-b_c@d+e"},
      {"nothing", "", R"("")"},
      {"a space", "a b", R"("a b")"},
      {"an equals sign", "a=b", R"("a=b")"},
      {"a quote and a backslash", R"(a"b\)", R"("a\"b\\")"},
      {"a forged line", "x\n2026-11-21T03:40:17.123Z info forged",
       R"("x\n2026-11-21T03:40:17.123Z info forged")"},
      {"a terminal escape", "\x1B[2J", R"("\u001b[2J")"},
      {"an escape of C1",
       "\xC2\x9B"
       "2J",
       R"("\u009b2J")"},
      {"DEL", "\x7F", R"("\u007f")"},
      {"a letter that is no ASCII", "\xC3\xA9", R"("\u00e9")"},
      {"a bidi override",
       "\xE2\x80\xAE"
       "abc",
       R"("\u202eabc")"},
      {"a character beyond the BMP", "\xF0\x9F\x98\x80", R"("\ud83d\ude00")"},
      {"bytes that are no UTF-8", "\xFF\xFE", R"("\ufffd\ufffd")"},
      {"NUL", std::string("\0", 1), R"("\u0000")"},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    CHECK(text_of(row.value) == row.shown);
  }
}

TEST_CASE("a long value is cut") {
  CHECK(text_of(std::string(4096, 'a')) == std::string(4096, 'a'));
  CHECK(text_of(std::string(5000, 'a')) == '"' + std::string(4096, 'a') + "...\"");
}

TEST_CASE("a JSON line is an object of ASCII on one line") {
  const std::string line = log_text(LogForm::json, moment, LogLevel::warning, "tool.held",
                                    {{"tool", "a\nb\xE2\x80\xAE\""}, {"pid", "12"}});
  CHECK(line ==
        "{\"time\":\"2026-11-21T03:40:17.123Z\",\"level\":\"warning\",\"event\":\"tool.held\","
        "\"tool\":\"a\\nb\\u202e\\\"\",\"pid\":\"12\"}\n");
  CHECK(parse_document(Untrusted<std::string>(line), JsonLimits{}));
}

}  // namespace
}  // namespace toolgate
