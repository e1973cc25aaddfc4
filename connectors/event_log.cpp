#include "connectors/event_log.hpp"

#include <cassert>
#include <charconv>

#include "connectors/sse_writer.hpp"

namespace toolgate {
namespace {

std::optional<std::uint64_t> number_from(std::string_view digits) {
  if (digits.empty() || (digits.size() > 1 && digits.front() == '0')) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string event_id_text(EventId id) {
  return std::to_string(id.stream) + "-" + std::to_string(id.position);
}

std::optional<EventId> event_id_from(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto stream = number_from(text.substr(0, dash));
  const auto position = number_from(text.substr(dash + 1));
  if (!stream || !position) return std::nullopt;
  return EventId{*stream, *position};
}

EventLog::EventLog(std::size_t max_bytes, std::size_t max_events)
    : max_bytes_(max_bytes), max_events_(max_events) {
  streams_.emplace(general, Stream{});
}

std::uint64_t EventLog::open() {
  const std::uint64_t stream = next_stream_++;
  streams_.emplace(stream, Stream{});
  return stream;
}

StreamEvent EventLog::append(std::uint64_t stream, std::string_view message) {
  const auto found = streams_.find(stream);
  assert(found != streams_.end() && found->second.open);
  const EventId id{stream, ++found->second.last};
  auto event = std::make_shared<const std::string>(sse_event(event_id_text(id), message));
  kept_.push_back(Kept{id, event});
  bytes_ += event->size();
  while (bytes_ > max_bytes_ || kept_.size() > max_events_) drop_oldest();
  return event;
}

void EventLog::finish(std::uint64_t stream) {
  const auto found = streams_.find(stream);
  if (found == streams_.end() || stream == general) return;
  found->second.open = false;
  forget_if_over(stream);
}

bool EventLog::is_open(std::uint64_t stream) const {
  const auto found = streams_.find(stream);
  return found != streams_.end() && found->second.open;
}

std::uint64_t EventLog::last(std::uint64_t stream) const {
  const auto found = streams_.find(stream);
  return found == streams_.end() ? 0 : found->second.last;
}

std::optional<std::vector<StreamEvent>> EventLog::after(EventId id) const {
  const auto found = streams_.find(id.stream);
  if (found == streams_.end()) return std::nullopt;
  if (id.position > found->second.last || id.position < found->second.dropped) return std::nullopt;
  return kept_after(id);
}

std::vector<StreamEvent> EventLog::kept_after(EventId id) const {
  std::vector<StreamEvent> events;
  for (const Kept& kept : kept_) {
    if (kept.id.stream == id.stream && kept.id.position > id.position) events.push_back(kept.event);
  }
  return events;
}

void EventLog::drop_oldest() {
  const Kept& oldest = kept_.front();
  const EventId id = oldest.id;
  bytes_ -= oldest.event->size();
  kept_.pop_front();
  streams_.at(id.stream).dropped = id.position;
  forget_if_over(id.stream);
}

void EventLog::forget_if_over(std::uint64_t stream) {
  const auto found = streams_.find(stream);
  if (!found->second.open && found->second.dropped == found->second.last) streams_.erase(found);
}

}  // namespace toolgate
