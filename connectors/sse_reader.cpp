#include "connectors/sse_reader.hpp"

#include <algorithm>
#include <utility>

namespace toolgate {
namespace {

constexpr std::string_view mark = "\xEF\xBB\xBF";
constexpr std::size_t line_slack = 64;  // a field's name beside its value
constexpr std::size_t id_bytes = 1024;  // an id travels back in a header
constexpr std::size_t retry_digits = 9;

Refusal too_large() {
  return Refusal(Reason::too_large, "the server sent an event past the limit (result_bytes)");
}

}  // namespace

Status SseReader::put(std::string_view bytes, std::vector<SseEvent>& events) {
  if (mark_ < mark.size()) bytes = skip_mark(bytes);
  std::size_t at = 0;
  std::size_t lf =
      bytes.find('\n');  // the next one; searched for once, or a stream of CRs would be slow
  while (at < bytes.size()) {
    if (after_cr_) {
      after_cr_ = false;
      if (bytes[at] == '\n') {
        ++at;
        continue;
      }
    }
    if (lf < at) lf = bytes.find('\n', at);
    std::size_t end = std::min(lf, bytes.substr(0, lf).find('\r', at));
    if (end == std::string_view::npos) {
      line_.append(bytes.substr(at));
      if (line_.size() > event_bytes_ + line_slack) return too_large();
      break;
    }
    std::string_view line = bytes.substr(at, end - at);
    if (!line_.empty()) line = line_.append(line);
    auto taken = take_line(line, events);
    if (!taken) return taken;
    line_.clear();
    after_cr_ = bytes[end] == '\r';
    at = end + 1;
  }
  return done();
}

void SseReader::restart() {
  mark_ = 0;
  after_cr_ = false;
  has_data_ = false;
  line_.clear();
  type_.clear();
  data_.clear();
  id_ = last_event_id_;
}

// What follows the byte order mark, if there is one. Bytes that only began like one go to the first
// line.
std::string_view SseReader::skip_mark(std::string_view bytes) {
  while (!bytes.empty() && mark_ < mark.size() && bytes.front() == mark[mark_]) {
    bytes.remove_prefix(1);
    ++mark_;
  }
  if (!bytes.empty() && mark_ < mark.size()) {
    line_.append(mark.substr(0, mark_));
    mark_ = mark.size();
  }
  return bytes;
}

Status SseReader::take_line(std::string_view line, std::vector<SseEvent>& events) {
  if (line.size() > event_bytes_ + line_slack) return too_large();
  if (line.empty()) {
    dispatch(events);
    return done();
  }
  std::size_t colon = line.find(':');
  if (colon == 0) return done();
  if (colon == std::string_view::npos) return take_field(line, {});
  std::string_view value = line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  return take_field(line.substr(0, colon), value);
}

Status SseReader::take_field(std::string_view name, std::string_view value) {
  if (name == "data") {
    std::size_t joint = has_data_ ? 1 : 0;
    if (data_.size() + joint + value.size() > event_bytes_) return too_large();
    if (has_data_) data_ += '\n';
    data_.append(value);
    has_data_ = true;
  } else if (name == "event") {
    type_ = value;
  } else if (name == "id") {
    if (value.size() > id_bytes) return too_large();
    if (value.find('\0') == std::string_view::npos) id_ = value;
  } else if (name == "retry") {
    bool digits = std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; });
    if (digits && !value.empty()) {
      bool fits = value.size() <= retry_digits;
      retry_ = Milliseconds(fits ? std::stoll(std::string(value)) : 999'999'999);
    }
  }
  return done();
}

void SseReader::dispatch(std::vector<SseEvent>& events) {
  last_event_id_ = id_;
  if (has_data_) events.push_back(SseEvent{std::move(type_), std::move(data_)});
  type_.clear();
  data_.clear();
  has_data_ = false;
}

}  // namespace toolgate
