#include "connectors/sse_writer.hpp"

#include <array>
#include <charconv>

namespace toolgate {

std::string sse_event(std::string_view id, std::string_view data) {
  std::string out;
  out.reserve(data.size() + id.size() + 40);
  if (!id.empty()) {
    out += "id: ";
    out += id;
    out += '\n';
  }
  out += "event: message\n";
  for (;;) {
    const std::size_t end = data.find_first_of("\r\n");
    out += "data: ";
    out += data.substr(0, end);
    out += '\n';
    if (end == std::string_view::npos) break;
    data.remove_prefix(end + 1);
  }
  out += '\n';
  return out;
}

std::string sse_priming(std::string_view id, std::chrono::milliseconds retry) {
  return "id: " + std::string(id) + "\nretry: " + std::to_string(retry.count()) + "\ndata: \n\n";
}

void append_chunk(std::string& out, std::string_view data) {
  if (data.empty()) return;
  std::array<char, 16> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), data.size(), 16).ptr;
  out.append(digits.data(), end);
  out += "\r\n";
  out += data;
  out += "\r\n";
}

SseFeed::SseFeed(asio::any_io_executor executor, std::size_t limit_bytes)
    : executor_(std::move(executor)), limit_(limit_bytes) {}

void SseFeed::push(StreamEvent event) {
  if (broken_ || finished_) return;
  if (bytes_ + event->size() > limit_) {
    break_off();
    return;
  }
  bytes_ += event->size();
  events_.push_back(std::move(event));
  wake();
}

void SseFeed::push_comment() {
  if (broken_ || finished_ || !events_.empty()) return;
  comment_ = true;
  wake();
}

void SseFeed::finish() {
  finished_ = true;
  wake();
}

void SseFeed::break_off() {
  broken_ = true;
  events_ = {};
  bytes_ = 0;
  wake();
}

std::string SseFeed::take() {
  std::string text;
  text.reserve(bytes_ + sse_comment.size());
  if (comment_) text += sse_comment;
  for (const StreamEvent& event : events_) text += *event;
  events_ = {};
  bytes_ = 0;
  comment_ = false;
  return text;
}

Task<> SseFeed::wait() {
  if (finished_ || broken_ || !is_empty()) co_return;
  waiting_.emplace(executor_);
  co_await waiting_->wait();
  waiting_.reset();
}

void SseFeed::wake() {
  if (waiting_) waiting_->set(Done{});
}

}  // namespace toolgate
