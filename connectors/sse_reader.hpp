#pragma once
// The text/event-stream format, read as it comes in: any split of the bytes gives the same events.
// Source: WHATWG HTML section 9.2.6 "Interpreting an event stream". Lines end in CR, LF or CRLF; a
// byte order mark at the start is dropped; comments and unknown fields are ignored. That the data
// is UTF-8 is checked by whoever parses it.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/core/limits.hpp"
#include "gateway/core/result.hpp"

namespace toolgate {

struct SseEvent {
  std::string type;  // empty where the stream named none, which means "message"
  std::string data;  // lines joined by LF
  bool is_message() const { return type.empty() || type == "message"; }
};

class SseReader {
 public:
  // `event_bytes` bounds one event's data and one line.
  explicit SseReader(std::size_t event_bytes) : event_bytes_(event_bytes) {}

  // Appends the events that these bytes complete. A refusal (too_large) ends the stream: what was
  // appended before it counts, nothing may be put after it.
  Status put(std::string_view bytes, std::vector<SseEvent>& events);

  // A new connection for the same stream: the unfinished event is dropped, the last id and `retry`
  // stay.
  void restart();

  // The id to resume after; empty where there is none. Set by events without data too.
  const std::string& last_event_id() const { return last_event_id_; }
  std::optional<Milliseconds> retry() const { return retry_; }

 private:
  Status take_line(std::string_view line, std::vector<SseEvent>& events);
  Status take_field(std::string_view name, std::string_view value);
  void dispatch(std::vector<SseEvent>& events);
  std::string_view skip_mark(std::string_view bytes);

  std::size_t event_bytes_;
  std::size_t mark_ = 0;   // bytes of the byte order mark seen; 3 once the start is over
  bool after_cr_ = false;  // the last line ended in CR: an LF now belongs to it
  bool has_data_ = false;
  std::string line_;  // the beginning of a line whose end has not come
  std::string type_;
  std::string data_;
  std::string id_;  // becomes last_event_id_ at the end of the event
  std::string last_event_id_;
  std::optional<Milliseconds> retry_;
};

}  // namespace toolgate
