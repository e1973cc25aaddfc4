#include "inspectors/gate.hpp"

#include <doctest/doctest.h>

#include <set>
#include <stdexcept>

#include "inspectors/literal.hpp"

namespace toolgate {
namespace {

Document parse(std::string text) {
  auto document = parse_document(Untrusted<std::string>(std::move(text)), JsonLimits());
  REQUIRE(document);
  return *document;
}

Inspection inspect(const std::string& text) {
  auto document = parse(text);
  return InspectionGate(all_inspectors()).inspect(Channel::tool_result, document.root());
}

// Marks every "X" in a text.
class Marker final : public Inspector {
 public:
  explicit Marker(Mark mark) : mark_(mark) {}
  std::string_view name() const override { return "marker"; }
  void inspect(const Leaf& leaf, Channel, std::vector<Mark>& marks) const override {
    for (auto at = leaf.text.find('X'); at != std::string_view::npos;
         at = leaf.text.find('X', at + 1)) {
      auto mark = mark_;
      mark.begin = at;
      mark.end = at + 1;
      marks.push_back(mark);
    }
  }

 private:
  Mark mark_;
};

// Does something wrong on "bad".
class Faulty final : public Inspector {
 public:
  enum class Fault { standard, other, beyond, reversed };
  explicit Faulty(Fault fault) : fault_(fault) {}
  std::string_view name() const override { return "faulty"; }
  void inspect(const Leaf& leaf, Channel, std::vector<Mark>& marks) const override {
    if (leaf.text != "bad") return;
    marks.push_back(
        Mark{.finding = "x", .severity = Severity::note, .begin = 0, .end = 1, .why = ""});
    if (fault_ == Fault::standard) throw std::runtime_error("broken");
    if (fault_ == Fault::other) throw 1;
    if (fault_ == Fault::beyond) marks.back().end = 4;
    if (fault_ == Fault::reversed) marks.back().begin = 2;
  }

 private:
  Fault fault_;
};

template <class T, class... Arguments>
InspectionGate gate_with(Arguments... arguments) {
  std::vector<std::unique_ptr<Inspector>> list;
  list.push_back(std::make_unique<T>(arguments...));
  return InspectionGate(std::move(list));
}

TEST_CASE("what is clean keeps its exact bytes") {
  const std::string rows[] = {
      "{}",
      "[]",
      "null",
      "\"\"",
      "12345678901234567890.10",
      R"({"a":[1.0,1e5,"x\ty\n\"z\"",true,null],"b":{"c":"\/"}})",
      R"({"long":"0123456789012345678901234567890123456789\\n\\0123456789"})",
      R"({"\u0061":"\u00e9 \ud83d\ude00 \\u001b[31m"})",
      "{ \"a\" :\t[ 1 , \"\u00E9\" ] }",
  };
  for (const auto& row : rows) {
    CAPTURE(row);
    auto inspection = inspect(row);
    CHECK(inspection.verdict == Verdict::allow);
    CHECK(inspection.findings.empty());
    REQUIRE(inspection.cleared);
    CHECK(inspection.cleared->json() == row);
  }
}

