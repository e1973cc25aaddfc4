#include "gateway/core/message.hpp"

#include <doctest/doctest.h>

#include "tests/core/hostile_messages.hpp"

namespace toolgate {
namespace {

Inbound inbound(std::string bytes, Batches batches = Batches::refused) {
  return parse_inbound(Untrusted<std::string>(std::move(bytes)), JsonLimits{}, batches);
}

Message message(std::string bytes) {
  Parsed parsed = parse_message(Untrusted<std::string>(std::move(bytes)), JsonLimits{});
  if (const auto* bad = std::get_if<BadMessage>(&parsed)) FAIL(bad->refusal.detail);
  return std::get<Message>(parsed);
}

BadMessage bad(std::string bytes) {
  Parsed parsed = parse_message(Untrusted<std::string>(std::move(bytes)), JsonLimits{});
  REQUIRE(std::holds_alternative<BadMessage>(parsed));
  return std::get<BadMessage>(parsed);
}

RequestId id_of(const std::string& raw) {
  return message(R"({"jsonrpc":"2.0","method":"m","id":)" + raw + "}").id();
}

TEST_CASE("a request") {
  const Message request =
      message(R"( {"params":{"name":"x"}, "id":7,"method":"tools/call","jsonrpc":"2.0"} )");
  CHECK(request.is_request());
  CHECK(request.method() == "tools/call");
  CHECK(request.id().raw() == "7");
  CHECK(request.params()->raw() == R"({"name":"x"})");
  CHECK_FALSE(request.is_response());
}

TEST_CASE("a request whose names are escaped") {
  const Message request =
      message(R"({"\u006asonrpc":"2\u002e0","i\u0064":"a","method":"pi\u006eg"})");
  CHECK(request.is_request());
  CHECK(request.method() == "ping");
  CHECK(request.id().raw() == R"("a")");
  CHECK_FALSE(request.params());
}

TEST_CASE("a notification") {
  const Message notification = message(R"({"jsonrpc":"2.0","method":"notifications/initialized"})");
  CHECK(notification.is_notification());
  CHECK(notification.method() == "notifications/initialized");
  CHECK(notification.id().raw() == "null");
}

TEST_CASE("a result") {
  const Message result = message(R"({"jsonrpc":"2.0","id":"a","result":{"tools":[1.50]}})");
  CHECK(result.kind() == MessageKind::result);
  CHECK(result.is_response());
  CHECK(result.id().key() == "s:a");
  CHECK(result.body().raw() == R"({"tools":[1.50]})");
}

TEST_CASE("an error, with and without what is optional") {
  const Message error =
      message(R"({"jsonrpc":"2.0","id":3,"error":{"code":-32601,"message":"no","data":[1]}})");
  CHECK(error.kind() == MessageKind::error);
  CHECK(error.id().raw() == "3");
  CHECK(error.body().find("code")->integer() == -32601);
  for (const std::string id : {R"("id":null,)", ""}) {
    const Message without =
        message(R"({"jsonrpc":"2.0",)" + id + R"("error":{"code":-32700,"message":""}})");
    CHECK(without.kind() == MessageKind::error);
    CHECK(without.id().raw() == "null");
    CHECK(without.id().key().empty());
  }
}

TEST_CASE("ids keep their text and are equal when they decode equally") {
  CHECK(id_of("7") == id_of("7"));
  CHECK(id_of("0") == id_of("-0"));
  CHECK(id_of("-0").raw() == "-0");
  CHECK(id_of(R"("a")") == id_of(R"("\u0061")"));
  CHECK(id_of(R"("\u0061")").raw() == R"("\u0061")");
  CHECK_FALSE(id_of("7") == id_of(R"("7")"));
  CHECK_FALSE(id_of("18446744073709551616") == id_of("18446744073709551617"));
  CHECK(id_of("18446744073709551617").raw() == "18446744073709551617");
  CHECK_FALSE(id_of("9007199254740993") == id_of("9007199254740992"));
  CHECK(id_of("7") == RequestId(7));
  CHECK(id_of(R"("")").key() == "s:");
}

TEST_CASE("hostile messages") {
  const std::vector<HostileMessage> table = hostile_messages();
  CHECK(table.size() >= 70);
  for (const HostileMessage& row : table) {
    INFO(row.name);
    const bool has_newline = row.bytes.find('\n') != std::string::npos;
    CHECK(has_newline == (row.travel == Travel::several_lines));
    Inbound read = inbound(row.bytes);
    REQUIRE(read.messages.size() == 1);
    CHECK_FALSE(read.batch);
    const auto* refused = std::get_if<BadMessage>(&read.messages.front());
    CHECK(refused != nullptr);
    if (refused == nullptr) continue;
    CHECK(json_rpc_code(refused->refusal.reason) == row.code);
    CHECK(refused->id_raw == row.id_raw);
    CHECK_FALSE(refused->refusal.detail.empty());
  }
}

TEST_CASE("a malformed response names the request that it answers, and no id to answer to") {
  for (const std::string rest : {R"("result":1})", R"("error":{}})", R"("result":{},"x":1})"}) {
    const BadMessage response = bad(R"({"jsonrpc":"2.0","id":5,)" + rest);
    CHECK(response.id_raw == "null");
    REQUIRE(response.answers);
    CHECK(*response.answers == RequestId(5));
  }
  CHECK_FALSE(bad(R"({"jsonrpc":"2.0","id":5,"method":1})").answers);
  CHECK_FALSE(bad(R"({"jsonrpc":"2.0","id":1.5,"result":1})").answers);
}

TEST_CASE("a message that is too large") {
  JsonLimits limits;
  limits.bytes = 10;
  Parsed parsed = parse_message(Untrusted<std::string>(std::string(11, ' ')), limits);
  REQUIRE(std::holds_alternative<BadMessage>(parsed));
  CHECK(json_rpc_code(std::get<BadMessage>(parsed).refusal.reason) == -32600);
}

TEST_CASE("a batch is judged element by element") {
  const std::string batch =
      R"([{"jsonrpc":"2.0","id":1,"method":"a"}, 5, {"jsonrpc":"2.0","method":"b"},{"jsonrpc":"2.0","id":2}])";
  const Inbound read = inbound(batch, Batches::accepted);
  CHECK(read.batch);
  REQUIRE(read.messages.size() == 4);
  const auto* request = std::get_if<Message>(&read.messages[0]);
  REQUIRE(request != nullptr);
  CHECK(request->whole().raw() == R"({"jsonrpc":"2.0","id":1,"method":"a"})");
  CHECK(request->document().text() == batch);
  CHECK(std::get<BadMessage>(read.messages[1]).id_raw == "null");
  CHECK(std::get<Message>(read.messages[2]).is_notification());
  CHECK(std::get<BadMessage>(read.messages[3]).id_raw == "2");
}

TEST_CASE("batches have a limit, and are refused where they are not spoken") {
  std::string batch = "[0";
  for (int i = 1; i < 256; ++i) batch += ",0";
  CHECK(inbound(batch + "]", Batches::accepted).messages.size() == 256);
  CHECK(inbound(batch + ",0]", Batches::accepted).messages.size() == 1);
  const Inbound refused = inbound(R"([{"jsonrpc":"2.0","id":1,"method":"a"}])");
  CHECK_FALSE(refused.batch);
  REQUIRE(refused.messages.size() == 1);
  CHECK(std::get<BadMessage>(refused.messages[0]).refusal.reason == Reason::invalid_request);
  CHECK(std::holds_alternative<Message>(
      inbound(R"({"jsonrpc":"2.0","id":1,"method":"a"})", Batches::accepted).messages[0]));
  CHECK_FALSE(inbound("[]", Batches::accepted).batch);
}

TEST_CASE("what the broker writes, it can read") {
  const Message request = message(request_text("\"a\"", "tools/\"call\"", R"({"x":1})"));
  CHECK(request.method() == "tools/\"call\"");
  CHECK(request.params()->raw() == R"({"x":1})");
  CHECK_FALSE(message(request_text("1", "ping", "")).params());
  CHECK(message(notification_text("n", "{}")).is_notification());
  CHECK(message(notification_text("n", "")).is_notification());
  CHECK(message(result_text("1", R"({"a":[]})")).body().raw() == R"({"a":[]})");
}

TEST_CASE("an error's text") {
  CHECK(error_text("7", Refusal(Reason::held, "tool \"x\" waits"), "0198") ==
        R"({"jsonrpc":"2.0","id":7,"error":{"code":4031,"message":"tool \"x\" waits",)"
        R"("data":{"reason":"held","record":"0198"}}})");
  CHECK(
      error_text("null", Refusal(Reason::malformed, "no")) ==
      R"({"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no","data":{"reason":"malformed"}}})");
  CHECK(message(error_text("null", Refusal(Reason::internal, "\xFF"))).kind() ==
        MessageKind::error);
}

}  // namespace
}  // namespace toolgate
