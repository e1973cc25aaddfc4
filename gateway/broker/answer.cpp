#include "gateway/broker/answer.hpp"

#include <utility>

namespace toolgate {

unsigned http_status_for(std::int64_t code) {
  if (code == json_rpc_code(Reason::unknown_method)) return 404;
  bool protocol = code == json_rpc_code(Reason::header_mismatch) ||
                  code == json_rpc_code(Reason::missing_capability) ||
                  code == json_rpc_code(Reason::unsupported_revision);
  return protocol ? 400 : 200;
}

Answer Answer::result(Cleared result, std::string added) {
  Answer answer;
  answer.cleared_ = std::move(result);
  answer.own_ = std::move(added);
  return answer;
}

Answer Answer::error(Cleared error, std::int64_t code) {
  Answer answer;
  answer.cleared_ = std::move(error);
  answer.is_error_ = true;
  answer.code_ = code;
  return answer;
}

Answer Answer::own(std::string result) {
  Answer answer;
  answer.own_ = std::move(result);
  return answer;
}

Answer Answer::refusal(Refusal why, std::string record, std::string data) {
  Answer answer;
  answer.is_error_ = true;
  answer.code_ = json_rpc_code(why.reason);
  answer.refusal_ = std::move(why);
  answer.record_ = std::move(record);
  answer.data_ = std::move(data);
  return answer;
}

Inspected Answer::message(const RequestId& id, Revision revision) && {
  if (refusal_) {
    return InspectionGate::own(error_text(id.raw(), *refusal_, record_, data_, revision));
  }
  if (!cleared_) return InspectionGate::own(result_text(id.raw(), own_));
  if (is_error_) return InspectionGate::error(id, std::move(*cleared_));
  return InspectionGate::result(id, *cleared_, own_);
}

unsigned Answer::http_status() const { return is_error_ ? http_status_for(code_) : 200; }

}  // namespace toolgate
