#pragma once
// JSON-RPC 2.0 messages as MCP uses them: parsed once, strictly, into a type that needs no second
// check.
//
// Accepted: an object with "jsonrpc":"2.0" and exactly one of the three shapes
//   request       "method" (a string, not empty), "id" (string or integer), perhaps "params" (an
//                 object)
//   notification  the same without "id"
//   response      "id" (string or integer; null or none only beside "error") and exactly one of
//                 "result" (an object) and "error" ({"code": integer, "message": string, "data"?})
// Other top-level members are refused: two readers could disagree about what they mean.

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "gateway/core/document.hpp"
#include "gateway/core/limits.hpp"
#include "gateway/core/result.hpp"
#include "gateway/core/untrusted.hpp"

namespace toolgate {

// A request's id in its exact JSON text: `7`, `"7"`. Two ids are equal when their texts decode
// equally; the text is what goes back to whoever asked.
class RequestId {
 public:
  RequestId() = default;
  explicit RequestId(const Value& value);  // a string or an integer
  explicit RequestId(std::uint64_t number);
  const std::string& raw() const { return raw_; }  // JSON text
  const std::string& key() const { return key_; }  // for maps: "s:7" or "n:7"
  friend bool operator==(const RequestId& a, const RequestId& b) { return a.key_ == b.key_; }

 private:
  std::string raw_ = "null";
  std::string key_;
};

enum class MessageKind { request, notification, result, error };

class Message {
 public:
  MessageKind kind() const { return kind_; }
  bool is_request() const { return kind_ == MessageKind::request; }
  bool is_notification() const { return kind_ == MessageKind::notification; }
  bool is_response() const { return kind_ == MessageKind::result || kind_ == MessageKind::error; }

  const std::string& method() const { return method_; }  // of requests and notifications
  const RequestId& id() const { return id_; }            // of requests and responses
  Value whole() const { return root_; }                  // the message itself
  std::optional<Value> params() const { return root_.find("params"); }
  Value body() const { return *body_; }  // of a response: "result" or "error"
  const Document& document() const { return document_; }

 private:
  friend class MessageReader;
  Message(Document document, Value root) : document_(std::move(document)), root_(root) {}
  MessageKind kind_ = MessageKind::notification;
  std::string method_;
  RequestId id_;
  Document document_;
  Value root_;
  std::optional<Value> body_;
};

// What was wrong with bytes that should have been a message, and the id to answer to: "null" if
// none could be read, and for what looks like a response: its id is one of ours, and an error with
// that id would answer a request of the peer's that has nothing to do with it.
struct BadMessage {
  Refusal refusal;
  std::string id_raw = "null";
  // The request of ours that a malformed response was meant to answer. It will not be answered
  // again.
  std::optional<RequestId> answers = std::nullopt;
};

// One element of what arrived: a message, or why it is none.
using Parsed = std::variant<Message, BadMessage>;

struct Inbound {
  std::vector<Parsed> messages;  // never empty
  bool batch = false;            // they came in an array
};

enum class Batches { refused, accepted };

// The one place where messages are parsed. An empty batch, and any batch where they are refused, is
// one BadMessage. Elements of a batch are judged one by one.
Inbound parse_inbound(Untrusted<std::string> bytes, const JsonLimits& limits, Batches batches);

// The same for exactly one message.
Parsed parse_message(Untrusted<std::string> bytes, const JsonLimits& limits);

// Messages that the broker writes itself. `params` and `result` are JSON texts.
std::string request_text(std::string_view id_raw, std::string_view method, std::string_view params);
std::string notification_text(std::string_view method, std::string_view params);
std::string result_text(std::string_view id_raw, std::string_view result);
// {"code","message","data":{"reason":…}}; `record` is a log record's id, or empty. `data` holds
// more members for "data", as JSON without braces.
std::string error_text(std::string_view id_raw, const Refusal& refusal,
                       std::string_view record = "", std::string_view data = "",
                       Revision revision = latest_legacy_revision);

}  // namespace toolgate
