#pragma once
// The answer to one POST, whose form is decided as late as possible: plain JSON if the answer is
// all there is, a stream as soon as something is sent before it, or when it takes long.

#include <functional>
#include <optional>

#include "connectors/http_session.hpp"
#include "connectors/sse_writer.hpp"
#include "gateway/core/agent.hpp"

namespace toolgate {

class PostStream final : public AgentStream {
 public:
  // Called once, when the answer becomes a stream: somebody must write the feed from then on, until
  // it is finished or broken.
  using Started = std::function<void(const SessionHandle&, std::shared_ptr<SseFeed>)>;

  PostStream(SessionHandle session, asio::any_io_executor executor, std::size_t limit_bytes,
             Started started);
  ~PostStream() override;

  bool send(Inspected message) override;
  // Becomes a stream now, with the priming event where the revision has it. Idempotent.
  void start();
  bool is_started() const { return number_.has_value(); }
  // The answer was sent. Idempotent.
  void finish();

 private:
  SessionHandle session_;
  asio::any_io_executor executor_;
  std::size_t limit_;
  Started started_;
  std::shared_ptr<SseFeed> feed_;  // made when the stream starts; shared with its writer
  std::optional<std::uint64_t> number_;
  bool finished_ = false;
};

// When a client whose stream broke should come back.
inline constexpr std::chrono::milliseconds stream_retry_ms{1'000};

}  // namespace toolgate
