#include "inspectors/inspector.hpp"

namespace toolgate {

std::vector<std::unique_ptr<Inspector>> all_inspectors() {
  std::vector<std::unique_ptr<Inspector>> list;
  list.push_back(make_terminal_escapes());
  list.push_back(make_tag_characters());
  return list;
}

std::string_view channel_name(Channel channel) {
  switch (channel) {
    case Channel::definition:
      return "definition";
    case Channel::instructions:
      return "instructions";
    case Channel::tool_result:
      return "tool_result";
    case Channel::error:
      return "error";
    case Channel::prompt:
      return "prompt";
    case Channel::resource:
      return "resource";
    case Channel::completion:
      return "completion";
    case Channel::progress:
      return "progress";
    case Channel::log_message:
      return "log_message";
    case Channel::notification:
      return "notification";
    case Channel::elicitation:
      return "elicitation";
    case Channel::sampling:
      return "sampling";
    case Channel::task:
      return "task";
    case Channel::skill:
      return "skill";
  }
  return "";
}

}  // namespace toolgate
