// What parse_inbound() promises, checked against the bytes; and that every answer can be read
// again.
#include "gateway/core/message.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace toolgate {
namespace {

void check(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

const JsonLimits limits{.bytes = 1 << 16, .depth = 64, .values = 20'000, .batch_messages = 16};

Parsed parse(std::string text) {
  return parse_message(Untrusted<std::string>(std::move(text)), limits);
}

// An answer of the broker's must be a message, with this id.
void check_answer(std::string text, const std::string& id_raw, MessageKind kind) {
  Parsed parsed = parse_message(Untrusted<std::string>(std::move(text)), JsonLimits{});
  const auto* answer = std::get_if<Message>(&parsed);
  check(answer != nullptr, "the broker's answer is a message");
  check(answer->kind() == kind, "of the right kind");
  check(answer->id().raw() == id_raw, "with the id as it was sent");
}

void check_bad(const BadMessage& bad) {
  check(!bad.refusal.detail.empty() && is_utf8(bad.refusal.detail), "a refusal says why");
  check(json_rpc_code(bad.refusal.reason) < 0, "and has a code of JSON-RPC's");
  check(!bad.answers || bad.id_raw == "null", "a bad response gets no answer with its id");
  check_answer(error_text(bad.id_raw, bad.refusal, "r"), bad.id_raw, MessageKind::error);
}

bool has(const Message& message, const char* name) {
  return message.whole().find(name).has_value();
}

void check_call(const Message& message) {
  check(!message.method().empty(), "a method has a name");
  check(message.whole().find("method")->equals(message.method()), "which stands in the message");
  check(!has(message, "result") && !has(message, "error"), "a call answers nothing");
  check(!message.params() || message.params()->is_object(), "params are an object");
  const std::string params =
      message.params() ? std::string(message.params()->raw()) : std::string();
  const std::string text = message.is_request()
                               ? request_text(message.id().raw(), message.method(), params)
                               : notification_text(message.method(), params);
  Parsed again = parse_message(Untrusted<std::string>(text), JsonLimits{});
  const auto* copy = std::get_if<Message>(&again);
  check(copy != nullptr && copy->kind() == message.kind(), "a call can be written again");
  check(copy->method() == message.method() && copy->id() == message.id(), "and says the same");
}

void check_response(const Message& message) {
  check(!has(message, "method") && !has(message, "params"), "a response calls nothing");
  check(has(message, "result") != has(message, "error"), "it has a result or an error");
  check(message.body().is_object(), "which is an object");
  if (message.kind() == MessageKind::result) return;
  check(message.body().find("code")->integer().has_value(), "an error has a code");
  check(message.body().find("message")->is_string(), "and a message");
}

void check_message(const Message& message) {
  const Value root = message.whole();
  check(root.find("jsonrpc")->equals("2.0"), "a message has its version");
  check(root.size() <= 4, "and no strangers");
  const auto id = root.find("id");
  if (message.is_notification()) {
    check(!id, "a notification has no id");
  } else if (id && !id->is_null()) {
    check(id->raw() == message.id().raw(), "an id keeps its text");
    check(RequestId(*id) == message.id(), "and is equal to itself");
    check(id->is_string() || id->raw().find_first_of(".eE") == std::string_view::npos,
          "an id is a string or an integer");
    check_answer(result_text(message.id().raw(), "{}"), message.id().raw(), MessageKind::result);
  } else {
    check(message.kind() == MessageKind::error, "only errors are about no id");
  }
  if (message.is_response()) return check_response(message);
  check_call(message);
}

void check_inbound(const std::string& text, Batches batches) {
  const Inbound inbound = parse_inbound(Untrusted<std::string>(text), limits, batches);
  check(!inbound.messages.empty(), "something arrived");
  check(inbound.batch || inbound.messages.size() == 1, "many messages are a batch");
  check(!inbound.batch || batches == Batches::accepted, "a batch that is not accepted is none");
  check(inbound.messages.size() <= limits.batch_messages, "a batch has a limit");
  for (const Parsed& parsed : inbound.messages) {
    if (const auto* bad = std::get_if<BadMessage>(&parsed)) {
      check_bad(*bad);
    } else {
      check_message(std::get<Message>(parsed));
    }
  }
}

}  // namespace
}  // namespace toolgate

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace toolgate;
  const std::string text(reinterpret_cast<const char*>(data), size);
  check_inbound(text, Batches::refused);
  check_inbound(text, Batches::accepted);
  const Parsed one = parse(text);
  const Inbound inbound = parse_inbound(Untrusted<std::string>(text), limits, Batches::refused);
  check(one.index() == inbound.messages.front().index(), "one message is read in one way");
  return 0;
}
