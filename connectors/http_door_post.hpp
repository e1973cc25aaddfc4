#pragma once
// The answer to one POST, whose form is decided as late as possible: plain JSON if the answer is
// all there is, a stream as soon as something is sent before it, or when it takes long.
//
// A session's stream is kept in its log: its events have ids, and a client that lost the connection
// gets the rest. A request of the modern era has no session: its events have no ids and are kept
// nowhere.

#include <functional>
#include <memory>
#include <optional>

#include "connectors/http_session.hpp"
#include "connectors/sse_writer.hpp"
#include "gateway/core/agent.hpp"

namespace toolgate {

class DoorConnection;

class PostStream final : public AgentStream {
 public:
  // Called once, when the answer becomes a stream: somebody must write the feed from then on, until
  // it is finished or broken.
  using Started = std::function<void(const SessionHandle&, std::shared_ptr<SseFeed>)>;

  // `session`: nothing for a request of the modern era.
  PostStream(SessionHandle session, asio::any_io_executor executor, std::size_t limit_bytes,
             Started started);
  ~PostStream() override;

  bool send(Inspected message) override;
  // Becomes a stream now, with the priming event where the revision has it. Idempotent.
  void start();
  bool is_started() const { return feed_ != nullptr; }
  // The answer was sent. Idempotent.
  void finish();

 private:
  SessionHandle session_;
  asio::any_io_executor executor_;
  std::size_t limit_;
  Started started_;
  std::shared_ptr<SseFeed> feed_;        // made when the stream starts; shared with its writer
  std::optional<std::uint64_t> number_;  // in the session's log
  bool finished_ = false;
};

// The POST that a connection is answering, where tick() finds it until its answer is there.
class Posting {
 public:
  Posting(DoorConnection& connection, const SessionHandle& session);
  Posting(const Posting&) = delete;
  ~Posting() { answered(); }

  PostStream& stream() { return stream_; }
  void answered();

 private:
  DoorConnection& connection_;
  PostStream stream_;
};

// When a client whose stream broke should come back.
inline constexpr std::chrono::milliseconds stream_retry_ms{1'000};

}  // namespace toolgate