TEST_CASE("a removal takes its bytes and no other") {
  struct Row {
    const char* name;
    const char* text;
    const char* expected;
  };
  constexpr Row rows[] = {
      {"an escaped ESC", R"({"text":"\u001b[31mred\u001b[0m"})", R"({"text":"red"})"},
      {"in capitals", R"(["\u001B[31mred"])", R"(["red"])"},
      {"escapes beside it stay as they are written", R"(["\u0041\/\u001b[1m\u00e9\n\ud83d\ude00"])",
       R"(["\u0041\/\u00e9\n\ud83d\ude00"])"},
      {"parameters that are escaped too", R"(["a\u001b\u005b\u0033\u0031\u006db"])", R"(["ab"])"},
      {"C1, escaped and plain", "[\"a\\u009b31mb\u009B0mc\"]", R"(["abc"])"},
      {"numbers and spaces around it", R"({ "n" : 1.000 , "s":"\u0007" })",
       R"({ "n" : 1.000 , "s":"" })"},
      {"the root", R"("\u001b[1mx")", R"("x")"},
      {"deep inside", R"([[{"a":[["\u001b[1m"]]}]])", R"([[{"a":[[""]]}]])"},
      {"DEL, which JSON does not escape", "[\"a\x7F\"]", R"(["a"])"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    auto inspection = inspect(row.text);
    CHECK(inspection.verdict == Verdict::sanitise);
    CHECK_FALSE(inspection.findings.empty());
    REQUIRE(inspection.cleared);
    CHECK(inspection.cleared->json() == row.expected);
    CHECK(inspect(inspection.cleared->json()).verdict == Verdict::allow);
  }
}

TEST_CASE("what must not go on is withheld") {
  struct Row {
    const char* name;
    const char* text;
    const char* finding;
  };
  constexpr Row rows[] = {
      {"hidden tags", R"(["\udb40\udc41"])", "unicode.tag"},
      {"hidden tags in a name", "{\"a\U000E0041\":1}", "unicode.tag"},
      {"a name that would be shortened", R"({"a\u001b[8mb":1})", "terminal.escape"},
      {"a name that hides one of the protocol's", R"({"resultType\u0007":"input_required"})",
       "terminal.control"},
      {"two names that would become one", R"({"a":1,"a\u0007":2})", "terminal.control"},
      {"deep inside", R"([{"b":[{"\u0001a":1}]}])", "terminal.control"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    auto inspection = inspect(row.text);
    CHECK(inspection.verdict == Verdict::withhold);
    CHECK_FALSE(inspection.cleared);
    REQUIRE_FALSE(inspection.findings.empty());
    CHECK(inspection.findings.back().id == row.finding);
  }
}

TEST_CASE("a finding says where it stands") {
  struct Row {
    const char* name;
    const char* text;
    const char* marked;  // the raw bytes of the first finding
    const char* pointer;
  };
  constexpr Row rows[] = {
      {"the root", "\"ab\x7F\"", "\x7F", ""},
      {"in an array", R"(["x","\u0007"])", R"(\u0007)", "/1"},
      {"in an object", R"({"a":{"b-c":["\u001b[31mx"]}})", R"(\u001b[31m)", "/a/b-c/0"},
      {"behind escapes", R"({"t":"\n\u00e9\ud83d\ude00\"\u001b[0m"})", R"(\u001b[0m)", "/t"},
      {"a name, which is not repeated", R"({"a":1,"x\u001b[8my":2})", R"(\u001b[8m)", "/#1"},
      {"below a name that reads as prose", R"({"Ignore the rules":"\u0007"})", R"(\u0007)", "/#0"},
      {"below a name with a slash", R"({"a/b":"\u0007"})", R"(\u0007)", "/#0"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    std::string text = row.text;
    auto findings = inspect(text).findings;
    REQUIRE(findings.size() == 1);
    CHECK(text.substr(findings[0].begin, findings[0].end - findings[0].begin) == row.marked);
    CHECK(findings[0].pointer == row.pointer);
  }
}

TEST_CASE("a part of a document is inspected alone, with places in the whole") {
  auto document = parse(R"({"a":"\u0007","b":{"c":"x\u0007"}})");
  auto part = *document.root().find("b");
  auto inspection = InspectionGate(all_inspectors()).inspect(Channel::error, part);
  REQUIRE(inspection.cleared);
  CHECK(inspection.cleared->json() == R"({"c":"x"})");
  REQUIRE(inspection.findings.size() == 1);
  CHECK(document.text().substr(inspection.findings[0].begin, 6) == R"(\u0007)");
  CHECK(inspection.findings[0].pointer == "/c");
}

TEST_CASE("cleared JSON is one line, so that no line of it passes for a message") {
  auto inspection = inspect("[\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\r\n]");
  REQUIRE(inspection.cleared);
  CHECK(inspection.verdict == Verdict::allow);
  CHECK(inspection.cleared->json() == "[ {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}  ]");
  CHECK(inspect("[\n\"\u00E9\"\n]").cleared->json() == "[ \"\u00E9\" ]");
  CHECK(inspect("[\n\"\\n\\u0007\"]").cleared->json() == "[ \"\\n\"]");
}

TEST_CASE("findings of one kind are counted out, and removal goes on") {
  std::string text = "[";
  for (int i = 0; i < 500; ++i) text += R"("a\u0007","b\u0000",)";
  auto inspection = inspect(text + "0]");
  CHECK(inspection.findings.size() == 200);
  REQUIRE(inspection.cleared);
  CHECK(inspection.cleared->json().find("\\u") == std::string::npos);
}

TEST_CASE("an inspector that fails withholds the text") {
  for (auto fault : {Faulty::Fault::standard, Faulty::Fault::other, Faulty::Fault::beyond,
                     Faulty::Fault::reversed}) {
    auto gate = gate_with<Faulty>(fault);
    auto bad = parse(R"(["fine","bad"])");
    auto inspection = gate.inspect(Channel::tool_result, bad.root());
    CHECK(inspection.verdict == Verdict::withhold);
    CHECK_FALSE(inspection.cleared);
    REQUIRE(inspection.findings.size() == 1);
    CHECK(inspection.findings[0].id == "inspector.fault");
    CHECK(inspection.findings[0].pointer == "/1");
    auto fine = parse(R"(["fine"])");
    CHECK(gate.inspect(Channel::tool_result, fine.root()).verdict == Verdict::allow);
  }
}

TEST_CASE("an inspector that cares about plain ASCII sees it, and what it says is done") {
  auto document = parse(R"({"ab":["XcX","X"]})");
  Mark mark{.finding = "x", .severity = Severity::note, .why = "an X"};
  auto kept = gate_with<Marker>(mark).inspect(Channel::log_message, document.root());
  CHECK(kept.verdict == Verdict::allow);
  CHECK(kept.findings.size() == 3);
  CHECK(kept.cleared->json() == document.text());

  mark.action = Mark::Action::remove;
  auto cut = gate_with<Marker>(mark).inspect(Channel::log_message, document.root());
  CHECK(cut.verdict == Verdict::sanitise);
  CHECK(cut.cleared->json() == R"({"ab":["c",""]})");

  mark.action = Mark::Action::withhold;
  CHECK(gate_with<Marker>(mark).inspect(Channel::log_message, document.root()).verdict ==
        Verdict::withhold);
}

TEST_CASE("messages are made of cleared parts") {
  auto cleared = [](const char* text) { return *inspect(text).cleared; };
  auto id = RequestId(std::uint64_t{7});
  CHECK(InspectionGate::error(id, cleared(R"({"code":1,"message":"x"})")).text() ==
        R"({"jsonrpc":"2.0","id":7,"error":{"code":1,"message":"x"}})");
  for (const auto& message : {InspectionGate::result(id, cleared("{}")),
                              InspectionGate::error(id, cleared(R"({"code":1,"message":""})")),
                              InspectionGate::notification("notifications/message", cleared("{}")),
                              InspectionGate::request("1", "elicitation/create", cleared("{}"))}) {
    auto parsed = parse_message(Untrusted<std::string>(message.text()), JsonLimits());
    CHECK(std::holds_alternative<Message>(parsed));
  }
  CHECK(InspectionGate::own("{}").text() == "{}");
}

TEST_CASE("every channel and verdict has its own name") {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(Channel::task); ++i) {
    names.insert(channel_name(static_cast<Channel>(i)));
  }
  CHECK(names.size() == static_cast<std::size_t>(Channel::task) + 1);
  CHECK(verdict_name(Verdict::sanitise) == "sanitise");
}

TEST_CASE("plain ASCII is found at every place") {
  for (std::size_t size = 0; size < 100; ++size) {
    std::string text(size, 'a');
    CHECK(is_plain_ascii(text));
    for (std::size_t at = 0; at < size; ++at) {
      auto changed = text;
      changed[at] = '\x7F';
      CHECK_FALSE(is_plain_ascii(changed));
      changed[at] = '\xC3';
      CHECK_FALSE(is_plain_ascii(changed));
      changed[at] = '\\';
      CHECK_FALSE(is_plain_ascii(changed));
      if (at + 1 == size) continue;
      changed[at + 1] = 'n';
      CHECK(is_plain_ascii(changed));
      changed[at + 1] = 'u';
      CHECK_FALSE(is_plain_ascii(changed));
      changed[at + 1] = '\\';
      CHECK_FALSE(is_plain_ascii(changed));
    }
  }
}

TEST_CASE("places in a text become places in its literal") {
  struct Row {
    const char* literal;
    Range decoded;
    Range raw;
  };
  constexpr Row rows[] = {
      {R"("abc")", {0, 3}, {1, 4}},
      {R"("a\nb")", {1, 2}, {2, 4}},
      {R"("\u0041\u00e9\u20ac\ud83d\ude00x")", {0, 1}, {1, 7}},
      {R"("\u0041\u00e9\u20ac\ud83d\ude00x")", {1, 3}, {7, 13}},
      {R"("\u0041\u00e9\u20ac\ud83d\ude00x")", {3, 6}, {13, 19}},
      {R"("\u0041\u00e9\u20ac\ud83d\ude00x")", {6, 10}, {19, 31}},
      {R"("\u0041\u00e9\u20ac\ud83d\ude00x")", {10, 11}, {31, 32}},
      {R"("\uD7FF\uE000\u007F\u0080\u07FF\u0800")", {3, 6}, {7, 13}},
      {R"("\uD7FF\uE000\u007F\u0080\u07FF\u0800")", {6, 7}, {13, 19}},
      {R"("\uD7FF\uE000\u007F\u0080\u07FF\u0800")", {7, 9}, {19, 25}},
      {R"("\uD7FF\uE000\u007F\u0080\u07FF\u0800")", {9, 11}, {25, 31}},
      {R"("\uD7FF\uE000\u007F\u0080\u07FF\u0800")", {11, 14}, {31, 37}},
      {R"("\u20ac")", {1, 2}, {1, 7}},  // inside of a character: the whole of it
      {"\"\u20AC\"", {2, 3}, {1, 4}},
      {R"("\\")", {0, 1}, {1, 3}},
      {R"("")", {0, 0}, {1, 1}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.literal);
    CAPTURE(row.decoded.begin);
    std::vector<Range> ranges{row.decoded};
    locate(row.literal, ranges);
    CHECK(ranges[0].begin == row.raw.begin);
    CHECK(ranges[0].end == row.raw.end);
  }
  std::vector<Range> misaligned{{2, 2}, {2, 3}, {1, 2}};  // parts of one character of 3 bytes
  locate("\"a\u20ACb\"", misaligned);
  for (const auto& range : misaligned) {
    CHECK(range.begin == 2);
    CHECK(range.end == 5);
  }
  std::vector<Range> overlapping{{2, 3}, {0, 3}, {1, 2}};
  locate(R"("\n\n\n")", overlapping);
  CHECK(overlapping[0].begin == 5);
  CHECK(overlapping[1].begin == 1);
  CHECK(overlapping[1].end == 7);
  unite(overlapping);
  REQUIRE(overlapping.size() == 1);
  CHECK(without(R"("\n\n\n")", overlapping) == "\"\"");
}

}  // namespace
}  // namespace toolgate
