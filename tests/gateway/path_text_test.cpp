#include "gateway/scopes/path_text.hpp"

#include <doctest/doctest.h>

#include "gateway/scopes/pointer.hpp"

namespace toolgate {
namespace {

std::string shown(const std::vector<PathReading>& readings) {
  std::string all;
  for (const PathReading& reading : readings) {
    if (!all.empty()) all += " | ";
    for (const std::string& name : reading.names) all += "/" + name;
    if (reading.names.empty()) all += "/";
  }
  return all;
}

struct Row {
  const char* name;
  std::string text;
  std::string readings;  // or what is said
};

TEST_CASE("path text: every reading of it") {
  const Row table[] = {
      {"absolute", "/a/b", "/a/b"},
      {"slashes and dots", "//a/.//b/./", "/a/b"},
      {"the root", "/", "/"},
      {"relative", "x/y", "/w/d/x/y"},
      {"nothing", "", "/w/d"},
      {"a dot", ".", "/w/d"},
      {"parents, followed and dropped", "/a/l/../b", "/a/l/../b | /a/b"},
      {"parents of the working directory", "../x", "/w/d/../x | /w/x"},
      {"more parents than there are", "/../../etc", "/../../etc | /etc"},
      {"three dots are a name", "/a/...", "/a/..."},
      {"blanks around", "  /a/b ", "/w/d/  /a/b  | /a/b"},
      {"quotes around", "\"/etc/passwd\"", "/w/d/\"/etc/passwd\" | /etc/passwd"},
      {"a backslash", "..\\x", "/w/d/..\\x | /w/d/../x | /w/x"},
      {"encoded dots", "/a/%2e%2e/b", "/a/%2e%2e/b | /a/../b | /b"},
      {"encoded twice", "/a/%252E%252e/b", "/a/%252E%252e/b | /a/%2E%2e/b | /a/../b | /b"},
      {"an encoded slash", "@types%2fnode", "/w/d/@types%2fnode | /w/d/@types/node"},
      {"other escapes are names", "/a/%20b%zz", "/a/%20b%zz"},
      {"a file: URI", "file:///a/b%20c", "/a/b c"},
      {"a file: URI with one slash", "file:/a", "/a"},
      {"a file: URI of this machine", "FILE://LocalHost/a", "/a"},
      {"a file: URI between blanks", " file:///a ", "/a"},
      {"a file: URI with parents", "file:///a/../b", "/a/../b | /b"},
      {"a file: URI with encoded parents", "file:///a/%2E%2E/b", "/a/../b | /b"},
      {"a file: URI encoded twice", "file:///a/%252e%252e/b", "/a/%2e%2e/b | /a/../b | /b"},
      {"a file: URI with four slashes", "file:////etc/passwd", "/etc/passwd"},
      {"a tilde that is a name", "~$report.docx", "/w/d/~$report.docx"},
      {"a tilde further on", "/a/~/b", "/a/~/b"},
      {"umlauts", "/\xC3\xA4", "/\xC3\xA4"},
      {"another machine", "file://host/a", "its file: URI names another machine"},
      {"an address", "file://127.0.0.1/a", "its file: URI names another machine"},
      {"no absolute path", "file:a", "its file: URI has no absolute path"},
      {"a host alone", "file://localhost", "its file: URI has no absolute path"},
      {"a query", "file:///a?b",
       "its file: URI has a '?', '#' or '\\', which must be percent-encoded"},
      {"a fragment", "file:///a#b",
       "its file: URI has a '?', '#' or '\\', which must be percent-encoded"},
      {"a URI with a backslash", "file:\\\\\\etc", "its file: URI has no absolute path"},
      {"an encoded slash in a URI", "file:///a%2f..",
       "its file: URI has an encoded '/', '\\' or NUL"},
      {"an encoded NUL in a URI", "file:///a%00", "its file: URI has an encoded '/', '\\' or NUL"},
      {"half an escape", "file:///a%2", "its file: URI has a '%' that begins no escape"},
      {"no UTF-8 once decoded", "file:///%ff", "it is no UTF-8"},
      {"a newline once decoded", "file:///a%0a", "it holds a control character"},
      {"a NUL", std::string("/a\0b", 4), "it holds a control character"},
      {"an encoded NUL", "/a%00b", "it holds a control character"},
      {"a newline", "/a\nb", "it holds a control character"},
      {"a tab in a scheme", "fi\tle:///a", "it holds a control character"},
      {"the home", "~", "it begins with '~': write the path out"},
      {"below the home", "~/x", "it begins with '~': write the path out"},
      {"somebody's home", "~root/x", "it begins with '~': write the path out"},
      {"somebody's home alone", "~root", "it begins with '~': write the path out"},
      {"the home in quotes", "'~/x'", "it begins with '~': write the path out"},
      {"the home, encoded", "%7e%2fx", "it begins with '~': write the path out"},
      {"a long name", "/" + std::string(256, 'a'), "it has a name of more than 255 bytes"},
      {"4,096 bytes", "/" + std::string(4'095, '/'), "it is longer than 4,095 bytes"},
      {"far too long", std::string(100'000, 'a'), "it is longer than 4,095 bytes"},
  };
  for (const Row& row : table) {
    CAPTURE(std::string(row.name));
    auto readings = readings_of(row.text, {"w", "d"});
    CHECK((readings ? shown(*readings) : readings.refusal().detail) == row.readings);
    if (!readings) CHECK(readings.refusal().reason == Reason::out_of_scope);
  }
  CHECK(readings_of("/" + std::string(4'094, '/'), {}));
  CHECK(readings_of(std::string(255, 'a'), {}));
}

TEST_CASE("path text: which names are the working directory's") {
  auto readings = readings_of("../x", {"w", "d"});
  REQUIRE(readings);
  CHECK((*readings)[0].given == 2);
  CHECK((*readings)[1].given == 1);
  CHECK((*readings_of("/w/d", {"w", "d"}))[0].given == 0);
}

TEST_CASE("path text: what looks like a path") {
  for (const char* text :
       {"/",         "/a",  "//a",  "./a",        ".",      "..",       "../a",        "a/../b",
        "a/..",      "~",   "~/a",  "~bob/a",     "\\a",    "..\\a",    "file:///a",   "FILE:/a",
        "file:../a", " /a", "'/a'", "a/%2e%2e/b", "%2Fetc", "%252fetc", "/a\n/../../b"}) {
    CAPTURE(std::string(text));
    CHECK(looks_like_path(text));
  }
  for (const char* text :
       {"", "a", "a/b", "a..b", "..a", "https://a/b", "a b", "~5 minutes", "1..2",
        "/* a\ncomment */", "a\n/../b", "$.a.b", "main", "origin/main", "me@example.com"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(looks_like_path(text));
  }
}

TEST_CASE("path text: what is a file: URI, and what another URL") {
  for (const char* text : {"file:///a", "file:/a", " FILE:///a\n", "file://host/a", "file:\\a",
                           "file:../a", "\"file:///a\""}) {
    CAPTURE(std::string(text));
    CHECK(is_file_uri(text));
  }
  for (const char* text : {"", "file:", "file:name", "file: a", "file:///a and more",
                           "see file:///a", "profile:///a", "https://a"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(is_file_uri(text));
  }
  CHECK(has_file_scheme("File:x y"));
  for (const char* text : {"https://a/b", "s3://bucket/key", " git+ssh://a"})
    CHECK(is_other_url(text));
  for (const char* text : {"file:///a", "https://../../etc", "x://a/%2e%2e/b", "a", "/https://a",
                           "c://a", "x y://a"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(is_other_url(text));
  }
}

TEST_CASE("pointers of the configuration") {
  CHECK(*parse_pointer("") == PointerTokens{});
  CHECK(*parse_pointer("/a/0/~0b~1") == PointerTokens{"a", "0", "~b/"});
  CHECK(*parse_pointer("/") == PointerTokens{""});
  CHECK_FALSE(parse_pointer("a"));
  CHECK_FALSE(parse_pointer("/~"));
  CHECK_FALSE(parse_pointer("/~2"));
  CHECK(pointer_text({"a", "~b/"}) == "/a/~0b~1");
  CHECK(matches_pointer({"*", "b"}, {"7", "b", "c"}) == 2);
  CHECK(matches_pointer({}, {"a"}) == 0);
  CHECK_FALSE(matches_pointer({"a", "b"}, {"a"}));
  CHECK_FALSE(matches_pointer({"a"}, {"b"}));
}

}  // namespace
}  // namespace toolgate
