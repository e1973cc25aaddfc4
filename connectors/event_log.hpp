#pragma once
// What a session has sent on its SSE streams, kept for a client that lost its connection and comes
// back with Last-Event-ID. A value: no I/O, no clock.
//
// Every stream of a session has a number, every event of a stream a position that counts from 1. An
// event's id is "<stream>-<position>"; position 0 is the start of the stream (the priming event).
// Ids are guessable and need not be otherwise: they mean something only inside one session, which
// only its agent can name. The log is bounded over all streams together, in bytes and events; the
// oldest event goes first.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace toolgate {

struct EventId {
  std::uint64_t stream = 0;
  std::uint64_t position = 0;
  friend bool operator==(const EventId&, const EventId&) = default;
};
std::string event_id_text(EventId id);
// Canonical decimal numbers alone: "3-17".
std::optional<EventId> event_id_from(std::string_view text);

// An event in the form it is written in. Shared: it waits in the log and in the queue of a
// connection, and whichever lets it go last frees it.
using StreamEvent = std::shared_ptr<const std::string>;

class EventLog {
 public:
  static constexpr std::uint64_t general = 0;  // the stream that belongs to no request; always open

  EventLog(std::size_t max_bytes, std::size_t max_events);

  // A new stream, for the answers to one POST.
  std::uint64_t open();
  // Adds a message to an open stream and returns the event to be written. An event past the bound
  // is returned and not kept.
  StreamEvent append(std::uint64_t stream, std::string_view message);
  // The stream's last message was sent: once its events have gone, it is forgotten.
  void finish(std::uint64_t stream);

  // Is the stream still open?
  bool is_open(std::uint64_t stream) const;
  // The position of the stream's last event.
  std::uint64_t last(std::uint64_t stream) const;
  // What came on that stream after that event. Nothing when the id was never given out, the stream
  // is forgotten, or an event in between is no longer kept.
  std::optional<std::vector<StreamEvent>> after(EventId id) const;
  // As much of it as is still kept.
  std::vector<StreamEvent> kept_after(EventId id) const;

  std::size_t bytes() const { return bytes_; }
  std::size_t events() const { return kept_.size(); }
  std::size_t streams() const { return streams_.size(); }

 private:
  struct Stream {
    std::uint64_t last = 0;
    std::uint64_t dropped = 0;  // positions up to this one are no longer kept
    bool open = true;
  };
  struct Kept {
    EventId id;
    StreamEvent event;
  };
  void drop_oldest();
  void forget_if_over(std::uint64_t stream);

  std::size_t max_bytes_;
  std::size_t max_events_;
  std::size_t bytes_ = 0;
  std::uint64_t next_stream_ = general + 1;
  std::map<std::uint64_t, Stream> streams_;
  std::deque<Kept> kept_;
};

}  // namespace toolgate
