#include "gateway/core/message.hpp"

#include <cassert>

namespace toolgate {
namespace {

bool is_integer(const Value& value) {
  return value.is_number() && value.raw().find_first_of(".eE") == std::string_view::npos;
}

bool is_id(const Value& value) { return value.is_string() || is_integer(value); }

Refusal invalid(std::string detail) { return Refusal(Reason::invalid_request, std::move(detail)); }

void append_head(std::string& out, std::string_view id_raw) {
  out += "{\"jsonrpc\":\"2.0\",\"id\":";
  out += id_raw;
}

}  // namespace

// Judges one JSON value that claims to be a message.
class MessageReader {
 public:
  MessageReader(Document document, Value root) : message_(std::move(document), root) {}
  Parsed read() &&;

 private:
  // Where a member of this name is kept, or null for a stranger.
  std::optional<Value>* member_called(const Value& member);
  Status read_members();
  Status read_call();
  Status read_response();
  Status read_error();
  BadMessage bad(Refusal refusal) const;

  Message message_;
  std::optional<Value> version_;
  std::optional<Value> id_;
  std::optional<Value> method_;
  std::optional<Value> params_;
  std::optional<Value> result_;
  std::optional<Value> error_;
};

Parsed MessageReader::read() && {
  Status read = read_members();
  if (!read) return bad(read.refusal());
  return std::move(message_);
}

std::optional<Value>* MessageReader::member_called(const Value& member) {
  if (member.is_named("jsonrpc")) return &version_;
  if (member.is_named("id")) return &id_;
  if (member.is_named("method")) return &method_;
  if (member.is_named("params")) return &params_;
  if (member.is_named("result")) return &result_;
  if (member.is_named("error")) return &error_;
  return nullptr;
}

Status MessageReader::read_members() {
  const Value& root = message_.root_;
  if (!root.is_object()) return invalid("a message must be an object");
  bool strangers = false;
  for (auto member = root.first(); member; member = member->following(root)) {
    std::optional<Value>* known = member_called(*member);
    if (known != nullptr) {
      *known = *member;
    } else {
      strangers = true;
    }
  }
  if (!version_ || !version_->equals("2.0")) return invalid("\"jsonrpc\" must be \"2.0\"");
  if (strangers) {
    return invalid(
        "a message has no members but \"jsonrpc\", \"id\", \"method\", \"params\", \"result\" and "
        "\"error\"");
  }
  if (method_ && (result_ || error_))
    return invalid("a message with a method has no result and no error");
  if (method_) return read_call();
  if (result_ || error_) return read_response();
  return invalid("a message needs a method, a result or an error");
}

Status MessageReader::read_call() {
  if (!method_->is_string() || method_->equals(""))
    return invalid("\"method\" must be a string that is not empty");
  if (id_ && !is_id(*id_)) return invalid("\"id\" must be a string or an integer");
  if (params_ && !params_->is_object()) {
    if (!id_) return invalid("\"params\" must be an object");
    return Refusal(Reason::invalid_params, "\"params\" must be an object");
  }
  message_.kind_ = id_ ? MessageKind::request : MessageKind::notification;
  message_.method_ = method_->text();
  if (id_) message_.id_ = RequestId(*id_);
  return done();
}

Status MessageReader::read_response() {
  if (result_ && error_) return invalid("a response has a result or an error, not both");
  if (params_) return invalid("a response has no params");
  if (result_ && !result_->is_object()) return invalid("\"result\" must be an object");
  if (error_) {
    Status error = read_error();
    if (!error) return error;
  }
  // An error about a request whose id could not be read has none, or null.
  const bool without_id = !id_ || id_->is_null();
  if (without_id ? !error_ : !is_id(*id_)) return invalid("\"id\" must be a string or an integer");
  message_.kind_ = result_ ? MessageKind::result : MessageKind::error;
  message_.body_ = result_ ? result_ : error_;
  if (!without_id) message_.id_ = RequestId(*id_);
  return done();
}

Status MessageReader::read_error() {
  const auto code = error_->find("code");
  const auto text = error_->find("message");
  if (!code || !code->integer())
    return invalid("\"error\" must be an object whose \"code\" is an integer");
  if (!text || !text->is_string())
    return invalid("\"error\" must be an object whose \"message\" is a string");
  return done();
}

BadMessage MessageReader::bad(Refusal refusal) const {
  BadMessage result;
  result.refusal = std::move(refusal);
  if (!id_ || !is_id(*id_)) return result;
  if (!method_ && (result_ || error_)) {
    result.answers = RequestId(*id_);
  } else {
    result.id_raw = std::string(id_->raw());
  }
  return result;
}

namespace {

BadMessage bad_message(Refusal refusal) {
  BadMessage bad;
  bad.refusal = std::move(refusal);
  return bad;
}

BadMessage batch_refused() {
  return bad_message(invalid("batches are not accepted: send one message at a time"));
}

}  // namespace

RequestId::RequestId(const Value& value) : raw_(value.raw()) {
  assert(is_id(value));
  if (value.is_string()) {
    key_ = "s:" + value.text();
  } else {
    key_ = raw_ == "-0" ? "n:0" : "n:" + raw_;
  }
}

RequestId::RequestId(std::uint64_t number) : raw_(std::to_string(number)), key_("n:" + raw_) {}

Inbound parse_inbound(Untrusted<std::string> bytes, const JsonLimits& limits, Batches batches) {
  Inbound inbound;
  auto document = parse_document(std::move(bytes), limits);
  if (!document) {
    inbound.messages.push_back(bad_message(document.refusal()));
    return inbound;
  }
  const Value root = document->root();
  if (!root.is_array()) {
    inbound.messages.push_back(MessageReader(*document, root).read());
  } else if (batches == Batches::refused) {
    inbound.messages.push_back(batch_refused());
  } else if (root.size() == 0) {
    inbound.messages.push_back(bad_message(invalid("a batch must not be empty")));
  } else if (root.size() > limits.batch_messages) {
    inbound.messages.push_back(bad_message(
        Refusal(Reason::too_large, "a batch of more than " + std::to_string(limits.batch_messages) +
                                       " messages: send several")));
  } else {
    inbound.batch = true;
    inbound.messages.reserve(root.size());
    for (auto element = root.first(); element; element = element->following(root)) {
      inbound.messages.push_back(MessageReader(*document, *element).read());
    }
  }
  return inbound;
}

Parsed parse_message(Untrusted<std::string> bytes, const JsonLimits& limits) {
  auto document = parse_document(std::move(bytes), limits);
  if (!document) return bad_message(document.refusal());
  if (document->root().is_array()) return batch_refused();
  return MessageReader(*document, document->root()).read();
}

std::string request_text(std::string_view id_raw, std::string_view method,
                         std::string_view params) {
  std::string out;
  out.reserve(id_raw.size() + method.size() + params.size() + 64);
  append_head(out, id_raw);
  out += ",\"method\":";
  append_json_quote(out, method);
  if (!params.empty()) {
    out += ",\"params\":";
    out += params;
  }
  return out += '}';
}

std::string notification_text(std::string_view method, std::string_view params) {
  std::string out = "{\"jsonrpc\":\"2.0\",\"method\":";
  append_json_quote(out, method);
  if (!params.empty()) {
    out += ",\"params\":";
    out += params;
  }
  return out += '}';
}

std::string result_text(std::string_view id_raw, std::string_view result) {
  std::string out;
  out.reserve(id_raw.size() + result.size() + 40);
  append_head(out, id_raw);
  out += ",\"result\":";
  out += result;
  return out += '}';
}

std::string error_text(std::string_view id_raw, const Refusal& refusal, std::string_view record,
                       std::string_view data, Revision revision) {
  std::string out;
  append_head(out, id_raw);
  out += ",\"error\":{\"code\":" + std::to_string(json_rpc_code(refusal.reason, revision)) +
         ",\"message\":";
  append_json_quote(out, refusal.detail);
  out += ",\"data\":{\"reason\":";
  append_json_quote(out, reason_name(refusal.reason));
  if (!record.empty()) {
    out += ",\"record\":";
    append_json_quote(out, record);
  }
  if (!data.empty()) {
    out += ',';
    out += data;
  }
  return out += "}}}";
}

}  // namespace toolgate
