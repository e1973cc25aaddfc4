#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>

#include "gateway/core/document.hpp"
#include "gateway/store/audit.hpp"
#include "tests/gateway/store_home.hpp"

namespace toolgate {
namespace {

using test::TemporaryHome;
using Detail = AuditSettings::Detail;

TEST_CASE("the envelope has every field of a full record, on one line of strict JSON") {
  TemporaryHome home;
  auto store = home.open();
  asio::io_context loop;
  AuditLog log(loop.get_executor(), *store, AuditSettings{});
  Record full{.kind = "call.outcome",
              .agent = "claude",
              .session = "s-1",
              .server = "files",
              .tool = "read \"it\"\n",
              .method = "tools/call",
              .decision = "deny",
              .reason = "held",
              .rule = "pins",
              .findings = {Finding{.id = "unicode.tag",
                                   .severity = Severity::hard,
                                   .begin = 1,
                                   .end = 2,
                                   .pointer = "/a",
                                   .why = "why"}},
              .arguments = AuditLog::detail(Detail::full, "{\"a\":\r\n1.50}"),
              .result = AuditLog::detail(Detail::digest, "abc"),
              .pin = "sha256:00",
              .policy = "sha256:11",
              .trace = "00-trace",
              .intent = "an-id",
              .latency_us = 77};
  auto receipt = log.write_now(full);
  REQUIRE(receipt);
  auto lines = query_audit(*store, AuditQuery{});
  REQUIRE(lines);
  REQUIRE(lines->size() == 1);
  CHECK(lines->front().find('\n') == std::string::npos);
  auto document = parse_document(Untrusted<std::string>(lines->front()), JsonLimits{});
  REQUIRE(document);
  std::string names;
  for (const Member& member : document->root().members()) names += member.name + " ";
  CHECK(names ==
        "v id time kind agent session server tool method decision reason rule findings arguments "
        "result pin policy trace intent latency_us ");
  CHECK(document->root().find("v")->integer() == 1);
  CHECK(document->root().find("id")->equals(receipt->id()));
  CHECK(document->root().find("tool")->equals("read \"it\"\n"));
  CHECK(document->root().find("arguments")->raw() == "{\"a\":  1.50}");
  CHECK(document->root().find("result")->find("sha256")->equals(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
  CHECK(document->root().find("result")->find("bytes")->integer() == 3);
  CHECK(document->root().find("latency_us")->integer() == 77);
}

TEST_CASE("a record with text that is no UTF-8 is written, and readable") {
  TemporaryHome home;
  auto store = home.open();
  asio::io_context loop;
  AuditLog log(loop.get_executor(), *store, AuditSettings{});
  Record odd;
  odd.kind = "refusal";
  odd.reason = "\xff\xfe";
  REQUIRE(log.write_now(odd));
  auto lines = query_audit(*store, AuditQuery{});
  REQUIRE(lines);
  CHECK(parse_document(Untrusted<std::string>(lines->front()), JsonLimits{}));
}

TEST_CASE("details that are too large become digests") {
  const std::string large = "\"" + std::string(std::size_t{64} << 10, 'x') + "\"";
  const std::string kept = AuditLog::detail(Detail::full, large);
  CHECK(kept.size() < 150);
  CHECK(kept.find("\"truncated\":true") != std::string::npos);
  CHECK(kept.find("\"bytes\":65538") != std::string::npos);
  CHECK(AuditLog::detail(Detail::full, "{}") == "{}");
  CHECK(AuditLog::detail(Detail::full, "").empty());
  CHECK(AuditLog::detail(Detail::digest, "{}").find("truncated") == std::string::npos);
}

std::string tools(Store& store, const AuditQuery& query) {
  auto lines = query_audit(store, query);
  REQUIRE(lines);
  std::string found;
  for (const std::string& line : *lines) {
    auto document = parse_document(Untrusted<std::string>(line), JsonLimits{});
    REQUIRE(document);
    found += document->root().find("tool")->text();
  }
  return found;
}

TEST_CASE("queries select by each field") {
  TemporaryHome home;
  auto store = home.open();
  asio::io_context loop;
  AuditLog log(loop.get_executor(), *store, AuditSettings{});
  std::vector<Receipt> receipts;
  for (const char* tool : {"a", "b", "c", "d", "e", "f"}) {
    Record one;
    const bool odd = receipts.size() % 2 == 1;
    one.kind = odd ? "call.outcome" : "call.intent";
    one.agent = receipts.size() < 2 ? "first" : "second";
    one.session = receipts.size() < 3 ? "s1" : "s2";
    one.server = receipts.size() < 4 ? "files" : "docs";
    one.tool = tool;
    one.decision = receipts.size() == 4 ? "deny" : "allow";
    auto receipt = log.write_now(one);
    REQUIRE(receipt);
    receipts.push_back(*receipt);
  }
  auto with = [&](auto change) {
    AuditQuery query;
    change(query);
    return tools(*store, query);
  };
  CHECK(with([](AuditQuery&) {}) == "abcdef");
  CHECK(with([](AuditQuery& q) { q.limit = 2; }) == "ef");
  CHECK(with([](AuditQuery& q) { q.agent = "first"; }) == "ab");
  CHECK(with([](AuditQuery& q) { q.session = "s2"; }) == "def");
  CHECK(with([](AuditQuery& q) { q.server = "docs"; }) == "ef");
  CHECK(with([](AuditQuery& q) { q.tool = "c"; }) == "c");
  CHECK(with([](AuditQuery& q) { q.decision = "deny"; }) == "e");
  CHECK(with([](AuditQuery& q) { q.kind = "call.outcome"; }) == "bdf");
  CHECK(with([](AuditQuery& q) { q.kind = "call.outcome", q.server = "files"; }) == "bd");
  CHECK(with([&](AuditQuery& q) { q.id = receipts[3].id(); }) == "d");
  CHECK(with([](AuditQuery& q) { q.after_sequence = 2, q.limit = 3; }) == "cde");
  CHECK(with([](AuditQuery& q) { q.until_ns = 0; }).empty());
  CHECK(with([](AuditQuery& q) { q.since_ns = 0; }) == "abcdef");
  AuditQuery broken;
  broken.id = "not-a-record";
  CHECK(!query_audit(*store, broken));
  auto last = last_audit_sequence(*store);
  REQUIRE(last);
  CHECK(*last == 6);
}

}  // namespace
}  // namespace toolgate
