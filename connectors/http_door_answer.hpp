#pragma once
// The heads of the answers that the HTTP endpoint gives, written by hand: they are few, and this is
// the path that every call takes.

#include <ctime>
#include <string>
#include <string_view>

namespace toolgate {

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7), made anew once a second.
class HttpDate {
 public:
  std::string_view now();

 private:
  std::time_t second_ = -1;
  std::string text_;
};

struct AnswerHead {
  unsigned status = 200;
  std::string_view type = "";  // Content-Type, or none
  std::size_t length = 0;      // Content-Length
  bool chunked = false;        // instead of a length
  bool close = false;
  std::string_view session_id = "";  // Mcp-Session-Id, or none
  std::string_view headers = "";     // complete lines to add
};

// The whole head, with its empty line. Nothing in it comes from a request.
std::string answer_head(const AnswerHead& head, HttpDate& date);

}  // namespace toolgate
