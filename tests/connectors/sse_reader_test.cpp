#include "connectors/sse_reader.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace toolgate {
namespace {

// "type|data" for each event, then "#" and the last id.
std::string read(std::string_view text, std::size_t step, std::size_t limit = 1000) {
  SseReader reader(limit);
  std::vector<SseEvent> events;
  std::string out;
  bool refused = false;
  for (std::size_t at = 0; at < text.size() && !refused; at += step) {
    auto put = reader.put(text.substr(at, step), events);
    refused = !put;
    if (refused) CHECK(put.refusal().reason == Reason::too_large);
  }
  for (const SseEvent& event : events) out += event.type + "|" + event.data + ";";
  if (refused) return out + "too large";
  return out + "#" + reader.last_event_id();
}

TEST_CASE("an event stream is read alike, however it is cut") {
  struct Case {
    const char* name;
    std::string text;
    std::string events;
  };
  const Case cases[] = {
      {"one event", "data: hello\n\n", "|hello;#"},
      {"CR LF", "data: hello\r\n\r\n", "|hello;#"},
      {"CR", "data: hello\r\r", "|hello;#"},
      {"a mixture", "data: a\r\ndata: b\rdata: c\n\r", "|a\nb\nc;#"},
      {"several lines", "data: a\ndata: b\n\n", "|a\nb;#"},
      {"one space is dropped", "data:  a \n\n", "| a ;#"},
      {"no space", "data:a\n\n", "|a;#"},
      {"data without a colon", "data\n\n", "|;#"},
      {"two empty lines of data", "data\ndata\n\n", "|\n;#"},
      {"an unfinished event", "data: a\n\ndata: b\n", "|a;#"},
      {"a type", "event: endpoint\ndata: /m\n\n", "endpoint|/m;#"},
      {"a type lasts for one event", "event: x\ndata: 1\n\ndata: 2\n\n", "x|1;|2;#"},
      {"a type without data", "event: x\n\ndata: 2\n\n", "|2;#"},
      {"an id", "id: 7\ndata: a\n\n", "|a;#7"},
      {"an id lasts", "id: 7\ndata: a\n\ndata: b\n\n", "|a;|b;#7"},
      {"an id without data", "id: 7\n\n", "#7"},
      {"an id is emptied", "id: 7\n\nid\n\n", "#"},
      {"an id of an unfinished event", "id: 7\n\nid: 8\ndata: x\n", "#7"},
      {"an id with a NUL", std::string("id: 7\n\nid: 8\0\n\n", 16), "#7"},
      {"a comment", ": hi\ndata: a\n:\n\n", "|a;#"},
      {"an unknown field", "foo: bar\ndata: a\n\n", "|a;#"},
      {"a field in another case", "Data: a\n\n", "#"},
      {"a field with a leading space", " data: a\n\n", "#"},
      {"empty lines", "\n\n\r\n\rdata: a\n\n\n", "|a;#"},
      {"a byte order mark",
       "\xEF\xBB\xBF"
       "data: a\n\n",
       "|a;#"},
      {"two byte order marks",
       "\xEF\xBB\xBF\xEF\xBB\xBF"
       "data: a\n\n",
       "#"},
      {"half a byte order mark",
       "\xEF\xBB"
       "data: a\n\ndata: b\n\n",
       "|b;#"},
      {"a mark later on",
       "data: a\n\n\xEF\xBB\xBF"
       "data: b\n\n",
       "|a;#"},
      {"as much data as the limit", "data: " + std::string(1000, 'x') + "\n\n",
       "|" + std::string(1000, 'x') + ";#"},
      {"more data than the limit", "data: 1\n\ndata: " + std::string(1001, 'x') + "\n\n",
       "|1;too large"},
      {"more over several lines",
       "data: " + std::string(600, 'x') + "\ndata: " + std::string(600, 'x') + "\n\n", "too large"},
      {"a line without an end", std::string(3000, 'x'), "too large"},
      {"an endless comment", ":" + std::string(3000, 'x') + "\n", "too large"},
      {"an endless id", "id: " + std::string(1050, 'x') + "\n\n", "too large"},
  };
  for (const Case& c : cases) {
    for (std::size_t step : {1UL, 2UL, 3UL, 5UL, 7UL, 4096UL}) {
      INFO(std::string(c.name));
      CAPTURE(step);
      CHECK(read(c.text, step) == c.events);
    }
  }
}

TEST_CASE("retry is a whole number of milliseconds") {
  SseReader reader(100);
  std::vector<SseEvent> events;
  struct Case {
    const char* line;
    long long ms;
  };
  const Case cases[] = {{"retry: x\n", -1},    {"retry\n", -1},
                        {"retry: -5\n", -1},   {"retry: 250\n", 250},
                        {"retry: 10 \n", 250}, {"retry: 1.5\n", 250},
                        {"retry:0\n", 0},      {"retry: 99999999999999999999\n", 999'999'999}};
  for (const Case& c : cases) {
    INFO(std::string(c.line));
    REQUIRE(reader.put(c.line, events));
    CHECK((reader.retry() ? reader.retry()->count() : -1) == c.ms);
  }
}

TEST_CASE("a new connection drops the unfinished event and keeps the id") {
  SseReader reader(100);
  std::vector<SseEvent> events;
  REQUIRE(reader.put("id: 7\nretry: 5\ndata: a\n\nid: 8\nevent: x\ndata: b\nda", events));
  reader.restart();
  REQUIRE(
      reader.put("\xEF\xBB\xBF"
                 "data: c\n\n",
                 events));
  REQUIRE(events.size() == 2);
  CHECK(events[1].data == "c");
  CHECK(events[1].is_message());
  CHECK(reader.last_event_id() == "7");
  CHECK(reader.retry() == Milliseconds(5));
}

}  // namespace
}  // namespace toolgate
